"""What the database cannot be given is on the disk until it can: written once, in order, whoever dies meanwhile."""

from __future__ import annotations

import asyncio
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ctc_ari.calls.model import Call, Phase
from ctc_ari.calls.ports import Happening
from ctc_ari.errors import SetupError
from ctc_ari.store.calls import PostgresCallStore
from ctc_ari.store.pool import open_pool
from ctc_ari.store.spool import Spool, Spooled
from tests.calls.builders import NOW, a_call_in
from tests.store import databases
from tests.store.test_log import over, talking

Opens = Callable[[], Spool]


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Callable[[], Spool]]:
    """Opens one for as long as the test runs."""
    opened: list[Spool] = []

    def opens() -> Spool:
        opened.append(Spool(tmp_path / "spool", "calls"))
        return opened[-1]

    yield opens
    for each in opened:
        each.close()


def waiting(folder: Path) -> int:
    """Lines on the disk."""
    return sum(len(file.read_bytes().splitlines()) for file in folder.iterdir())


async def until_waiting(folder: Path, lines: int) -> None:
    deadline = time.monotonic() + 5
    while waiting(folder) != lines:
        assert time.monotonic() < deadline, f"{waiting(folder)} lines instead of {lines}"
        await asyncio.sleep(0.02)


def entry(call: Call, *events: str, first: int = 1) -> Spooled:
    return Spooled.of(call, [Happening(call, event, NOW, seq) for seq, event in enumerate(events, first)])


def test_what_is_appended_is_read_in_order_by_the_next_process(spool: Opens) -> None:
    first = spool()
    entries = [entry(talking(), "call.created", "call.answered"), entry(over(talking()), "call.ended", first=3)]
    assert first.size == 0
    first.append(entries[:1])
    assert first.size > 0
    first.append(entries[1:])
    first.close()
    assert first.size == 0, "it is another process's now"
    again = spool()
    assert again.read() == entries
    assert [each.event for each in again.read()[0].restored()[1]] == ["call.created", "call.answered"]
    again.clear()
    assert again.read() == []


def test_a_line_half_written_in_a_power_cut_is_left_out(spool: Opens, tmp_path: Path) -> None:
    opened = spool()
    opened.append([entry(talking(), "call.created")])
    (file,) = (tmp_path / "spool").iterdir()
    with file.open("ab") as torn:
        torn.write(b'{"call":{"id":"ctc-')
    assert len(opened.read()) == 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o600, "customers' numbers are in it"


def test_each_living_process_has_a_file_of_its_own(spool: Opens) -> None:
    one, other = spool(), spool()
    one.append([entry(talking())])
    assert other.read() == []
    one.close()
    assert len(spool().read()) == 1


def test_a_folder_that_cannot_be_written_says_which(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SetupError, match=r"database\.data_dir"):
        Spool(tmp_path / "file" / "spool", "calls")


async def test_database_dies_then_the_service_and_the_next_one_writes_everything_once(tmp_path: Path) -> None:
    with databases.server() as server:
        async with server.migrated() as url:
            pool = await open_pool(url)
            first = PostgresCallStore(pool, url, spool=Spool(tmp_path, "calls"))
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
            assert first._spool is not None
            first._spool.close()
            server.start()
            second = PostgresCallStore(pool, url, spool=Spool(tmp_path, "calls"))
            task = asyncio.create_task(second.run())
            try:
                await second.recover()
                journal = await pool.fetch("select event from call_journal where call_id = $1 order by seq", call.id)
                assert [row["event"] for row in journal] == ["call.answered", "call.ended"]
                assert await pool.fetchval("select array_agg(id) from call_log") == [call.id]
                await until_waiting(tmp_path, 0)
                await second.recover()
                assert await pool.fetchval("select count(*) from call_log") == 1
            finally:
                task.cancel()
                await asyncio.wait([task])
                assert second._spool is not None
                second._spool.close()
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
