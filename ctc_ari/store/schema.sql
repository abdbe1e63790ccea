-- The database as it stands after every migration; a test keeps both equal. Nothing runs this file but that test.

create table agents (
    email         text        primary key check (email = lower(email) and email like '%_@_%'),
    name          text        not null default '',
    extension     text        unique check (extension ~ '^[0-9*#]{1,20}$'),
    desk_endpoint text,
    contact       text,
    caller_id     text,
    device        text        not null default 'desk' check (device in ('desk', 'web')),
    auto_answer   boolean     not null default false,
    sip_password  text,
    created_at    timestamptz not null default now(),
    updated_at    timestamptz not null default now()
);

-- A token is known by its public id; of its secret only the SHA-256 is here.
create table tokens (
    id         text        primary key,
    name       text        not null,
    hash       bytea       not null check (length(hash) = 32),
    agents     text[],                  -- e-mail addresses it may act for; null: all
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    rights     text[]      not null default '{}',  -- beside calls: admin, supervise
    constraint tokens_rights check (
        rights <@ array['admin', 'supervise'] and (agents is null or not 'admin' = any (rights))
    )
);
create index tokens_name on tokens (name);

-- `sort_key` and `words` are the name without accents and letter case, and what is found by its beginning: `ctc_ari/words.py`.
create table contacts (
    id             text        primary key,
    name           text        not null,
    created_at     timestamptz not null default now(),
    updated_at     timestamptz not null default now(),
    email          text,
    company        text,
    url            text        check (url ~* '^https?://'),
    external       jsonb       not null default '{}',
    last_spoken_at timestamptz,  -- when the last conversation ended; no index: writing it stays cheap
    sort_key       text        collate "C" not null default '',
    words          tsvector    not null default ''
);
create index contacts_sort_key on contacts (sort_key, id);
create index contacts_words on contacts using gin (words);

create table contact_numbers (
    contact_id text    not null references contacts on delete cascade,
    number     text    not null check (number ~ '^\+[1-9][0-9]{6,14}$'),
    position   integer not null default 0,
    label      text,
    primary key (contact_id, number)
);
-- For a whole number, its beginning, and its end.
create index contact_numbers_number on contact_numbers (number text_pattern_ops);
create index contact_numbers_ending on contact_numbers (reverse(number) text_pattern_ops);

-- `snapshot` is the engine's whole call, enough for another process to take it over; the columns are for queries.
create table calls (
    id                text        primary key,
    node              text        not null,
    direction         text        not null check (direction in ('outbound', 'inbound', 'internal')),
    state             text        not null check (state in ('ringing_agent', 'ringing_customer', 'talking', 'ended')),
    phase             text        not null,
    agent_email       text        not null,
    device            text        not null,
    number            text        not null,
    contact_id        text,
    created_at        timestamptz not null,
    agent_answered_at timestamptz,
    answered_at       timestamptz,
    ended_at          timestamptz,
    end_reason        text,
    ended_by          text,
    snapshot          jsonb       not null,
    updated_at        timestamptz not null default now(),
    linkedid          text        not null default '',
    transferred_from  text
);
-- Two clicks at once: the second one's insert fails here. Calls that come to an agent are kept apart in memory.
create unique index calls_one_live_per_agent on calls (agent_email)
    where state <> 'ended' and direction = 'outbound' and transferred_from is null;
create index calls_linkedid on calls (linkedid);
create index calls_live_by_node on calls (node) where state <> 'ended';
create index calls_created_at on calls (created_at);

create table call_journal (
    call_id text        not null,
    seq     integer     not null,
    at      timestamptz not null,
    event   text        not null,
    data    jsonb,
    primary key (call_id, seq)
);

-- `call_id` is null while the first request with that key is under way.
create table idempotency_keys (
    owner      text        not null,
    key        text        not null,
    request    bytea       not null,
    call_id    text,
    created_at timestamptz not null default now(),
    primary key (owner, key)
);
create index idempotency_keys_created_at on idempotency_keys (created_at);

-- Every instance keeps agents and tokens in memory and reloads them when told.
create function notify_directory() returns trigger language plpgsql as $$
begin
    perform pg_notify('ctc_directory', tg_table_name);
    return null;
end
$$;
create trigger agents_changed after insert or update or delete or truncate on agents
    for each statement execute function notify_directory();
create trigger tokens_changed after insert or update or delete or truncate on tokens
    for each statement execute function notify_directory();

-- An agent's own access, made with a token; it ends with that token, with the agent, or at its time.
create table sessions (
    id          text        primary key,
    hash        bytea       not null check (length(hash) = 32),
    agent_email text        not null references agents on update cascade on delete cascade,
    token_id    text        not null references tokens on delete cascade,
    created_at  timestamptz not null default now(),
    expires_at  timestamptz not null
);
create index sessions_agent on sessions (agent_email, created_at);
create index sessions_token on sessions (token_id);
create index sessions_expires_at on sessions (expires_at);

-- There are many more of them than agents, so it is told which one changed; '': all of them went.
create function notify_sessions() returns trigger language plpgsql as $$
begin
    perform pg_notify('ctc_sessions', coalesce(new.id, old.id, ''));
    return null;
end
$$;
create trigger sessions_changed after insert or update or delete on sessions
    for each row execute function notify_sessions();
create trigger sessions_truncated after truncate on sessions
    for each statement execute function notify_sessions();

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

-- One row per call as the customer sees it, whatever number of transfers it had; docs/call-log.md says what each column means.
create table call_log (
    id                text        primary key,
    linkedid          text        not null unique,
    calls             text[]      not null default '{}',
    source            text        not null check (source in ('service', 'asterisk')),
    node              text        not null default '',
    direction         text        not null check (direction in ('outbound', 'inbound', 'internal')),
    number            text        not null default '',
    did               text,
    agent_email       text,
    agents            jsonb       not null default '[]',
    agent_emails      text[]      not null default '{}',
    device            text,
    contact_id        text,
    contact_name      text,
    contact_by        text        check (contact_by in ('record', 'number', 'person')),
    candidates        jsonb       not null default '[]',
    disposition       text        not null check (disposition in (
        'answered', 'no_answer', 'busy', 'rejected', 'cancelled', 'failed', 'missed', 'abandoned'
    )),
    end_reason        text        not null,
    ended_by          text,
    started_at        timestamptz not null,
    agent_answered_at timestamptz,
    answered_at       timestamptz,
    ended_at          timestamptz not null,
    ring_seconds      float8      not null default 0,
    talk_seconds      float8      not null default 0,
    hold_seconds      float8      not null default 0,
    transfers         jsonb       not null default '[]',
    recordings        jsonb       not null default '[]',
    quality           jsonb       not null default '[]',
    notes             text,
    outcome           text,
    logged_at         timestamptz not null default now(),
    updated_at        timestamptz not null default now(),
    words             tsvector    generated always as (call_log_words(
        started_at, number, contact_id, agent_emails, direction, disposition, contact_name, agents, notes, outcome
    )) stored
);
create index call_log_started_at on call_log (started_at desc, id desc);
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
-- Without a list of what is not sorted in yet: for each day that is asked for all of it would be read.
create index call_log_found on call_log using gin (words) with (fastupdate = off);

-- Asterisk writes these two itself (cdr_pgsql, cel_pgsql): the columns bear its names, times are Unix seconds.
create table cdr (
    start       float8  not null default 0,
    answer      float8  not null default 0,
    "end"       float8  not null default 0,
    clid        text    not null default '',
    src         text    not null default '',
    dst         text    not null default '',
    dcontext    text    not null default '',
    channel     text    not null default '',
    dstchannel  text    not null default '',
    lastapp     text    not null default '',
    lastdata    text    not null default '',
    duration    float8  not null default 0,
    billsec     float8  not null default 0,
    disposition text    not null default '',
    amaflags    text    not null default '',
    accountcode text    not null default '',
    peeraccount text    not null default '',
    userfield   text    not null default '',
    uniqueid    text    not null default '',
    linkedid    text    not null default '',
    sequence    integer not null default 0
);
create unique index cdr_once on cdr (uniqueid, sequence);
create index cdr_linkedid on cdr (linkedid);
create index cdr_start on cdr (start);

create table cel (
    eventtype   text   not null default '',
    eventtime   float8 not null default 0,
    cid_name    text   not null default '',
    cid_num     text   not null default '',
    cid_dnid    text   not null default '',
    exten       text   not null default '',
    context     text   not null default '',
    channame    text   not null default '',
    appname     text   not null default '',
    appdata     text   not null default '',
    accountcode text   not null default '',
    uniqueid    text   not null default '',
    linkedid    text   not null default '',
    peer        text   not null default '',
    userfield   text   not null default '',
    extra       text   not null default ''
);
create unique index cel_once on cel (uniqueid, eventtime, eventtype);
create index cel_linkedid on cel (linkedid);
create index cel_started on cel (eventtime) where eventtype = 'CHAN_START';

-- Channels that bear no name of ours and are part of a call all the same.
create table call_channels (
    channel text primary key,
    call_id text not null
);
create index call_channels_call on call_channels (call_id);

-- What the log has to be compared with, or completed from, soon.
create table log_due (
    linkedid text        primary key,
    due_at   timestamptz not null default now(),
    since    timestamptz not null default now()
);
create index log_due_at on log_due (due_at);

create function log_is_due() returns trigger language plpgsql as $$
begin
    insert into log_due (linkedid) values (new.linkedid) on conflict do nothing;
    return null;
end
$$;
create trigger cel_ended after insert on cel
    for each row when (new.eventtype = 'LINKEDID_END') execute function log_is_due();
create trigger cdr_written after insert on cdr
    for each row when (new.linkedid <> '') execute function log_is_due();

create table webhooks (
    id               text        primary key,
    kind             text        not null default 'webhook' check (kind in ('webhook', 'crm')),
    url              text        not null,
    description      text        not null default '',
    types            text[],             -- of events; null: all
    agents           text[],             -- e-mail addresses; null: all
    secret           text        not null,
    old_secret       text,
    old_secret_until timestamptz,
    enabled          boolean     not null default true,
    created_at       timestamptz not null default now(),
    updated_at       timestamptz not null default now(),
    failing_since    timestamptz,        -- since when no attempt succeeded
    disabled_at      timestamptz,
    disabled_reason  text
);

-- The transactional outbox: a row comes with the journal's, in the same statement. No foreign key: what happens to a
-- call is written whether or not a webhook is removed meanwhile.
create table webhook_deliveries (
    id              bigint      generated always as identity primary key,
    webhook_id      text        not null,
    call_id         text        not null,
    seq             integer     not null,  -- in the call's journal: the order of delivery
    type            text        not null,
    payload         text        not null,
    state           text        not null default 'pending' check (state in ('pending', 'delivered', 'failed')),
    attempts        integer     not null default 0,
    created_at      timestamptz not null default now(),
    due_at          timestamptz not null default now(),
    leased_until    timestamptz,           -- an instance is delivering it
    last_attempt_at timestamptz,
    status          integer,               -- of the last answer
    error           text,
    unique (webhook_id, call_id, seq)
) with (fillfactor = 70);
create index webhook_deliveries_due on webhook_deliveries (webhook_id, due_at) where state = 'pending';
create index webhook_deliveries_page on webhook_deliveries (webhook_id, id);
create index webhook_deliveries_created_at on webhook_deliveries (created_at);

-- What the CRM answered last, so that a restart while it is down forgets nothing.
create table crm_answers (
    kind        text        not null check (kind in ('agent', 'contact')),
    key         text        not null,  -- an e-mail address, or a number in E.164
    answer      jsonb       not null,  -- `null`: there is nobody
    answered_at timestamptz not null default now(),
    primary key (kind, key)
);
create index crm_answers_contact on crm_answers ((answer ->> 'id')) where kind = 'contact';
create index crm_answers_answered_at on crm_answers (answered_at);
