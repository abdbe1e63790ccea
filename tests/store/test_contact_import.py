"""Many contacts at once: added, changed, and left alone when they are as they were."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from ctc_ari.contacts import ContactDetails, ContactNumber
from ctc_ari.store.contact_import import Imported, import_contacts
from ctc_ari.store.contacts import PostgresContacts, mark_spoken
from ctc_ari.store.pool import Pool

EVERYTHING = frozenset({"name", "numbers", "email", "company", "url"})
MANY = [
    ContactDetails(
        f"c{n}",
        f"Zoë {n}",
        (ContactNumber(f"+4420794{n:05}", "work"), ContactNumber("+447700900123")),
        company="Example",
    )
    for n in range(300)
]


@pytest.fixture
def contacts(pool: Pool) -> PostgresContacts:
    return PostgresContacts(pool)


async def imported(pool: Pool, given: list[ContactDetails], says: frozenset[str] = EVERYTHING) -> tuple[int, int, int]:
    async with pool.acquire() as connection:
        done = await import_contacts(connection, given, says)
    return done.added, done.changed, done.unchanged


async def test_importing_twice_adds_nothing_and_writes_nothing(pool: Pool, contacts: PostgresContacts) -> None:
    assert await imported(pool, MANY) == (300, 0, 0)
    before = (
        await pool.fetch("select * from contacts order by id"),
        await pool.fetch("select xmin, * from contact_numbers"),
    )
    assert await imported(pool, MANY) == (0, 0, 300)
    assert before == (
        await pool.fetch("select * from contacts order by id"),
        await pool.fetch("select xmin, * from contact_numbers"),
    )
    page = await contacts.search(["zoe", "299"], None, after=None, limit=10)
    assert [contact.id for contact in page.contacts] == ["c299"]
    assert page.contacts[0].numbers == MANY[299].numbers
    assert len((await contacts.search(["example"], None, after=None, limit=400)).contacts) == 300


async def test_a_contact_becomes_as_the_file_has_it(pool: Pool, contacts: PostgresContacts) -> None:
    await imported(pool, MANY)
    changed = msgspec.structs.replace(MANY[7], name="Ada", numbers=(ContactNumber("+442079460001", "home"),))
    assert await imported(pool, [*MANY[:7], changed]) == (0, 1, 7)
    after = await contacts.read("c7")
    assert (after.name, after.numbers, after.company) == ("Ada", changed.numbers, "Example")
    assert await contacts.with_number(MANY[7].numbers[0].number) == []
    assert [contact.id for contact in (await contacts.search(["ada"], None, after=None, limit=9)).contacts] == ["c7"]


async def test_what_a_file_does_not_speak_of_stays(pool: Pool, contacts: PostgresContacts) -> None:
    known = msgspec.structs.replace(MANY[0], email="zoe@example.com", external={"crm_id": "1"})
    await contacts.create(known)
    async with pool.acquire() as connection:
        await mark_spoken(connection, [("c0", 1000.0)])
    assert await imported(pool, [ContactDetails("c0", "Zoë Zero")], frozenset({"name"})) == (0, 1, 0)
    after = await contacts.read("c0")
    assert (after.name, after.numbers, after.email) == ("Zoë Zero", known.numbers, "zoe@example.com")
    assert (after.external, after.last_spoken_at) == ({"crm_id": "1"}, 1000.0)
    assert len((await contacts.search(["zero", "zoe", "example"], None, after=None, limit=9)).contacts) == 1


async def test_of_one_contact_twice_the_last_counts(pool: Pool, contacts: PostgresContacts) -> None:
    given = [ContactDetails("a", "First"), ContactDetails("b", "Other"), ContactDetails("a", "Last")]
    assert await imported(pool, given) == (2, 0, 0)
    assert (await contacts.read("a")).name == "Last"


async def test_no_contacts_are_no_work(pool: Pool) -> None:
    assert await imported(pool, []) == (0, 0, 0)
    assert Imported(1, 2, 3) + Imported(10, 20, 30) == Imported(11, 22, 33)


async def test_two_imports_at_once_end_with_every_contact_once(pool: Pool) -> None:
    await asyncio.gather(*(imported(pool, MANY) for _ in range(3)))
    assert await pool.fetchval("select count(*) from contacts") == 300
    assert await pool.fetchval("select count(*) from contact_numbers") == 600
