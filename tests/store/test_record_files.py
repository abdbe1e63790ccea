"""Asterisk's files beside the database: what it could not be given comes in, once."""

from __future__ import annotations

import asyncio
import csv
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import msgspec
import pytest

from ctc_ari.log.records import CDR_FILE, CEL_FILE, CelRow
from ctc_ari.store import record_files
from ctc_ari.store.pool import Connection, Pool
from ctc_ari.store.record_files import RecordFiles
from ctc_ari.store.records import add_cel
from tests.cli.test_log import CDR_LINES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Asterisk's log folder."""
    for name in (CDR_FILE, CEL_FILE):
        (tmp_path / name).parent.mkdir()
    return tmp_path


def event(number: int, ago: float = 60.0) -> CelRow:
    return CelRow("ANSWER", round(time.time() - ago, 6), cid_name='"Ann", of all', uniqueid=str(number), linkedid="l")


def write(folder: Path, *rows: CelRow) -> None:
    with (folder / CEL_FILE).open("a", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(map(msgspec.structs.astuple, rows))


@asynccontextmanager
async def following(pool: Pool, folder: Path, *, remove: bool = True) -> AsyncIterator[list[str]]:
    told: list[str] = []
    files = RecordFiles(
        pool, folder, folder / "state.json", not_written=lambda: told.append("not written"), remove=remove
    )
    task = asyncio.create_task(files.run())
    try:
        yield told
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody wants to wait here."""
    monkeypatch.setattr(record_files, "LOOK_SECONDS", 0.05)


async def until(pool: Pool, table: str, rows: int) -> None:
    deadline = time.monotonic() + 20
    while (found := await pool.fetchval(f"select count(*) from {table}")) != rows:
        assert time.monotonic() < deadline, f"{found} rows of {table} instead of {rows}"
        await asyncio.sleep(0.02)


async def test_what_the_database_has_already_is_not_written_twice(pool: Pool, folder: Path) -> None:
    rows = [event(number) for number in range(5)]
    async with pool.acquire() as connection:
        await add_cel(connection, rows[:3])
    write(folder, *rows)
    (folder / CDR_FILE).write_text(CDR_LINES)
    async with following(pool, folder):
        await until(pool, "cel", 5)
        await until(pool, "cdr", 2)
        write(folder, event(5))
        await until(pool, "cel", 6)
    (folder / "state.json").unlink()
    async with following(pool, folder):
        write(folder, event(6))
        await until(pool, "cel", 7)
    assert await pool.fetchval("select cid_name from cel limit 1") == '"Ann", of all'


async def test_asterisk_is_given_time_to_write_the_database_itself(pool: Pool, folder: Path) -> None:
    write(folder, event(1), event(2, ago=0.0))
    async with following(pool, folder) as told:
        await until(pool, "cel", 1)
        await until(pool, "cel", 2)
        for _ in range(200):
            if told:
                break
            await asyncio.sleep(0.02)
        assert told == ["not written"], "it does not, or it would have been there"


async def test_a_line_that_is_still_being_written_is_left_for_later(pool: Pool, folder: Path) -> None:
    write(folder, event(1), event(2))
    whole = (folder / CEL_FILE).read_bytes()
    (folder / CEL_FILE).write_bytes(whole[:-20])
    async with following(pool, folder):
        await until(pool, "cel", 1)
        with (folder / CEL_FILE).open("ab") as file:
            file.write(whole[-20:])
        await until(pool, "cel", 2)


async def test_a_file_that_was_read_to_its_end_and_is_large_is_removed(
    pool: Pool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_files, "REMOVED_ABOVE", 50)
    write(folder, event(1))
    async with following(pool, folder):
        await until(pool, "cel", 1)
        deadline = time.monotonic() + 20
        while (folder / CEL_FILE).exists():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
        write(folder, event(2))
        await until(pool, "cel", 2)


async def test_a_file_of_somebody_elses_asterisk_is_never_removed(
    pool: Pool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_files, "REMOVED_ABOVE", 50)
    write(folder, event(1))
    async with following(pool, folder, remove=False):
        await until(pool, "cel", 1)
        with (folder / CEL_FILE).open("ab") as file:
            file.write(b"no record\n")
        write(folder, event(2))
        await until(pool, "cel", 2)
    assert (folder / CEL_FILE).exists()


async def test_no_line_keeps_those_behind_it_out_of_the_database(pool: Pool, folder: Path) -> None:
    whole = CDR_LINES.splitlines(keepends=True)[0]
    garbage = (whole.replace(",1\n", ",99999999999\n"), '"' + "a" * 200_000 + "\n", whole[:150] + "\n")
    (folder / CDR_FILE).write_text("".join(garbage) + whole)
    #: Its clock was a day ahead.
    write(folder, event(1), event(2, ago=-86_400.0), event(3))
    async with following(pool, folder):
        await until(pool, "cdr", 1)
        await until(pool, "cel", 3)


async def test_what_the_database_refuses_is_tried_again(
    pool: Pool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[int] = []

    async def refuse_once(connection: Connection, rows: Sequence[CelRow]) -> int:
        if not refused:
            refused.append(len(rows))
            raise asyncpg.DeadlockDetectedError("somebody writes the same")
        return await add_cel(connection, rows)

    monkeypatch.setattr(record_files, "add_cel", refuse_once)
    write(folder, event(1))
    async with following(pool, folder):
        await until(pool, "cel", 1)
    assert refused == [1]
