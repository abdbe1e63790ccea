"""Contacts and their numbers: written, and found by id, by number and by name. Numbers are E.164."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import asyncpg
import msgspec

from ctc_ari.calls.numbers import NumberPart
from ctc_ari.contacts import ContactDetails, ContactNumber, ContactPage, Position, check_contact
from ctc_ari.errors import Conflict, ContactNotFound
from ctc_ari.store.pool import Connection, Pool, acquire, database_errors
from ctc_ari.words import fold, words_of

__all__ = [
    "BY_CONVERSATION",
    "PostgresContacts",
    "mark_spoken",
    "read_contacts",
    "sort_key_of",
    "text_words_of",
]

#: So many share a number at most in one answer; a switchboard with more says nothing about who is calling.
MOST_WITH_NUMBER = 50

_SELECT = """
    select id, name, email, company, url, external::text,
        array(select held.number from contact_numbers as held where contact_id = contacts.id order by position, number)
            as numbers,
        array(select held.label from contact_numbers as held where contact_id = contacts.id order by position, number)
            as labels,
        extract(epoch from created_at)::float8 as created_at, extract(epoch from updated_at)::float8 as updated_at,
        extract(epoch from last_spoken_at)::float8 as last_spoken_at, sort_key
    from contacts
"""

#: Whose call it is when several contacts share its number, for a join of contacts and contact_numbers: the one most
#: recently spoken to; of those never spoken to, the one whose first number it is, then the oldest record.
BY_CONVERSATION = "contacts.last_spoken_at desc nulls last, contact_numbers.position, contacts.created_at, contacts.id"

_WITH_NUMBER = f"""
    {_SELECT} join contact_numbers on contact_numbers.contact_id = contacts.id
    where contact_numbers.number = $1 order by {BY_CONVERSATION} limit {MOST_WITH_NUMBER}
"""

_INSERT = """
    insert into contacts (id, name, email, company, url, external, sort_key, words)
    values ($1, $2, $3, $4, $5, $6::text::jsonb, $7, array_to_tsvector($8::text[]))
"""
_REPLACE = """
    on conflict (id) do update set name = excluded.name, email = excluded.email, company = excluded.company,
        url = excluded.url, external = excluded.external, sort_key = excluded.sort_key, words = excluded.words,
        updated_at = now()
    returning xmax = 0
"""

#: The operators are those of the indexes (text_pattern_ops), so that a prepared statement uses them, too. `:` is the
#: character behind `9`.
_PART = """
    select distinct contact_id from contact_numbers
    where (number ~>=~ $4 and number ~<~ ($4 || ':')) or (number ~>=~ $5 and number ~<~ ($5 || ':'))
        or (reverse(number) ~>=~ reverse($6) and reverse(number) ~<~ (reverse($6) || ':'))
"""
_OR_NAMED = "union select id from contacts where words @@ $7::tsquery"

_SPOKEN = """
    update contacts set last_spoken_at = greatest(last_spoken_at, to_timestamp(latest))
    from (select spoken, max(at) as latest from unnest($1::text[], $2::float8[]) as given (spoken, at) group by spoken)
    where id = spoken
"""


class PostgresContacts:
    """Implements `ctc_ari.contacts.Contacts`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def read(self, contact_id: str) -> ContactDetails:
        """Raises ContactNotFound, DatabaseUnreachable."""
        async with acquire(self._pool) as connection:
            return await _read(connection, contact_id)

    async def create(self, contact: ContactDetails) -> ContactDetails:
        """Raises BadRequest for what it may not hold, Conflict when its id is taken, DatabaseUnreachable."""
        contact = check_contact(contact)
        async with acquire(self._pool) as connection, connection.transaction():
            try:
                await connection.execute(_INSERT, *_values(contact))
            except asyncpg.UniqueViolationError:
                raise Conflict(f"There is a contact {contact.id} already; PUT replaces it, PATCH changes it.") from None
            await _write_numbers(connection, contact)
            return await _read(connection, contact.id)

    async def put(self, contact: ContactDetails) -> tuple[ContactDetails, bool]:
        """Create it or replace it whole; whether it is new. Raises BadRequest, DatabaseUnreachable."""
        async with acquire(self._pool) as connection, connection.transaction():
            new = await _put(connection, check_contact(contact))
            return await _read(connection, contact.id), new

    async def change(self, contact_id: str, **changes: object) -> ContactDetails:
        """Change some fields; None empties one. Raises ContactNotFound, BadRequest, DatabaseUnreachable."""
        async with acquire(self._pool) as connection, connection.transaction():
            await connection.execute("select from contacts where id = $1 for update", contact_id)
            contact = msgspec.structs.replace(await _read(connection, contact_id), **changes)
            await _put(connection, check_contact(contact))
            return await _read(connection, contact_id)

    async def remove(self, contact_id: str) -> None:
        """The contact's calls stay in the log. Raises ContactNotFound, DatabaseUnreachable."""
        async with acquire(self._pool) as connection:
            removed = await connection.fetchval("delete from contacts where id = $1 returning id", contact_id)
        if removed is None:
            raise ContactNotFound

    async def with_number(self, number: str) -> list[ContactDetails]:
        """Everybody with that number, E.164, 50 at most: a call belongs to the first; the others are candidates.

        First comes the one most recently spoken to. Raises DatabaseUnreachable.
        """
        async with acquire(self._pool) as connection:
            return [_details(row) for row in await connection.fetch(_WITH_NUMBER, number)]

    async def search(
        self, words: Sequence[str], part: NumberPart | None, *, after: Position | None, limit: int
    ) -> ContactPage:
        """By name: those with words that begin with these, and those with such a number; everybody without either.

        The words are folded (`ctc_ari.words`). Raises DatabaseUnreachable.
        """
        query, values = _search(words, part)
        async with acquire(self._pool) as connection:
            rows = await connection.fetch(query, *(after or ("", "")), limit + 1, *values)
        last = rows[limit - 1] if len(rows) > limit else None
        position = None if last is None else (last["sort_key"], last["id"])
        return ContactPage([_details(row) for row in rows[:limit]], position)


async def read_contacts(connection: Connection, ids: Sequence[str]) -> list[ContactDetails]:
    """These, as far as they exist; nobody else changes them until the transaction ends. Raises DatabaseUnreachable."""
    with database_errors():
        rows = await connection.fetch(_SELECT + "where id = any($1) order by id for update", ids)
    return [_details(row) for row in rows]


async def mark_spoken(connection: Connection, spoken: Iterable[tuple[str, float]]) -> None:
    """Conversations ended: with which contact and when, in Unix seconds. Raises DatabaseUnreachable.

    The latest counts, in whatever order they are told; contacts that are gone are left out.
    """
    pairs = list(spoken)
    if not pairs:
        return
    with database_errors():
        await connection.execute(_SPOKEN, [contact for contact, _ in pairs], [at for _, at in pairs])


def sort_key_of(name: str) -> str:
    """What contacts are sorted by."""
    return fold(name)


def text_words_of(name: str, email: str | None, company: str | None) -> list[str]:
    """What a contact is found by."""
    return words_of(name, company, email)


def _search(words: Sequence[str], part: NumberPart | None) -> tuple[str, list[str]]:
    """The statement, and its values from $4 on."""
    query = " & ".join(f"'{word}':*" for word in words)
    page = "(sort_key, id) > ($1, $2) order by sort_key, id limit $3"
    if part is None and not words:
        return f"{_SELECT} where {page}", []
    if part is None:
        return f"{_SELECT} where words @@ $4::tsquery and {page}", [query]
    #: Materialized: a plan for all values would read everybody by name until enough are among those found.
    found = f"with found (found_id) as materialized ({_PART} {_OR_NAMED if words else ''})"
    values = [part.beginnings[0], part.beginnings[-1], part.ending, *([query] if words else [])]
    return f"{found} {_SELECT} join found on found_id = id where {page}", values


async def _read(connection: Connection, contact_id: str) -> ContactDetails:
    row = await connection.fetchrow(_SELECT + "where id = $1", contact_id)
    if row is None:
        raise ContactNotFound
    return _details(row)


async def _put(connection: Connection, contact: ContactDetails) -> bool:
    new: bool = await connection.fetchval(_INSERT + _REPLACE, *_values(contact))
    await connection.execute("delete from contact_numbers where contact_id = $1", contact.id)
    await _write_numbers(connection, contact)
    return new


async def _write_numbers(connection: Connection, contact: ContactDetails) -> None:
    await connection.execute(
        """
        insert into contact_numbers (contact_id, number, label, position)
        select $1, number, label, position - 1
        from unnest($2::text[], $3::text[]) with ordinality as given (number, label, position)
        """,
        contact.id,
        [each.number for each in contact.numbers],
        [each.label for each in contact.numbers],
    )


def _values(contact: ContactDetails) -> tuple[object, ...]:
    return (
        contact.id,
        contact.name,
        contact.email,
        contact.company,
        contact.url,
        msgspec.json.encode(contact.external).decode(),
        sort_key_of(contact.name),
        text_words_of(contact.name, contact.email, contact.company),
    )


def _details(row: asyncpg.Record) -> ContactDetails:
    numbers = zip(row["numbers"], row["labels"], strict=True)
    return ContactDetails(
        id=row["id"],
        name=row["name"],
        numbers=tuple(ContactNumber(number, label) for number, label in numbers),
        email=row["email"],
        company=row["company"],
        url=row["url"],
        external=msgspec.json.decode(row["external"], type=dict[str, str]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        last_spoken_at=row["last_spoken_at"],
    )
