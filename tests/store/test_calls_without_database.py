"""Rows of calls while PostgreSQL is away, hangs or takes no writes: new calls fail in time, nothing is lost."""

from __future__ import annotations

import asyncio
import time

import asyncpg
import pytest

from ctc_ari.calls.model import Phase
from ctc_ari.errors import DatabaseUnreachable
from ctc_ari.store import calls
from ctc_ari.store import pool as pools
from ctc_ari.store.calls import PostgresCallStore
from ctc_ari.store.pool import Pool
from tests.store import databases
from tests.store.kept_calls import happenings, journal, keeping, later, new, rows, until_writable


async def test_killed_then_new_calls_fail_in_time_and_changes_are_kept_until_it_is_back() -> None:
    with databases.server() as server:
        async with server.migrated() as url, server.pool(url) as pool, keeping(pool, url) as store:
            call = new("alice")
            await store.add(call)
            server.kill()
            before = time.perf_counter()
            with pytest.raises(DatabaseUnreachable):
                await store.add(new("bob"))
            assert time.perf_counter() - before < 2.5
            assert not store.writable
            assert await store.probe() == "PostgreSQL cannot be reached"
            talks, ends = later(call, Phase.TALKING), later(call, Phase.ENDING)
            store.save(talks, happenings(talks, 1, "call.created", "call.answered"), urgent=True)
            await asyncio.sleep(0.6)
            store.save(ends, happenings(ends, 3, "call.ended"), urgent=True)
            assert store.unsaved == 1
            assert await store.find(call.id) == ends
            with pytest.raises(DatabaseUnreachable):
                await store.find("ctc-other")
            await store.flush(0.1)
            assert store.unsaved == 1
            server.start()
            await until_writable(store, True)
            assert await store.probe() is None
            await store.flush(5)
            assert (await rows(pool, call))[0]["state"] == "ended"
            assert [seq for seq, _ in await journal(pool, call)] == [1, 2, 3]
            assert await store.add(new("alice")) is None


async def test_a_database_that_does_not_answer_makes_a_new_call_fail_within_two_seconds_and_leaves_no_live_row(
    store: PostgresCallStore, pool: Pool
) -> None:
    call = new()
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("lock table calls in exclusive mode")
        before = time.perf_counter()
        with pytest.raises(DatabaseUnreachable):
            await store.add(call)
        assert 1.5 < time.perf_counter() - before < 3.0
        assert not store.writable
    await until_writable(store, True)
    store.save(later(call, Phase.ENDING), [], urgent=True)
    await store.flush(3)
    assert [row["state"] for row in await rows(pool, call)] == ["ended"]


async def test_a_write_that_fails_halfway_is_tried_again_with_what_happened_since(
    store: PostgresCallStore, pool: Pool
) -> None:
    call = new()
    await store.add(call)
    store.save(later(call, Phase.RINGING_AGENT), [], urgent=True)
    await store.flush(2)
    talks, ends = later(call, Phase.TALKING), later(call, Phase.ENDING)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("lock table calls in exclusive mode")
        store.save(talks, happenings(talks, 1, "call.created", "call.answered"), urgent=True)
        await asyncio.sleep(0.2)
        assert await store.find(call.id) == talks, "while it is being written"
        store.save(ends, happenings(ends, 3, "call.ended"))
        assert await store.find(call.id) == ends
        waiting = "from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        assert await connection.fetchval(f"select count(pg_terminate_backend(pid)) {waiting}") == 1
        await until_writable(store, False)
    await until_writable(store, True)
    await store.flush(3)
    assert [row["state"] for row in await rows(pool, call)] == ["ended"]
    assert [seq for seq, _ in await journal(pool, call)] == [1, 2, 3]


async def test_a_database_that_takes_no_writes_is_named(store: PostgresCallStore, pool: Pool) -> None:
    name = await pool.fetchval("select current_database()")
    await pool.execute(f"alter database {name} set default_transaction_read_only = on")
    await pool.expire_connections()
    assert "takes no writes" in str(await store.probe())
    assert not store.writable
    async with pool.acquire() as connection:
        await connection.execute("set default_transaction_read_only = off")
        await connection.execute(f"alter database {name} reset default_transaction_read_only")
    await pool.expire_connections()
    await until_writable(store, True)


async def test_a_connection_that_is_lost_while_it_is_made_ready_is_made_again(
    pool: Pool, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: list[object] = []
    enough = asyncio.Event()

    class Lost:
        async def execute(self, *_: object) -> None:
            raise asyncpg.InternalClientError("got result for unknown protocol state")

        def terminate(self) -> None:
            lost.append(self)
            if len(lost) == 2:
                enough.set()

    async def connect(url: str) -> object:
        return Lost() if len(lost) < 2 else await pools.connect(url)

    monkeypatch.setattr(calls, "connect", connect)
    async with keeping(pool, database_url) as store:
        await enough.wait()
        await until_writable(store, True)
        assert await store.add(new("alice")) is None


async def test_a_lost_connection_is_replaced_without_a_change_lost(store: PostgresCallStore, pool: Pool) -> None:
    call = new("alice")
    await store.add(call)
    await pool.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where datname = current_database() and pid <> pg_backend_pid()"
    )
    store.save(later(call, Phase.ENDING), happenings(call, 1, "call.ended"), urgent=True)
    await store.flush(3)
    await until_writable(store, True)
    assert await journal(pool, call) == [(1, "call.ended")]
    assert await store.add(new("alice")) is None
