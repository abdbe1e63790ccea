"""Contacts: one spelling of numbers, found by number and by name, and by whom one talked to last."""

from __future__ import annotations

import json
import time
from typing import Any

import msgspec
import pytest

from ctc_ari.calls.numbers import NumberPart, Spelling
from ctc_ari.contacts import ContactDetails, ContactNumber, Contacts
from ctc_ari.errors import BadRequest, Conflict, ContactNotFound
from ctc_ari.store import contacts as module
from ctc_ari.store.contacts import PostgresContacts, mark_spoken
from ctc_ari.store.pool import Pool
from ctc_ari.words import words_of
from tests.store.crowd import fill_contacts

WORK, MOBILE, SHARED = "+442079460018", "+447700900123", "+442079460999"
SPELLING = Spelling("GB")
CARLA = ContactDetails(
    "c1",
    "Carla Jensen",
    (ContactNumber(WORK, "work"), ContactNumber(MOBILE, "mobile")),
    email="carla@example.com",
    company="Example Ltd",
    url="https://crm.example.com/contacts/1",
    external={"crm_id": "4711"},
)


@pytest.fixture
def contacts(pool: Pool) -> PostgresContacts:
    return PostgresContacts(pool)


async def names(contacts: PostgresContacts, q: str = "", limit: int = 50) -> list[str]:
    page = await contacts.search(words_of(q), SPELLING.part(q), after=None, limit=limit)
    return [contact.name for contact in page.contacts]


def timeless(contact: ContactDetails) -> ContactDetails:
    return msgspec.structs.replace(contact, created_at=0.0, updated_at=0.0)


async def test_what_is_written_is_read(contacts: PostgresContacts) -> None:
    plugged: Contacts = contacts
    before = time.time()
    created = await plugged.create(CARLA)
    assert timeless(created) == CARLA
    assert before - 5 < created.created_at == created.updated_at < time.time() + 5
    assert await contacts.read("c1") == created


async def test_an_id_is_given_once(contacts: PostgresContacts) -> None:
    await contacts.create(CARLA)
    with pytest.raises(Conflict, match="c1 already; PUT replaces it"):
        await contacts.create(ContactDetails("c1", "Somebody else"))
    assert (await contacts.read("c1")).name == "Carla Jensen"


async def test_put_creates_and_replaces_whole(contacts: PostgresContacts) -> None:
    assert (await contacts.put(CARLA))[1] is True
    replaced, new = await contacts.put(ContactDetails("c1", "Carla", (ContactNumber(MOBILE),)))
    assert new is False
    assert timeless(replaced) == ContactDetails("c1", "Carla", (ContactNumber(MOBILE),))
    assert await names(contacts, "jensen") == []


async def test_a_change_leaves_the_rest_alone(contacts: PostgresContacts) -> None:
    before = await contacts.create(CARLA)
    changed = await contacts.change("c1", name="Carla Holm", company=None)
    assert timeless(changed) == timeless(msgspec.structs.replace(before, name="Carla Holm", company=None))
    assert changed.updated_at > before.updated_at
    assert (await names(contacts, "holm"), await names(contacts, "jensen")) == (["Carla Holm"], [])
    with pytest.raises(BadRequest, match="name: must not be empty"):
        await contacts.change("c1", name=" ")
    with pytest.raises(ContactNotFound):
        await contacts.change("c2", name="Nobody")


async def test_a_removed_contact_is_found_no_more(contacts: PostgresContacts) -> None:
    await contacts.create(CARLA)
    await contacts.remove("c1")
    assert (await contacts.with_number(WORK), await names(contacts, "carla")) == ([], [])
    for gone in (contacts.read, contacts.remove):
        with pytest.raises(ContactNotFound):
            await gone("c1")


# one number


@pytest.mark.parametrize("spelling", ["020 7946 0018", "+44 (0)20 7946-0018", "0044 20 79460018", "tel:+442079460018"])
async def test_any_spelling_finds_the_contact(contacts: PostgresContacts, spelling: str) -> None:
    await contacts.create(CARLA)
    assert [found.id for found in await contacts.with_number(SPELLING.spell(spelling))] == ["c1"]


async def test_a_number_of_nobody_finds_nobody(contacts: PostgresContacts) -> None:
    await contacts.create(CARLA)
    assert await contacts.with_number("+442079460019") == []


async def test_a_shared_number_is_that_of_whom_one_talked_to_last(contacts: PostgresContacts, pool: Pool) -> None:
    for contact_id, others in (("a", [WORK, SHARED]), ("b", [SHARED]), ("c", [SHARED]), ("d", [MOBILE])):
        numbers = tuple(ContactNumber(number) for number in others)
        await contacts.create(ContactDetails(contact_id, contact_id, numbers))

    async def candidates() -> list[str]:
        return [found.id for found in await contacts.with_number(SHARED)]

    #: Nobody was spoken to: those whose first number it is, the oldest first.
    assert await candidates() == ["b", "c", "a"]
    async with pool.acquire() as connection:
        await mark_spoken(connection, [("c", 1000.0), ("d", 9000.0), ("gone", 5.0)])
        assert await candidates() == ["c", "b", "a"]
        await mark_spoken(connection, [("a", 3000.0), ("a", 2000.5)])
        assert await candidates() == ["a", "c", "b"]
        #: Told late: it was before.
        await mark_spoken(connection, [("a", 10.0), ("b", 1500.0)])
        assert await candidates() == ["a", "b", "c"]
        await mark_spoken(connection, [])
    assert (await contacts.read("a")).last_spoken_at == 3000.0


async def test_a_conversation_survives_an_edit(contacts: PostgresContacts, pool: Pool) -> None:
    await contacts.create(CARLA)
    async with pool.acquire() as connection:
        await mark_spoken(connection, [("c1", 1000.25)])
    await contacts.put(CARLA)
    assert (await contacts.change("c1", name="Carla")).last_spoken_at == 1000.25


async def test_a_crowd_behind_one_number_is_bounded(contacts: PostgresContacts) -> None:
    for number in range(60):
        await contacts.create(ContactDetails(f"c{number}", f"Nr {number}", (ContactNumber(SHARED),)))
    assert len(await contacts.with_number(SHARED)) == 50


# the search


PEOPLE = ("Zoë Müller", "ada lovelace", "Grace Hopper", "Grace O'Malley", "Жанна Ким", "Straße GmbH", "王小明")


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("gra", ["Grace Hopper", "Grace O'Malley"]),
        ("GRACE hop", ["Grace Hopper"]),
        ("hop gr", ["Grace Hopper"]),
        ("zoe", ["Zoë Müller"]),
        ("Mül", ["Zoë Müller"]),
        ("mull", ["Zoë Müller"]),
        ("жан", ["Жанна Ким"]),
        ("strass", ["Straße GmbH"]),
        ("王", ["王小明"]),
        ("o'mal", ["Grace O'Malley"]),
        ("opper", []),
        ("grace x", []),
        ("", ["ada lovelace", "Grace Hopper", "Grace O'Malley", "Straße GmbH", "Zoë Müller", "Жанна Ким", "王小明"]),
    ],
)
async def test_a_name_is_found_by_the_beginnings_of_its_words(
    contacts: PostgresContacts, q: str, expected: list[str]
) -> None:
    for position, name in enumerate(PEOPLE):
        await contacts.create(ContactDetails(str(position), name))
    assert await names(contacts, q) == expected


async def test_company_and_e_mail_are_searched_too(contacts: PostgresContacts) -> None:
    await contacts.create(CARLA)
    for q in ("example ltd", "carla@exam", "carla@example.com", "jensen example"):
        assert await names(contacts, q) == ["Carla Jensen"], q


@pytest.mark.parametrize(
    "q", ["020 7946", "+44 20", "0044207", "4420", "207946", "0018", "18", "07700 900", "020 7946 0018"]
)
async def test_a_number_is_found_by_its_beginning_or_end(contacts: PostgresContacts, q: str) -> None:
    await contacts.create(CARLA)
    await contacts.create(ContactDetails("c2", "Somebody", (ContactNumber("+33142685300"),)))
    #: Two digits are no part of a number yet.
    assert await names(contacts, q) == (["Carla Jensen"] if q != "18" else [])


async def test_digits_may_be_part_of_a_name_as_well(contacts: PostgresContacts) -> None:
    await contacts.create(ContactDetails("a", "Studio 0018"))
    await contacts.create(CARLA)
    assert await names(contacts, "0018") == ["Carla Jensen", "Studio 0018"]


async def test_no_text_breaks_the_search(contacts: PostgresContacts) -> None:
    await contacts.create(CARLA)
    for q in ("'", "carla' | 'x", "a:*", "\\", "%", "_", "!", "()", "<->", "\u0301", "  "):
        assert await names(contacts, q) in ([], ["Carla Jensen"])


async def test_pages_hold_everybody_once(contacts: PostgresContacts) -> None:
    #: Of one name, so that the id has to decide.
    for number in range(7):
        await contacts.create(ContactDetails(f"c{number}", "Müller" if number % 2 else "muller"))
    for words in ([], ["mul"]):
        seen: list[str] = []
        after = None
        for expected in (3, 3, 1):
            page = await contacts.search(words, None, after=after, limit=3)
            assert len(page.contacts) == expected
            seen += [contact.id for contact in page.contacts]
            after = page.next
        assert after is None
        assert seen == [f"c{number}" for number in range(7)]


# a hundred thousand of them


def indexes(plan: dict[str, Any]) -> set[str]:
    """Of all nodes; and the tables that are read from one end to the other."""
    own = (
        {plan["Relation Name"]}
        if plan["Node Type"] == "Seq Scan"
        else {plan["Index Name"]}
        if "Index Name" in plan
        else set()
    )
    return own.union(*(indexes(child) for child in plan.get("Plans", [])))


async def test_nothing_is_looked_for_by_reading_a_hundred_thousand_contacts(pool: Pool) -> None:
    beginning, ending = SPELLING.part("020 7000 123"), SPELLING.part("99991")
    parts = {"contact_numbers_number", "contact_numbers_ending"}
    searches: dict[str, tuple[str, list[Any], set[str], int]] = {
        "number": (module._WITH_NUMBER, ["+442070050000"], {"contact_numbers_number"}, 1),
        "beginning": (*_query([], beginning), parts, 10),
        "ending": (*_query([], ending), parts, 1),
        "name": (*_query(["given7", "family9950"], None), {"contacts_words"}, 1),
        "name or number": (*_query(["99991"], ending), {"contacts_words", "contact_numbers_ending"}, 1),
        "everybody": (*_query([], None), {"contacts_sort_key"}, 101),
    }
    async with pool.acquire() as connection:
        await fill_contacts(connection)
        for number, (name, (query, values, expected, rows)) in enumerate(searches.items()):
            #: For numbers as after many executions, when a plan is made once for all values.
            generic = name in ("number", "beginning", "ending")
            await connection.execute(f"set plan_cache_mode = force_{'generic' if generic else 'custom'}_plan")
            await connection.execute(f"prepare wanted_{number} as {query}")
            literals = ", ".join("'{}'".format(str(value).replace("'", "''")) for value in values)
            explained = await connection.fetchval(f"explain (analyze, format json) execute wanted_{number}({literals})")
            plan = json.loads(explained)[0]["Plan"]
            assert "contact_numbers" not in indexes(plan), (name, explained)
            #: Without knowing the values PostgreSQL expects so many with such a number that it hashes the contacts.
            assert "contacts" not in indexes(plan) or name in ("beginning", "ending"), (name, explained)
            assert expected <= indexes(plan), (name, explained)
            assert plan["Actual Rows"] == rows, name


def _query(words: list[str], part: NumberPart | None) -> tuple[str, list[Any]]:
    query, values = module._search(words, part)
    return query, ["", "", 101, *values]
