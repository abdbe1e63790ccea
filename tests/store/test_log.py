"""The log's rows on a real PostgreSQL: one per call, with its end, on the right contact."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from ctc_ari.calls.effects import HandOver
from ctc_ari.calls.engine import step
from ctc_ari.calls.ids import new_call_id
from ctc_ari.calls.inputs import HangUp, LegAnswered
from ctc_ari.calls.model import Call, Contact, Phase
from ctc_ari.calls.ports import Happening
from ctc_ari.contacts import ContactDetails, ContactNumber
from ctc_ari.log.row import LogRow
from ctc_ari.store.contacts import PostgresContacts
from ctc_ari.store.crm_answers import PostgresCrmAnswers
from ctc_ari.store.log import read_rows, with_contact
from ctc_ari.store.pool import Pool
from tests.calls.builders import NOW, a_call_in
from tests.store.kept_calls import keeping

NUMBER = "+442079460001"


async def rows(pool: Pool) -> list[LogRow]:
    """In the order in which the calls began."""
    async with pool.acquire() as connection:
        return await read_rows(
            connection, [row["id"] for row in await connection.fetch("select linkedid as id from call_log")]
        )


def talking(**changes: Any) -> Call:
    call_id = new_call_id("ctc", NOW)
    call = replace(a_call_in(Phase.TALKING), id=call_id, linkedid=call_id, answered_at=NOW - 4)
    return replace(call, **changes)


def over(call: Call) -> Call:
    return step(call, HangUp("api"), NOW)[0]


async def contact(pool: Pool, name: str) -> Contact:
    made = await PostgresContacts(pool).create(
        ContactDetails(id=name.lower(), name=name, numbers=(ContactNumber(NUMBER),))
    )
    return Contact(made.id, made.name)


async def test_a_row_comes_with_the_calls_end_once(pool: Pool, database_url: str) -> None:
    async with keeping(pool, database_url) as store:
        call = talking()
        store.save(call, [Happening(call, "call.answered", NOW, 1)])
        await store.flush(2)
        assert await rows(pool) == [], "live calls are not in it"
        ended = over(call)
        for _ in range(2):
            store.save(ended, [Happening(ended, "call.ended", NOW, 2)], urgent=True)
            await store.flush(2)
        (row,) = await rows(pool)
        assert (row.id, row.disposition, row.talk_seconds, row.source) == (call.id, "answered", 4.0, "service")
        assert await pool.fetchval("select linkedid from log_due") == call.linkedid, "to be held against Asterisk's"


async def test_a_calls_end_is_when_patience_with_asterisk_begins(pool: Pool, database_url: str) -> None:
    """One of its channels may have ended hours before, and made the call due."""
    call = talking()
    await pool.execute("insert into log_due values ($1, now() + interval '5 s', now() - interval '1 h')", call.id)
    async with keeping(pool, database_url) as store:
        store.save(over(call), [], urgent=True)
        await store.flush(2)
    assert await pool.fetchval("select due_at <= now() and since > now() - interval '1 minute' from log_due")


async def test_a_call_and_its_successor_are_one_row_when_the_successor_ends(pool: Pool, database_url: str) -> None:
    async with keeping(pool, database_url) as store:
        call = replace(a_call_in(Phase.TRANSFERRING), answered_at=NOW - 10)
        call, effects = step(call, LegAnswered("target"), NOW)
        (successor,) = (effect.call for effect in effects if isinstance(effect, HandOver))
        store.save(call, [], urgent=True)
        store.save(successor, [], urgent=True)
        await store.flush(2)
        assert await rows(pool) == []
        assert await pool.fetchval("select state from calls where id = $1", successor.id) == "talking"
        store.save(over(successor), [], urgent=True)
        await store.flush(2)
        async with pool.acquire() as connection:
            (row,) = await read_rows(connection, [successor.linkedid])
        assert (row.id, row.calls) == (call.id, (call.id, successor.id))


async def test_an_interrupted_call_waits_for_asterisks_records(pool: Pool, database_url: str) -> None:
    async with keeping(pool, database_url) as store:
        call = over(talking(interrupted=True))
        store.save(call, [], urgent=True)
        await store.flush(2)
        assert await rows(pool) == []
        assert await pool.fetchval("select linkedid from log_due") == call.linkedid


async def test_a_shared_number_goes_to_the_most_recently_spoken_to_and_all_are_named(
    pool: Pool, database_url: str
) -> None:
    await contact(pool, "Ann")
    bert = await contact(pool, "Bert")
    async with keeping(pool, database_url) as store:
        store.save(over(talking(contact=bert, contact_by="record", created_at=NOW - 60)), [], urgent=True)
        await store.flush(2)
        store.save(over(talking()), [], urgent=True)
        await store.flush(2)
    record, found = await rows(pool)
    assert (record.contact, record.contact_by, record.candidates) == (bert, "record", ())
    assert (found.contact, found.contact_by) == (bert, "number")
    assert {each.name for each in found.candidates} == {"Ann", "Bert"}


async def test_unanswered_calls_do_not_count_as_spoken_and_strangers_get_no_contact(
    pool: Pool, database_url: str
) -> None:
    ann = await contact(pool, "Ann")
    async with keeping(pool, database_url) as store:
        store.save(over(talking(answered_at=None, phase=Phase.RINGING_CUSTOMER)), [], urgent=True)
        store.save(over(talking(number="+442079460099")), [], urgent=True)
        await store.flush(2)
    found = {row.number: row for row in await rows(pool)}
    assert found[NUMBER].contact == ann
    assert found["+442079460099"].contact is None
    assert await pool.fetchval("select last_spoken_at from contacts") is None
    assert await pool.fetchval("select count(*) from contacts") == 1


@pytest.mark.parametrize("number", ["", "1002", "+442079460098"])
async def test_a_number_that_nobody_has_is_nobodys(pool: Pool, database_url: str, number: str) -> None:
    async with keeping(pool, database_url) as store:
        store.save(over(talking(number=number)), [], urgent=True)
        await store.flush(2)
    (row,) = await rows(pool)
    async with pool.acquire() as connection:
        assert await with_contact(connection, [row]) == [row]


async def test_a_crm_that_answered_too_late_for_the_ring_is_not_too_late_for_the_log(
    pool: Pool, database_url: str
) -> None:
    memory = PostgresCrmAnswers(pool)
    await memory.keep("contact", NUMBER, b'{"id": "4711", "name": "Grace Hopper"}')
    await memory.keep("contact", "+442079460099", b"null")
    await memory.keep("contact", "+442079460098", b'{"id": "4712", "name": "Another CRM\'s"}')
    await pool.execute("update crm_answers set answered_at = now() - interval '25 hours' where key = '+442079460098'")
    async with keeping(pool, database_url) as store:
        for number in (NUMBER, "+442079460099", "+442079460098"):
            store.save(over(talking(number=number)), [], urgent=True)
        await store.flush(2)
    found = {row.number: (row.contact, row.contact_by) for row in await rows(pool)}
    assert found == {
        NUMBER: (Contact("4711", "Grace Hopper"), "number"),
        "+442079460099": (None, None),
        "+442079460098": (None, None),
    }


async def test_who_is_in_our_own_contacts_too_is_that_one(pool: Pool, database_url: str) -> None:
    ann = await contact(pool, "Ann")
    await PostgresCrmAnswers(pool).keep("contact", NUMBER, b'{"id": "4711", "name": "Grace Hopper"}')
    async with keeping(pool, database_url) as store:
        store.save(over(talking()), [], urgent=True)
        await store.flush(2)
    (row,) = await rows(pool)
    assert (row.contact, row.candidates) == (ann, ())
