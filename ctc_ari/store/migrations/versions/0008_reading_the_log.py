"""What the call log is found by: an index in the order of time for each filter, and the words of its texts."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

UP = r"""
-- Every index ends in (started_at, id), so that whatever is asked for is read newest first and no further than a page.
create index call_log_number on call_log (number, started_at, id);
create index call_log_contact on call_log (contact_id, started_at, id);
create index call_log_direction on call_log (direction, started_at, id);
create index call_log_disposition on call_log (disposition, started_at, id);
create index call_log_direction_disposition on call_log (direction, disposition, started_at, id);
-- What is deleted with its row or before it, and what may name a number outside.
create index call_log_recorded on call_log (started_at) where recordings <> '[]';
create index call_log_transferred on call_log (id) where transfers <> '[]';

-- Whose calls: a row for each agent of a call, because an array has no order of time.
create table call_log_agents (
    email       text        not null,
    started_at  timestamptz not null,
    id          text        not null,
    direction   text        not null,
    disposition text        not null,
    primary key (email, started_at, id)
);
create index call_log_agents_direction on call_log_agents (email, direction, started_at, id);
create index call_log_agents_disposition on call_log_agents (email, disposition, started_at, id);

create function keep_call_log_agents() returns trigger language plpgsql as $$
begin
    if tg_op <> 'INSERT' then
        delete from call_log_agents
        where email = any (old.agent_emails) and started_at = old.started_at and id = old.id;
    end if;
    if tg_op <> 'DELETE' then
        insert into call_log_agents (email, started_at, id, direction, disposition)
        select distinct email, new.started_at, new.id, new.direction, new.disposition
        from unnest(new.agent_emails) as email on conflict do nothing;
    end if;
    return null;
end
$$;
create trigger call_log_agents_kept after insert or delete on call_log
    for each row execute function keep_call_log_agents();
create trigger call_log_agents_changed after update of id, started_at, direction, disposition, agent_emails on call_log
    for each row when (
        (old.id, old.started_at, old.direction, old.disposition, old.agent_emails)
        is distinct from (new.id, new.started_at, new.direction, new.disposition, new.agent_emails)
    ) execute function keep_call_log_agents();

-- Words, and filters that have no index together, are found a day at a time: every lexeme begins with the number of
-- its day, so that even what is true of every row is read newest first, and no further than a page. To ask for a day
-- without any takes a few microseconds.
create function call_log_day(at timestamptz) returns integer
    language sql immutable strict parallel safe as $$ select floor(extract(epoch from $1) / 86400)::integer $$;

create function call_log_mark(day integer) returns text
    language sql immutable strict parallel safe as $$ select lpad(to_hex($1 & 65535), 4, '0') $$;

-- Without accents and letter case, split where ASCII, Latin and general punctuation is: the same in every locale.
create function call_log_text_words(given text) returns text[]
    language plpgsql immutable strict parallel safe as $$
begin
    return array_remove(regexp_split_to_array(
        replace(lower(regexp_replace(normalize(given, nfkd), '[\u0300-\u036f]+', '', 'g')), 'ß', 'ss'),
        '[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u2000-\u206f\u3000-\u303f]+'
    ), '');
end
$$;

-- `w` is a word, `n` the number, `r` the number from its end, `c` the contact, `a` an agent, `x` the direction, `d` the
-- disposition. PL/pgSQL keeps the plan, which makes it three times faster. The search path is for pg_restore, which
-- has none.
create function call_log_words(
    started_at timestamptz, number text, contact_id text, agent_emails text[], direction text, disposition text,
    contact_name text, agents jsonb, notes text, outcome text
) returns tsvector language plpgsql immutable parallel safe set search_path from current as $$
declare
    mark text := call_log_mark(call_log_day(started_at));
    words text[] := call_log_text_words(concat_ws(
        ' ', contact_name, jsonb_path_query_array(agents, '$[*].name')::text, notes, outcome
    ));
begin
    words := array(select mark || 'w' || left(word, 64) from unnest(words) as word)
        || array(select mark || 'a' || email from unnest(agent_emails) as email)
        || array[mark || 'x' || direction, mark || 'd' || disposition];
    if number <> '' then
        words := words || array[mark || 'n' || number, mark || 'r' || reverse(number)];
    end if;
    if contact_id is not null then
        words := words || (mark || 'c' || contact_id);
    end if;
    return array_to_tsvector(words);
end
$$;

-- A text that is looked for, with a line break for the day: every word by its beginning, or else a number by its
-- beginning or end.
create function call_log_query(given text, beginnings text[], ending text) returns text
    language sql immutable parallel safe as $$
    select concat_ws(
        ' | ',
        (
            select string_agg(format(e'''\nw%s'':*', left(word, 64)), ' & ')
            from unnest(call_log_text_words($1)) as word
        ),
        (select string_agg(format(e'''\nn%s'':*', beginning), ' | ') from unnest($2) as beginning),
        case when $3 <> '' then format(e'''\nr%s'':*', reverse($3)) end
    )
$$;

alter table call_log add column words tsvector generated always as (call_log_words(
    started_at, number, contact_id, agent_emails, direction, disposition, contact_name, agents, notes, outcome
)) stored;
-- Without a list of what is not sorted in yet: for each day that is asked for all of it would be read.
create index call_log_found on call_log using gin (words) with (fastupdate = off);
"""


def upgrade() -> None:
    """Add them; on a log that is long already this takes minutes."""
    op.execute(UP)


def downgrade() -> None:
    """Migrations only go forward: restore a backup instead."""
    raise NotImplementedError
