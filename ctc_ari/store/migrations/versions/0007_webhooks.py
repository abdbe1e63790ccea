"""Webhooks, and what is on its way to them and to the CRM."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

UP = r"""
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
"""


def upgrade() -> None:
    """Add the tables."""
    op.execute(UP)


def downgrade() -> None:
    """Migrations only go forward: restore a backup instead."""
    raise NotImplementedError
