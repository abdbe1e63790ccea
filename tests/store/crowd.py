"""As many contacts as a large company has, a number each."""

from __future__ import annotations

from ctc_ari.store.pool import Connection

__all__ = ["fill_contacts", "number_of"]

_FILL = """
    insert into contacts (id, name, sort_key, words)
    select 'c' || n, name, lower(name), array_to_tsvector(string_to_array(lower(name), ' '))
    from generate_series(1, {contacts}) as n,
        lateral (select 'Given' || n % 500 || ' Family' || n as name) as named;
    insert into contact_numbers (contact_id, number) select 'c' || n, '+4420' || 70000000 + n
    from generate_series(1, {contacts}) as n;
    analyze contacts, contact_numbers;
"""


async def fill_contacts(connection: Connection, contacts: int = 100_000) -> None:
    """`c1` to `cN`, called `Given1 Family1` and so on."""
    await connection.execute(_FILL.format(contacts=int(contacts)), timeout=120)


def number_of(n: int) -> str:
    """The number of `cN`."""
    return f"+4420{70_000_000 + n}"
