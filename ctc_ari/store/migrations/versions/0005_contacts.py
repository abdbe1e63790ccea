"""What is kept of a contact, and how it is found: by name, by a part of a number, by the last conversation."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

UP = r"""
alter table contacts
    add column email          text,
    add column company        text,
    add column url            text        check (url ~* '^https?://'),
    add column external       jsonb       not null default '{}',
    add column last_spoken_at timestamptz,  -- when the last conversation ended; no index: writing it stays cheap
    add column sort_key       text        collate "C" not null default '',
    add column words          tsvector    not null default '';
-- Near enough until the contact is written again: PostgreSQL alone cannot take accents away.
update contacts set
    sort_key = lower(name),
    words = array_to_tsvector(array_remove(regexp_split_to_array(lower(name), '[^[:alnum:]]+'), ''));
create index contacts_sort_key on contacts (sort_key, id);
create index contacts_words on contacts using gin (words);

alter table contact_numbers add column label text;
-- For a whole number, its beginning, and its end.
drop index contact_numbers_number;
create index contact_numbers_number on contact_numbers (number text_pattern_ops);
create index contact_numbers_ending on contact_numbers (reverse(number) text_pattern_ops);
"""


def upgrade() -> None:
    """Add the columns, and fill what the search needs."""
    op.execute(UP)


def downgrade() -> None:
    """Migrations only go forward: restore a backup instead."""
    raise NotImplementedError
