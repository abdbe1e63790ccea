"""Changes that are not in the database yet: on the disk within moments, and gone from there when they are in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from ctc_ari.calls.model import Call
from ctc_ari.calls.ports import Happening
from ctc_ari.store.spool import Spool, Spooled

__all__ = ["Backlog"]

log = structlog.get_logger(__name__)

#: Seconds between two looks.
LOOK_SECONDS = 0.05
#: Changes that the database has not taken after so many seconds go to the disk meanwhile.
SPOOL_AFTER = 0.2
RETRY_SECONDS = 0.5


class Backlog:
    """Counts the changes: how many were made, how many of them are in the database, and how many are on the disk."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self.made = self.written = self._spooled = 0
        #: Those that are not in the database, by number, with the time they came.
        self._unwritten: list[tuple[int, float, Spooled]] = []

    def add(self, call: Call, happenings: Sequence[Happening]) -> None:
        """One more was made."""
        self.made += 1
        self._unwritten.append((self.made, asyncio.get_running_loop().time(), Spooled.of(call, happenings)))

    async def left(self) -> list[Spooled]:
        """What an earlier process left on the disk."""
        return await asyncio.to_thread(self._spool.read)

    def is_on_disk(self) -> None:
        """All that was made is there already: it came from there."""
        self._spooled = self.made

    async def keep(self, writable: Callable[[], bool]) -> None:
        """Until cancelled; what is left then is on the disk."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                await asyncio.sleep(LOOK_SECONDS)
                await self._look(loop.time() - (SPOOL_AFTER if writable() else 0.0))
        finally:
            self._forget_written()
            rest = [entry for number, _, entry in self._unwritten if number > self._spooled]
            if rest:
                #: The process ends before the database is back.
                try:
                    self._spool.append(rest)
                except OSError as error:
                    log.critical("changes lost: no database, and no disk", why=error.strerror, changes=len(rest))

    def _forget_written(self) -> None:
        if self._unwritten and self._unwritten[0][0] <= self.written:
            self._unwritten = [each for each in self._unwritten if each[0] > self.written]

    async def _look(self, before: float) -> None:
        self._forget_written()
        try:
            if self._spooled and self.written >= self._spooled:
                await asyncio.to_thread(self._spool.clear)
                self._spooled = 0
            waiting = [each for each in self._unwritten if each[0] > self._spooled]
            if waiting and waiting[0][1] <= before:
                await asyncio.to_thread(self._spool.append, [entry for _, _, entry in waiting])
                self._spooled = waiting[-1][0]
        except OSError as error:
            log.error("changes cannot be written to the disk", why=error.strerror, changes=len(self._unwritten))
            await asyncio.sleep(RETRY_SECONDS)
