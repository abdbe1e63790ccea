"""The log is held against Asterisk's records: what is missing is added once, what is right stays."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import asyncpg
import pytest
from msgspec.structs import replace

from ctc_ari.calls.model import Contact, EndReason, Phase
from ctc_ari.calls.ports import Logged
from ctc_ari.log.records import CelRow
from ctc_ari.log.row import LogRow
from ctc_ari.store import log_keeper
from ctc_ari.store.calls import PostgresCallStore
from ctc_ari.store.log import put_row, read_rows, tell, was_told
from ctc_ari.store.log_keeper import LogKeeper, Rebuilt, rebuild
from ctc_ari.store.pool import Connection, Pool
from ctc_ari.store.records import add_cdr, add_cel, read_cdr, read_cel
from tests.calls.builders import CALL_ID, NOW, a_call_in
from tests.log.tape import HOUSE, NUMBER, tape
from tests.log.test_cdr import TALK, cdr
from tests.store.contacts import put_contact

PHONE = "1750000000.9"
DIALLED = """
0.0 phone starts
0.5 far starts
2.0 far answers
2.0 phone in b
2.0 far in b
5.0 far gone 16 by far
5.0 phone gone 16 by far
"""
DONE = TALK + "9.0 customer gone 16 by customer\n9.0 agent gone 16 by customer"


async def happened(pool: Pool, text: str, linkedid: str) -> None:
    """Asterisk wrote that, long enough ago."""
    rows = tape(text, linkedid)
    rows.append(replace(rows[-1], eventtype="LINKEDID_END"))
    async with pool.acquire() as connection:
        await add_cel(connection, rows)
        await connection.execute("update log_due set since = now() - interval '1 minute'")


async def log(pool: Pool) -> list[LogRow]:
    async with pool.acquire() as connection:
        found = await connection.fetch("select linkedid from call_log")
        return await read_rows(connection, [row["linkedid"] for row in found])


def keeper(pool: Pool, **more: Any) -> tuple[LogKeeper, list[Logged]]:
    told: list[Logged] = []
    return LogKeeper(pool, lambda: HOUSE, on_logged=told.append, **more), told


async def saved(pool: Pool, url: str, **changes: Any) -> None:
    """The service wrote that a call has ended."""
    store = PostgresCallStore(pool, url)
    task = asyncio.create_task(store.run())
    call = replace(a_call_in(Phase.ENDED), number=NUMBER, linkedid=CALL_ID, ended_by="customer")
    store.save(replace(call, **changes), [], urgent=True)
    await store.flush(3)
    task.cancel()
    await asyncio.wait([task])


SEEN = {"created_at": NOW, "agent_answered_at": NOW + 2, "answered_at": NOW + 5, "ended_at": NOW + 9}


async def test_a_call_past_the_service_is_logged_once_by_whichever_instance(pool: Pool) -> None:
    await happened(pool, DIALLED, PHONE)
    (one, told), (other, told_too) = keeper(pool), keeper(pool)
    await asyncio.gather(one.sweep(), other.sweep(), one.sweep())
    (row,) = await log(pool)
    assert (row.source, row.id, row.disposition, row.talk_seconds) == ("asterisk", PHONE, "answered", 3.0)
    assert len(told) + len(told_too) == 1
    assert await pool.fetchval("select count(*) from log_due") == 0


async def test_a_stranger_of_a_moment_ago_is_left_for_later(pool: Pool) -> None:
    await happened(pool, DIALLED, PHONE)
    await pool.execute("update log_due set since = now()")
    sweeper, _ = keeper(pool)
    await sweeper.sweep()
    assert await log(pool) == []
    assert await pool.fetchval("select due_at > now() from log_due")


async def test_a_call_that_the_service_knows_is_never_doubled(pool: Pool, database_url: str) -> None:
    await saved(pool, database_url, **SEEN)
    await happened(pool, DONE, CALL_ID)
    sweeper, told = keeper(pool)
    await sweeper.sweep()
    (row,) = await log(pool)
    assert (row.source, row.talk_seconds) == ("service", 4.0)
    assert [each.row for each in told] == [row]


async def test_a_row_is_told_once_when_it_is_final_and_not_changed_after_that(pool: Pool, database_url: str) -> None:
    late = {**SEEN, "ended_at": NOW + 12}
    await saved(pool, database_url, **late)
    sweeper, told = keeper(pool)
    await sweeper.sweep()
    assert [row.talk_seconds for row in await log(pool)] == [7.0], "in the log at once"
    assert told == [], "but Asterisk's records are not there"
    await happened(pool, DONE, CALL_ID)
    await pool.execute("update log_due set due_at = now()")
    await sweeper.sweep()
    (row,) = await log(pool)
    assert (row.talk_seconds, [each.row for each in told]) == (4.0, [row])
    assert (told[0].call_id, told[0].seq) == (CALL_ID, 1)
    before = await pool.fetch("select * from call_log")
    await saved(pool, database_url, **late)
    await happened(pool, "15.0 customer gone 16 by customer\n15.0 agent gone 16", CALL_ID)
    await keeper(pool)[0].sweep()
    assert await pool.fetch("select * from call_log") == before
    assert len(told) == await pool.fetchval("select count(*) from call_journal where event = 'call.logged'") == 1
    assert await pool.fetchval("select count(*) from log_due") == 0


async def test_a_row_that_was_told_is_not_told_again(pool: Pool, database_url: str) -> None:
    await saved(pool, database_url, **SEEN)
    (row,) = await log(pool)
    async with pool.acquire() as connection:
        assert not await was_told(connection, row)
        assert [each.row for each in await tell(connection, row)] == [row]
        assert await tell(connection, row) == []
        assert await was_told(connection, row)


async def test_what_is_to_be_told_is_in_the_transaction_that_makes_the_row_final(pool: Pool, database_url: str) -> None:
    await saved(pool, database_url, **SEEN)
    await happened(pool, DONE, CALL_ID)
    seen: list[int] = []

    async def enqueue(connection: Connection, logged: Any) -> None:
        seen.append(await connection.fetchval("select count(*) from call_journal where event = 'call.logged'"))
        if len(seen) == 1:
            await connection.execute("select 1 / 0")

    sweeper, told = keeper(pool, in_transaction=enqueue)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await sweeper.sweep()
    assert (told, await pool.fetchval("select count(*) from log_due")) == ([], 1), "as if it had been killed there"
    await sweeper.sweep()
    assert (len(told), seen) == (1, [1, 1]), "the first attempt left nothing behind"


async def test_nothing_is_final_before_asterisks_file_was_read(pool: Pool, database_url: str) -> None:
    await saved(pool, database_url, **SEEN)
    await happened(pool, DONE, CALL_ID)
    read = [NOW]
    sweeper, told = keeper(pool, read_to=lambda: read[0])
    await sweeper.sweep()
    assert told == []
    read[0] = NOW + 9
    await pool.execute("update log_due set due_at = now()")
    await sweeper.sweep()
    assert len(told) == 1


async def test_a_contact_was_spoken_to_though_the_service_did_not_see_it(pool: Pool, database_url: str) -> None:
    await pool.execute("insert into contacts (id, name) values ('ann', 'Ann')")
    ann = {"contact": Contact("ann", "Ann"), "contact_by": "record"}
    await saved(pool, database_url, **{**SEEN, **ann, "answered_at": None, "end_reason": EndReason.CANCELLED})
    await happened(pool, DONE, CALL_ID)
    await keeper(pool)[0].sweep()
    (row,) = await log(pool)
    assert (row.disposition, row.contact) == ("answered", Contact("ann", "Ann"))
    assert await pool.fetchval("select last_spoken_at is not null from contacts")


async def test_a_channel_that_a_call_has_taken_over_is_no_call(pool: Pool, database_url: str) -> None:
    await saved(pool, database_url, **SEEN)
    await pool.execute("insert into call_channels values ($1, $2)", PHONE, CALL_ID)
    await happened(pool, "0.0 phone starts\n1.0 phone gone 16 by phone", PHONE)
    sweeper, _ = keeper(pool)
    await sweeper.sweep()
    assert [row.id for row in await log(pool)] == [CALL_ID]


async def test_an_interrupted_call_is_completed_from_asterisks_records(pool: Pool, database_url: str) -> None:
    lost = {"answered_at": None, "end_reason": EndReason.LOST, "ended_by": "system", "ended_at": NOW + 60}
    await saved(pool, database_url, **{**SEEN, **lost}, interrupted=True)
    await happened(pool, DONE, CALL_ID)
    sweeper, told = keeper(pool)
    await sweeper.sweep()
    (row,) = await log(pool)
    assert (row.source, row.disposition, row.end_reason) == ("service", "answered", "completed")
    assert (row.ring_seconds, row.talk_seconds, row.ended_at) == (3.0, 4.0, NOW + 9)
    assert [each.row for each in told] == [row]


async def test_a_row_of_the_service_that_comes_late_takes_the_place_of_what_asterisk_told(
    pool: Pool, database_url: str
) -> None:
    await happened(pool, DONE, CALL_ID)
    sweeper, told = keeper(pool)
    await sweeper.sweep()
    assert [row.source for row in await log(pool)] == ["asterisk"]
    await saved(pool, database_url, **SEEN)
    assert [row.source for row in await log(pool)] == ["service"]
    assert len(told) == 1


async def test_one_call_that_cannot_be_understood_keeps_no_other_out(pool: Pool, database_url: str) -> None:
    await saved(pool, database_url, **SEEN, interrupted=True)
    await pool.execute("update calls set snapshot = '{}'")
    await happened(pool, DONE, CALL_ID)
    await happened(pool, DIALLED, PHONE)
    sweeper, _ = keeper(pool)
    await sweeper.sweep()
    assert [row.id for row in await log(pool)] == [PHONE]


async def rebuilt(pool: Pool) -> Rebuilt:
    async with pool.acquire() as connection:
        return await rebuild(connection, HOUSE, NOW - 10, NOW + 100)


async def test_rebuilding_changes_nothing_that_was_right(pool: Pool, database_url: str) -> None:
    await saved(pool, database_url, **SEEN)
    await happened(pool, DONE, CALL_ID)
    await happened(pool, DIALLED, PHONE)
    sweeper, _ = keeper(pool)
    await sweeper.sweep()
    await pool.execute("update call_log set notes = 'called back', contact_id = 'x', contact_by = 'person'")
    before = await pool.fetch("select * from call_log order by id")
    assert await rebuilt(pool) == Rebuilt(unchanged=2)
    assert await pool.fetch("select * from call_log order by id") == before


async def test_rebuilding_brings_back_what_is_lost_and_corrects_what_is_wrong(pool: Pool, database_url: str) -> None:
    await saved(pool, database_url, **SEEN)
    await happened(pool, DONE, CALL_ID)
    await happened(pool, DIALLED, PHONE)
    right = {row.id: row for row in await log(pool)}
    await pool.execute("update call_log set talk_seconds = 99, disposition = 'missed', notes = 'kept'")
    assert await rebuilt(pool) == Rebuilt(added=1, corrected=1)
    rows = {row.id: row for row in await log(pool)}
    assert rows[CALL_ID] == replace(right[CALL_ID], notes="kept")
    assert rows[PHONE].disposition == "answered"
    await pool.execute("delete from call_log")
    assert await rebuilt(pool) == Rebuilt(added=2)


async def test_a_conversation_that_is_rebuilt_was_one_with_the_contact(pool: Pool, database_url: str) -> None:
    await saved(pool, database_url, **SEEN)
    await happened(pool, DONE, CALL_ID)
    (row,) = await log(pool)
    await put_contact(pool, "c1", "Carla", row.number)
    await pool.execute("delete from call_log")
    await rebuilt(pool)
    (row,) = await log(pool)
    assert row.contact == Contact("c1", "Carla")
    spoken = await pool.fetchval("select extract(epoch from last_spoken_at)::float8 from contacts")
    assert spoken == pytest.approx(row.ended_at, abs=0.001)


async def test_a_rebuild_that_meets_the_services_own_writing_goes_on(
    pool: Pool, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await saved(pool, database_url, **SEEN)
    await pool.execute("update call_log set talk_seconds = 9000")
    refused: list[LogRow] = []

    async def refuse_once(connection: Connection, row: LogRow) -> None:
        if not refused:
            refused.append(row)
            raise asyncpg.DeadlockDetectedError("the other one has the contact")
        await put_row(connection, row)

    monkeypatch.setattr(log_keeper, "put_row", refuse_once)
    assert await rebuilt(pool) == Rebuilt(corrected=1)
    assert len(refused) == 1


async def test_a_rebuild_of_years_is_waited_for(pool: Pool, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await saved(pool, database_url, **SEEN)
    slow = "select linkedid from call_log, pg_sleep(0.4) where started_at >= to_timestamp($1) and $2 > 0.0::float8"
    monkeypatch.setattr(log_keeper, "_PERIOD", slow)
    async with pool.acquire() as connection:
        await connection.execute("set statement_timeout = '300ms'")
        assert await rebuild(connection, HOUSE, NOW - 10, NOW + 100) == Rebuilt(unchanged=1)


async def test_a_row_of_which_no_source_is_left_stays(pool: Pool, database_url: str) -> None:
    await saved(pool, database_url, **SEEN)
    await happened(pool, DONE, CALL_ID)
    await pool.execute("delete from calls")
    await pool.execute("update call_log set talk_seconds = 4.5")
    assert await rebuilt(pool) == Rebuilt(unchanged=1)


async def test_a_channel_of_asterisks_own_is_no_call_that_goes_on(pool: Pool) -> None:
    now = time.time()
    started = [
        CelRow("CHAN_START", now, channame=f"{name}-1", uniqueid=name, linkedid=name)
        for name in ("Snoop/x", "PJSIP/1001")
    ]
    async with pool.acquire() as connection:
        await add_cel(connection, started)
        assert await rebuild(connection, HOUSE, now - 10, now + 10) == Rebuilt(open=1)


async def test_records_are_written_once_and_read_by_call(pool: Pool) -> None:
    rows, pairs = tape(DIALLED, PHONE), [cdr(linkedid=PHONE), cdr(linkedid=PHONE, sequence=1)]
    async with pool.acquire() as connection:
        assert await add_cel(connection, rows) == len(rows)
        assert await add_cel(connection, rows) == 0
        assert (await add_cdr(connection, pairs), await add_cdr(connection, pairs)) == (2, 0)
        assert await read_cel(connection, PHONE) == rows
        assert await read_cdr(connection, PHONE) == pairs


@pytest.mark.parametrize("kind", ["cdr", "cel"])
async def test_asterisks_records_make_a_call_due(pool: Pool, kind: str) -> None:
    async with pool.acquire() as connection:
        if kind == "cdr":
            await add_cdr(connection, [cdr(linkedid=PHONE)])
        else:
            await add_cel(connection, [replace(tape("0.0 phone starts", PHONE)[0], eventtype="LINKEDID_END")])
    assert await pool.fetchval("select linkedid from log_due") == PHONE
