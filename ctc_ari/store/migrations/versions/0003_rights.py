"""What a token may do beside placing, seeing and ending calls."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

UP = r"""
alter table tokens
    add column rights text[] not null default '{}',  -- beside calls: admin, supervise
    add constraint tokens_rights check (
        rights <@ array['admin', 'supervise'] and (agents is null or not 'admin' = any (rights))
    );
-- As for new ones: who speaks for all agents administers, unless it was made without.
update tokens set rights = '{admin}' where agents is null;
"""


def upgrade() -> None:
    """Add the column."""
    op.execute(UP)


def downgrade() -> None:
    """Migrations only go forward: restore a backup instead."""
    raise NotImplementedError
