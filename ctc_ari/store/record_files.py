"""Asterisk's record files beside its database: what the database could not be given comes in from there."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg
import msgspec
import structlog

from ctc_ari.errors import DatabaseUnreachable
from ctc_ari.log.records import CDR_FILE, CEL_FILE, CdrRow, CelRow, Refused, fields_of, records_of
from ctc_ari.store.pool import Pool, acquire
from ctc_ari.store.records import add_cdr, add_cel

__all__ = ["RecordFiles"]

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.5
#: Asterisk writes the file first and the database a moment later; what is there already is not written twice anyhow.
#: A record from further ahead is of a clock that was wrong, and keeps nothing behind it waiting.
SETTLED_SECONDS = 1.5
#: Bytes read at a time.
CHUNK = 1 << 20
#: A file that is in the database to its end is removed when it has so many bytes: Asterisk begins another.
REMOVED_ABOVE = 16 << 20
#: Seconds between two requests that Asterisk connect to the database again.
RECONNECT_SECONDS = 30.0
#: An event that is not in the database though it is no older than this: Asterisk does not write there any more.
RECENT_SECONDS = 20.0


class _Place(msgspec.Struct):
    """How far a file has been read; `inode` tells that it is still the same."""

    inode: int = 0
    offset: int = 0


class RecordFiles:
    """Follows both files below Asterisk's log folder, if it is on this machine. Reading one again adds nothing."""

    def __init__(
        self,
        pool: Pool,
        folder: Path,
        state: Path,
        *,
        not_written: Callable[[], None] = lambda: None,
        remove: bool = True,
    ) -> None:
        """`state` keeps how far each was read; `not_written` is told that Asterisk does not reach the database.

        With `remove`, a large file that is in the database to its end goes.
        """
        self._pool = pool
        self._folder = folder
        self._state = state
        self._not_written = not_written
        self._remove = remove
        self._places: dict[str, _Place] = {}
        self._told_at = 0.0
        #: What happened in a channel up to then is in the database, if Asterisk writes files here. Unix seconds.
        self.read_to = 0.0

    async def run(self) -> None:
        """Until cancelled."""
        self._places = await asyncio.to_thread(self._load)
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for kind, name in (("cel", CEL_FILE), ("cdr", CDR_FILE)):
                try:
                    settled = await self._follow(kind, self._folder / name)
                except DatabaseUnreachable:
                    continue
                except asyncpg.PostgresError as error:
                    #: Somebody else wrote the same at the same moment, or what only the server's log can tell.
                    log.warning("records not taken from the file", kind=kind, why=type(error).__name__)
                    continue
                if kind == "cel":
                    self.read_to = settled

    async def _follow(self, kind: str, path: Path) -> float:
        """Until when all is in the database."""
        place = self._places.setdefault(kind, _Place())
        settled = time.time() - SETTLED_SECONDS
        while lines := await asyncio.to_thread(_next, path, place):
            settled = time.time() - SETTLED_SECONDS
            records: list[CelRow | CdrRow | Refused] = []
            length = 0
            #: An empty line is refused like any other that is no record.
            fields = (fields_of(line) or [""] for line in lines)
            for line, record in zip(lines, records_of(fields, kind), strict=True):
                if not isinstance(record, Refused) and settled < _time_of(record) <= settled + RECENT_SECONDS:
                    break
                length += len(line)
                records.append(record)
            if not records:
                return settled
            await self._add(kind, path, records)
            place.offset += length
            await asyncio.to_thread(self._keep, path, place)
        #: No file: whoever writes elsewhere has a clock of his own.
        return settled if place.inode else float("inf")

    async def _add(self, kind: str, path: Path, records: list[CelRow | CdrRow | Refused]) -> None:
        refused = [record for record in records if isinstance(record, Refused)]
        if refused:
            log.warning("lines are no records", file=str(path), lines=len(refused), why=refused[0].reason)
        cel = [record for record in records if isinstance(record, CelRow)]
        async with acquire(self._pool) as connection:
            added = await add_cel(connection, cel)
            added += await add_cdr(connection, [record for record in records if isinstance(record, CdrRow)])
        if added:
            log.info("records taken from the file", kind=kind, added=added, of=len(records))
        if added and cel and abs(time.time() - cel[-1].eventtime) < RECENT_SECONDS:
            self._missing()

    def _missing(self) -> None:
        now = time.monotonic()
        if now - self._told_at > RECONNECT_SECONDS:
            self._told_at = now
            self._not_written()

    def _load(self) -> dict[str, _Place]:
        try:
            return msgspec.json.decode(self._state.read_bytes(), type=dict[str, _Place])
        except (OSError, msgspec.MsgspecError):
            return {}

    def _keep(self, path: Path, place: _Place) -> None:
        """After a crash some of it is read again, which does no harm."""
        with contextlib.suppress(OSError):
            if self._remove and place.offset >= REMOVED_ABOVE and path.stat().st_size == place.offset:
                path.unlink()
                #: The next one may have the same inode.
                place.offset = 0
            partial = self._state.with_suffix(".part")
            partial.write_bytes(msgspec.json.encode(self._places))
            partial.replace(self._state)


def _next(path: Path, place: _Place) -> list[bytes]:
    """The whole lines from there on, as many as are handled at a time; none: there are none, or no such file."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if status.st_ino != place.inode or status.st_size < place.offset:
                place.inode, place.offset = status.st_ino, 0
            file.seek(place.offset)
            text = file.read(CHUNK)
    except OSError:
        return []
    return text[: text.rfind(b"\n") + 1].splitlines(keepends=True)


def _time_of(record: CelRow | CdrRow) -> float:
    return record.eventtime if isinstance(record, CelRow) else record.end
