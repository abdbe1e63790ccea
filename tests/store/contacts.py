"""A contact with nothing but a name and numbers, written as the service writes it."""

from __future__ import annotations

from ctc_ari.contacts import ContactDetails, ContactNumber
from ctc_ari.store.contacts import PostgresContacts
from ctc_ari.store.pool import Pool

__all__ = ["put_contact"]


async def put_contact(pool: Pool, contact_id: str, name: str, *numbers: str) -> None:
    """Create the contact, or replace it; its numbers are E.164."""
    await PostgresContacts(pool).put(ContactDetails(contact_id, name, tuple(map(ContactNumber, numbers))))
