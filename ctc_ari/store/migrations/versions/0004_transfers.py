"""Calls that come of a transfer, and calls that come in."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

UP = r"""
alter table calls add column linkedid text not null default '';
alter table calls add column transferred_from text;
update calls set linkedid = id;
create index calls_linkedid on calls (linkedid);

-- Two clicks at once: the second one's insert fails here. Calls that come to an agent are kept apart in memory.
drop index calls_one_live_per_agent;
create unique index calls_one_live_per_agent on calls (agent_email)
    where state <> 'ended' and direction = 'outbound' and transferred_from is null;
"""


def upgrade() -> None:
    op.execute(UP)
