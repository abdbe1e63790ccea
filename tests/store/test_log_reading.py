"""One row of the call log as it is read, and what is added to it afterwards."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from ctc_ari.call_log import LogFilter
from ctc_ari.calls.model import Contact
from ctc_ari.contacts import ContactDetails, ContactNumber
from ctc_ari.errors import CallNotFound, ContactNotFound
from ctc_ari.log.row import LogAgent
from ctc_ari.store.contacts import PostgresContacts
from ctc_ari.store.crm_answers import PostgresCrmAnswers
from ctc_ari.store.log import put_row
from ctc_ari.store.log_reading import PostgresCallLog
from ctc_ari.store.pool import Pool
from tests.store.log_rows import put
from tests.store.long_log import ANNA, LEAVER


async def test_the_agents_of_a_row_are_kept(pool: Pool) -> None:
    await put(pool, "c1", agents=(LogAgent(ANNA), LogAgent("", extension="1003")))
    await put(pool, "c1", agents=(LogAgent(LEAVER), LogAgent(ANNA)), started_at=2000.0)
    await put(pool, "c2")
    kept = "select email, extract(epoch from started_at)::int as at, id from call_log_agents order by 1, 3"
    assert [tuple(row) for row in await pool.fetch(kept)] == [
        (ANNA, 2000, "c1"),
        (ANNA, 1000, "c2"),
        (LEAVER, 2000, "c1"),
    ]
    await pool.execute("delete from call_log where id = 'c1'")
    assert [tuple(row) for row in await pool.fetch(kept)] == [(ANNA, 1000, "c2")]


async def test_a_call_is_found_by_any_id_of_its_chain(pool: Pool) -> None:
    row = await put(pool, "c1", calls=("c1", "c2"), linkedid="l1")
    for call_id in ("c1", "c2"):
        await pool.execute(
            "insert into calls (id, linkedid, node, direction, state, phase, agent_email, device, number, created_at, "
            "snapshot) values ($1, 'l1', 'pbx1', 'outbound', 'ended', 'ended', '', 'desk', '', now(), '{}')",
            call_id,
        )
    log = PostgresCallLog(pool)
    assert await log.read("c1", None) == await log.read("c2", None) == row
    assert await log.read("c2", {ANNA}) == row
    for call_id, visible in (("c3", None), ("l1", None), ("c1", {LEAVER}), ("c2", {LEAVER}), ("c1", set())):
        with pytest.raises(CallNotFound):
            await log.read(call_id, visible)
        with pytest.raises(CallNotFound):
            await log.change(call_id, visible, notes="x")


async def test_notes_and_outcome_are_written_and_emptied(pool: Pool) -> None:
    row = await put(pool, "c1")
    log = PostgresCallLog(pool)
    changed = await log.change("c1", None, notes="Wants an offer", outcome="won")
    assert changed == msgspec.structs.replace(row, notes="Wants an offer", outcome="won")
    assert await log.change("c1", {ANNA}, notes=None) == msgspec.structs.replace(row, outcome="won")
    assert await log.change("c1", None) == msgspec.structs.replace(row, outcome="won")
    assert await pool.fetchval("select updated_at > logged_at from call_log")


async def test_what_is_added_is_not_lost_while_the_row_is_being_completed(pool: Pool) -> None:
    row = await put(pool, "c1")
    await pool.execute("insert into contacts (id, name) values ('grace', 'Grace')")
    await pool.execute("insert into log_due (linkedid) values ('c1')")
    async with pool.acquire() as keeper, keeper.transaction():
        await keeper.execute("select from log_due for update")
        adding = asyncio.create_task(PostgresCallLog(pool).change("c1", None, contact_id="grace"))
        await asyncio.sleep(0.1)
        await put_row(keeper, msgspec.structs.replace(row, hold_seconds=3.0))
    changed = await adding
    assert (changed.contact, changed.hold_seconds) == (Contact("grace", "Grace"), 3.0)


async def test_a_call_is_moved_to_a_record_that_only_the_crm_has(pool: Pool) -> None:
    await put(pool, "c1")
    answers = PostgresCrmAnswers(pool)
    await answers.keep("contact", "+442079460555", msgspec.json.encode(Contact("crm-7", "Grace")))
    log = PostgresCallLog(pool, contacts_elsewhere=True)
    for contact_id, name in (("crm-7", "Grace"), ("crm-8", "")):
        moved = await log.change("c1", None, contact_id=contact_id)
        assert (moved.contact, moved.contact_by) == (Contact(contact_id, name), "person")
    with pytest.raises(ContactNotFound):
        await PostgresCallLog(pool).change("c1", None, contact_id="crm-7")


async def test_a_call_is_moved_to_another_contact_and_the_number_calls_that_one_next(pool: Pool) -> None:
    contacts = PostgresContacts(pool)
    shared = (ContactNumber("+442079460123"),)
    for name in ("ada", "grace"):
        await contacts.create(ContactDetails(name, name.title(), shared))
    await pool.execute("update contacts set last_spoken_at = to_timestamp(1100) where id = 'ada'")
    log = PostgresCallLog(pool)
    await put(pool, "c0", contact=Contact("ada", "Ada"), contact_by="number", started_at=500.0, ended_at=600.0)
    await put(pool, "c1", contact=Contact("ada", "Ada"), contact_by="number")
    moved = await log.change("c1", None, contact_id="grace")
    assert (moved.contact, moved.contact_by) == (Contact("grace", "Grace"), "person")
    found = await contacts.with_number("+442079460123")
    assert [(contact.id, contact.last_spoken_at) for contact in found] == [("grace", 1100.0), ("ada", 600.0)]
    page = await log.page(LogFilter(contact_id="grace"), after=None, limit=5)
    assert [row.id for row in page.rows] == ["c1"]
    nobody = await log.change("c1", None, contact_id=None)
    assert (nobody.contact, nobody.contact_by) == (None, "person")
    assert (await contacts.read("grace")).last_spoken_at is None
    with pytest.raises(ContactNotFound, match="no contact with that id"):
        await log.change("c1", None, contact_id="absent", notes="lost")
    assert (await log.read("c1", None)).notes is None
