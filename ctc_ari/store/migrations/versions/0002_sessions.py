"""Agents' sessions."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

UP = r"""
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
"""


def upgrade() -> None:
    """Create the table."""
    op.execute(UP)


def downgrade() -> None:
    """Migrations only go forward: restore a backup instead."""
    raise NotImplementedError
