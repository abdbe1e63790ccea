"""How long calls stay in the log, and their recordings in Asterisk: what is too old goes, a little at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Protocol

import msgspec
import structlog

from ctc_ari.call_log import StoredRecordings
from ctc_ari.config import Log
from ctc_ari.errors import CtcError, Unavailable

__all__ = ["Expired", "Retention", "RetentionStore"]

log = structlog.get_logger(__name__)

DAY = 86_400.0
#: Seconds between two looks at what has become too old.
SWEEP_SECONDS = 3600.0
#: Rows that go in one transaction, and the seconds in which calls have the database for themselves after it.
BATCH, PAUSE_SECONDS = 200, 0.2


class Expired(msgspec.Struct, frozen=True):
    """A call in the log with recordings that are too old."""

    id: str
    #: The name of its Asterisk in the configuration.
    node: str
    #: As that one knows them.
    recordings: tuple[str, ...]


class RetentionStore(Protocol):
    """Where calls are kept. Times are Unix seconds. Every method raises DatabaseUnreachable."""

    async def recorded(self, before: float, limit: int, without: Collection[str]) -> Sequence[Expired]:
        """Calls with recordings that began before, the oldest first, but for those."""
        ...

    async def forget_recordings(self, ids: Sequence[str]) -> None:
        """They are gone."""
        ...

    async def remove(self, before: float, limit: int) -> int:
        """Calls that began before and have no recordings go, with everything that is known of them; how many."""
        ...


class Retention:
    """Deletes what `log.keep_days` and `log.keep_recordings_days` leave no room for; any number of instances may."""

    def __init__(
        self,
        store: RetentionStore,
        recordings: StoredRecordings,
        keep: Log,
        clock: Callable[[], float],
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._recordings = recordings
        self._keep = keep
        self._clock = clock
        self._pause = pause

    async def run(self) -> None:
        """Until cancelled; at once over when everything is kept for ever."""
        while self._keep.keep_days is not None or self._keep.keep_recordings_days is not None:
            try:
                await self.sweep()
            except Unavailable as error:
                log.warning("old calls not deleted", code=error.code)
            await self._pause(SWEEP_SECONDS)

    async def sweep(self) -> tuple[int, int]:
        """How many recordings and calls went. Raises DatabaseUnreachable, AsteriskUnreachable."""
        now, days = self._clock(), self._keep.keep_days
        #: A recording of which nothing is known any more could not be found again.
        limits = [limit for limit in (days, self._keep.keep_recordings_days) if limit is not None]
        recordings = await self._sweep_recordings(now - min(limits) * DAY) if limits else 0
        calls = 0
        while days is not None and (gone := await self._store.remove(now - days * DAY, BATCH)):
            calls += gone
            await self._pause(PAUSE_SECONDS)
        if recordings or calls:
            log.info("old calls deleted", calls=calls, recordings=recordings)
        return recordings, calls

    async def _sweep_recordings(self, before: float) -> int:
        removed = 0
        stuck: set[str] = set()
        while expired := await self._store.recorded(before, BATCH, stuck):
            done: list[str] = []
            for call in expired:
                try:
                    for name in call.recordings:
                        await self._recordings.remove(call.node, name)
                except Unavailable:
                    await self._store.forget_recordings(done)
                    raise
                except CtcError as error:
                    log.warning("recording not deleted", call=call.id, why=error.message)
                    stuck.add(call.id)
                else:
                    done.append(call.id)
                    removed += len(call.recordings)
            await self._store.forget_recordings(done)
            await self._pause(PAUSE_SECONDS)
        return removed
