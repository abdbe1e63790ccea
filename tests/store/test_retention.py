"""Old calls go from every table, and nothing of those that may stay."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import asyncpg
import msgspec
import pytest

from ctc_ari.calls.model import Call, Phase
from ctc_ari.errors import DatabaseUnreachable
from ctc_ari.retention import Expired, RetentionStore
from ctc_ari.store import retention
from ctc_ari.store.pool import Connection, Pool
from ctc_ari.store.retention import ADVISORY_LOCK, PostgresRetention
from tests.store.test_erasure import HERS, LONG_AGO, OTHERS, a_call, everything, happen

BEFORE = LONG_AGO + 1000
TABLES = ("calls", "call_journal", "call_log", "call_log_agents", "cel", "cdr", "call_channels", "log_due")


async def counts(pool: Pool) -> dict[str, int]:
    return {table: await pool.fetchval(f"select count(*) from {table}") for table in TABLES}


async def two(pool: Pool) -> None:
    """An old call and a newer one, with all that is written of them."""
    await happen(pool, a_call("c1", HERS, recordings=0))
    newer = a_call("c2", OTHERS, recordings=0, created_at=BEFORE + 10, ended_at=BEFORE + 20)
    await happen(pool, newer)
    for table, column in (("cel", "eventtime"), ("cdr", "start")):
        await pool.execute(f"update {table} set {column} = {column} + 2000 where linkedid = 'c2'")
    for call_id in ("c1", "c2"):
        await pool.execute("insert into call_channels values ($1 || 'x', $1)", call_id)


async def test_an_old_call_goes_with_all_that_is_known_of_it(pool: Pool) -> None:
    await two(pool)
    before = await counts(pool)
    assert set(before.values()) <= {2, 6}
    store: RetentionStore = PostgresRetention(pool)
    assert await store.remove(BEFORE, 10) == 1
    assert {table: 2 * count for table, count in (await counts(pool)).items()} == before
    assert HERS[3:] not in await everything(pool)
    assert OTHERS[3:] in await everything(pool)
    assert await store.remove(BEFORE, 10) == 0


async def test_what_never_became_a_row_of_the_log_goes_too(pool: Pool) -> None:
    await happen(pool, a_call("c1", HERS), logged=False)
    await happen(pool, a_call("c2", HERS))
    await pool.execute("delete from calls where id = 'c2'")
    await pool.execute("delete from call_log where id = 'c2'")
    await happen(pool, a_call("c3", HERS, ended_at=None, end_reason=None, phase=Phase.TALKING), logged=False)
    store = PostgresRetention(pool)
    assert await store.remove(BEFORE, 10) == 2
    assert [row["id"] for row in await pool.fetch("select id from calls")] == ["c3"]
    assert await pool.fetchval("select array_agg(distinct linkedid) from cel") == ["c3"]
    assert await store.remove(BEFORE, 10) == 0


async def test_whoever_writes_of_an_old_call_at_that_moment_is_let_go_first(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_: Connection, linkedids: Sequence[str]) -> None:
        raise asyncpg.DeadlockDetectedError(f"{len(linkedids)} of them are somebody's")

    await two(pool)
    before = await counts(pool)
    with monkeypatch.context() as patch:
        patch.setattr(retention, "_remove_linked", refuse)
        with pytest.raises(DatabaseUnreachable):
            await PostgresRetention(pool).remove(BEFORE, 10)
    assert await counts(pool) == before
    assert await PostgresRetention(pool).remove(BEFORE, 10) == 1


async def test_a_call_with_recordings_waits_for_their_end(pool: Pool) -> None:
    await happen(pool, a_call("c1", HERS, recordings=2))
    await happen(pool, a_call("c2", HERS, recordings=1, created_at=LONG_AGO - 1))
    store = PostgresRetention(pool)
    assert await store.remove(BEFORE, 10) == 0
    both = [Expired("c2", "pbx1", ("c2-1",)), Expired("c1", "pbx1", ("c1-1", "c1-2"))]
    assert await store.recorded(BEFORE, 10, ()) == both
    assert await store.recorded(BEFORE, 1, ("c2",)) == both[1:]
    assert await store.recorded(LONG_AGO - 10, 10, ()) == []
    await store.forget_recordings(["c1"])
    assert await store.recorded(BEFORE, 10, ()) == both[:1]
    snapshot = await pool.fetchval("select snapshot from calls where id = 'c1'")
    assert msgspec.json.decode(snapshot, type=Call).recordings == 0
    assert await store.remove(BEFORE, 10) == 1


async def test_of_several_instances_one_deletes(pool: Pool) -> None:
    for number in range(40):
        await happen(pool, a_call(f"c{number}", HERS, recordings=0))
    store = PostgresRetention(pool)
    async with pool.acquire() as other, other.transaction():
        await other.execute("select pg_advisory_xact_lock($1)", ADVISORY_LOCK)
        assert await store.remove(BEFORE, 10) == 0
    removed = 0
    async with asyncio.timeout(30):
        while await pool.fetchval("select count(*) from call_log"):
            removed += sum(await asyncio.gather(*(PostgresRetention(pool).remove(BEFORE, 7) for _ in range(4))))
    assert removed == 40
