"""The call log: one row per call, and the records of Asterisk's own that it is held against."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

UP = r"""
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
    updated_at        timestamptz not null default now()
);
create index call_log_started_at on call_log (started_at desc, id desc);

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
"""


def upgrade() -> None:
    """Add the tables; calls of before have no row in the log until `ctc-ari log rebuild` writes them."""
    op.execute(UP)


def downgrade() -> None:
    """Migrations only go forward: restore a backup instead."""
    raise NotImplementedError
