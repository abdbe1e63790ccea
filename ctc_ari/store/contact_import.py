"""Many contacts at once: some statements for a thousand of them, and none for those that are as they were."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ctc_ari.contacts import ContactDetails
from ctc_ari.store.contacts import read_contacts, sort_key_of, text_words_of
from ctc_ari.store.pool import Connection, database_errors

__all__ = ["Imported", "import_contacts"]


class Imported(msgspec.Struct, frozen=True):
    """How many contacts became what; those with one id are one."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0

    def __add__(self, other: Imported) -> Imported:
        return Imported(self.added + other.added, self.changed + other.changed, self.unchanged + other.unchanged)


async def import_contacts(connection: Connection, contacts: Sequence[ContactDetails], says: frozenset[str]) -> Imported:
    """Create these contacts, or make them as given in the fields that `says` names; of those with one id, the last.

    They are what `check_contact` returned. In one transaction. Raises DatabaseUnreachable.
    """
    #: Always in the same order, so that two imports at once wait for each other in one direction only.
    latest = {contact.id: contact for contact in sorted(contacts, key=lambda contact: contact.id)}
    with database_errors():
        async with connection.transaction():
            known = {contact.id: contact for contact in await read_contacts(connection, list(latest))}
            merged = [_merge(known.get(contact.id), contact, says) for contact in latest.values()]
            written = [contact for contact in merged if contact != known.get(contact.id)]
            if written:
                await _write(connection, written)
    added = len(latest) - len(known)
    changed = len(written) - added
    return Imported(added, changed, len(latest) - added - changed)


def _merge(known: ContactDetails | None, given: ContactDetails, says: frozenset[str]) -> ContactDetails:
    if known is None:
        return given
    return msgspec.structs.replace(known, **{field: getattr(given, field) for field in says})


async def _write(connection: Connection, contacts: Sequence[ContactDetails]) -> None:
    await connection.execute(
        """
        insert into contacts (id, name, email, company, url, sort_key, words)
        select id, name, email, company, url, sort_key, array_to_tsvector(string_to_array(words, ' '))
        from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
            as given (id, name, email, company, url, sort_key, words)
        on conflict (id) do update set name = excluded.name, email = excluded.email, company = excluded.company,
            url = excluded.url, sort_key = excluded.sort_key, words = excluded.words, updated_at = now()
        """,
        [contact.id for contact in contacts],
        [contact.name for contact in contacts],
        [contact.email for contact in contacts],
        [contact.company for contact in contacts],
        [contact.url for contact in contacts],
        [sort_key_of(contact.name) for contact in contacts],
        [" ".join(text_words_of(contact.name, contact.email, contact.company)) for contact in contacts],
    )
    await connection.execute(
        "delete from contact_numbers where contact_id = any($1)", [contact.id for contact in contacts]
    )
    rows = [(contact.id, each, position) for contact in contacts for position, each in enumerate(contact.numbers)]
    await connection.execute(
        """
        insert into contact_numbers (contact_id, number, label, position)
        select * from unnest($1::text[], $2::text[], $3::text[], $4::integer[])
        """,
        [contact_id for contact_id, _, _ in rows],
        [each.number for _, each, _ in rows],
        [each.label for _, each, _ in rows],
        [position for _, _, position in rows],
    )
