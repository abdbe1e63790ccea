"""Contacts and their numbers."""

from __future__ import annotations

from ctc_ari.directory import ContactRecord
from ctc_ari.store.pool import Connection, database_errors

__all__ = ["put_contact"]


async def put_contact(connection: Connection, contact: ContactRecord) -> None:
    """Create the contact, or make it as given; numbers are E.164. Raises DatabaseUnreachable."""
    with database_errors():
        async with connection.transaction():
            await connection.execute(
                "insert into contacts (id, name) values ($1, $2)"
                " on conflict (id) do update set name = excluded.name, updated_at = now()",
                contact.id,
                contact.name,
            )
            await connection.execute("delete from contact_numbers where contact_id = $1", contact.id)
            await connection.executemany(
                "insert into contact_numbers (contact_id, number, position) values ($1, $2, $3)",
                [(contact.id, number, position) for position, number in enumerate(contact.numbers)],
            )
