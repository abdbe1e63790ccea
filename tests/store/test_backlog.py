"""What the database cannot be given is on the disk until it can: written once, in order, whoever dies meanwhile."""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import Iterable
from pathlib import Path

from ctc_ari.calls.model import Phase
from ctc_ari.calls.ports import Happening
from ctc_ari.store.backlog import Backlog
from ctc_ari.store.calls import PostgresCallStore
from ctc_ari.store.pool import open_pool
from ctc_ari.store.spool import Spool, Spooled
from tests.calls.builders import NOW, a_call_in
from tests.store import databases
from tests.store.contacts import put_contact
from tests.store.test_log import over, talking


def waiting(folder: Path) -> int:
    """Lines on the disk."""
    return sum(len(file.read_bytes().splitlines()) for file in folder.iterdir())


async def until_waiting(folder: Path, lines: int) -> None:
    deadline = time.monotonic() + 5
    while waiting(folder) != lines:
        assert time.monotonic() < deadline, f"{waiting(folder)} lines instead of {lines}"
        await asyncio.sleep(0.02)


async def test_database_dies_then_the_service_and_the_next_one_writes_everything_once(tmp_path: Path) -> None:
    with databases.server() as server:
        async with server.migrated() as url:
            pool = await open_pool(url)
            spool = Spool(tmp_path, "calls")
            first = PostgresCallStore(pool, url, spool=spool)
            task = asyncio.create_task(first.run())
            call = talking()
            assert await first.add(a_call_in(Phase.PLACING)) is None
            server.kill()
            first.save(call, [Happening(call, "call.answered", NOW, 1)])
            ended = over(call)
            first.save(ended, [Happening(ended, "call.ended", NOW + 1, 2)], urgent=True)
            await until_waiting(tmp_path, 2)
            task.cancel()
            await asyncio.wait([task])
            spool.close()
            server.start()
            spool = Spool(tmp_path, "calls")
            second = PostgresCallStore(pool, url, spool=spool)
            task = asyncio.create_task(second.run())
            try:
                await put_contact(pool, "c1", "Carla", call.number)
                await second.recover()
                spoken = await pool.fetchval("select extract(epoch from last_spoken_at)::float8 from contacts")
                assert spoken == ended.ended_at, "the conversation was with her"
                journal = await pool.fetch("select event from call_journal where call_id = $1 order by seq", call.id)
                assert [row["event"] for row in journal] == ["call.answered", "call.ended"]
                assert await pool.fetchval("select array_agg(id) from call_log") == [call.id]
                await until_waiting(tmp_path, 0)
                await second.recover()
                assert await pool.fetchval("select count(*) from call_log") == 1
            finally:
                task.cancel()
                await asyncio.wait([task])
                spool.close()
                pool.terminate()


async def test_a_database_that_is_there_leaves_nothing_on_the_disk(tmp_path: Path, database_url: str) -> None:
    pool = await open_pool(database_url)
    spool = Spool(tmp_path, "calls")
    store = PostgresCallStore(pool, database_url, spool=spool)
    task = asyncio.create_task(store.run())
    try:
        store.save(over(talking()), [], urgent=True)
        await store.flush(2)
        await asyncio.sleep(0.4)
        assert waiting(tmp_path) == 0
    finally:
        task.cancel()
        await asyncio.wait([task])
        spool.close()
        await pool.close()


class FullDisk(Spool):
    """Takes nothing, or forgets nothing, as long as it is told so."""

    appends = clears = True

    def append(self, entries: Iterable[Spooled]) -> None:
        if not self.appends:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().append(entries)

    def clear(self) -> None:
        if not self.clears:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().clear()


async def test_a_full_disk_does_not_stop_the_service_and_is_emptied_later(tmp_path: Path) -> None:
    spool = FullDisk(tmp_path, "calls")
    backlog = Backlog(spool)
    task = asyncio.create_task(backlog.keep(lambda: False))
    backlog.add(talking(), [])
    await until_waiting(tmp_path, 1)
    spool.clears = False
    backlog.written = backlog.made
    await asyncio.sleep(0.2)
    assert waiting(tmp_path) == 1
    spool.clears = True
    await until_waiting(tmp_path, 0)
    spool.appends = False
    backlog.add(talking(), [])
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled(), "the end is told in the log, and is no mistake of ours"
    spool.close()
