"""What the CRM answered last, so that a restart while it is down forgets nothing."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

UP = """
create table crm_answers (
    kind        text        not null check (kind in ('agent', 'contact')),
    key         text        not null,  -- an e-mail address, or a number in E.164
    answer      jsonb       not null,  -- `null`: there is nobody
    answered_at timestamptz not null default now(),
    primary key (kind, key)
);
create index crm_answers_contact on crm_answers ((answer ->> 'id')) where kind = 'contact';
create index crm_answers_answered_at on crm_answers (answered_at);
"""


def upgrade() -> None:
    """Add it."""
    op.execute(UP)


def downgrade() -> None:
    """Migrations only go forward: restore a backup instead."""
    raise NotImplementedError
