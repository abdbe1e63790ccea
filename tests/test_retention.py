"""What is too old goes: recordings first, then calls, a little at a time, and never what may stay."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

import pytest

from ctc_ari.config import Log
from ctc_ari.errors import AsteriskUnreachable, CallFailed, DatabaseUnreachable
from ctc_ari.retention import BATCH, DAY, Expired, Retention

NOW = 1_800_000_000.0


class FakeStore:
    """Calls by their age in days: with how many recordings."""

    def __init__(self, calls: dict[float, int]) -> None:
        self.calls = dict(calls)
        self.failure: Exception | None = None
        self.largest = 0
        self.emptied = asyncio.Event()

    def _older(self, before: float) -> list[float]:
        if self.failure is not None:
            raise self.failure
        return sorted((age for age in self.calls if NOW - age * DAY < before), reverse=True)

    async def recorded(self, before: float, limit: int, without: Collection[str]) -> Sequence[Expired]:
        """The oldest first."""
        found = [age for age in self._older(before) if self.calls[age] and str(age) not in without]
        return [Expired(str(age), "pbx2", tuple(f"{age}-{n}" for n in range(self.calls[age]))) for age in found[:limit]]

    async def forget_recordings(self, ids: Sequence[str]) -> None:
        """None left."""
        for each in ids:
            self.calls[float(each)] = 0

    async def remove(self, before: float, limit: int) -> int:
        """Those without recordings."""
        gone = [age for age in self._older(before) if not self.calls[age]][:limit]
        for age in gone:
            del self.calls[age]
        if not self.calls:
            self.emptied.set()
        self.largest = max(self.largest, len(gone))
        return len(gone)


class FakeRecordings:
    """Deletes all but those that it is told to fail with."""

    def __init__(self) -> None:
        self.removed: list[str] = []
        self.failures: dict[str, Exception] = {}

    async def remove(self, node: str, name: str) -> None:
        """Gone."""
        if name in self.failures:
            raise self.failures[name]
        self.removed.append(f"{node}/{name}")


async def no_pause(_: float) -> None:
    await asyncio.sleep(0)


def retention(store: FakeStore, recordings: FakeRecordings, keep: Log) -> Retention:
    return Retention(store, recordings, keep, lambda: NOW, pause=no_pause)


async def test_calls_go_with_their_recordings() -> None:
    store, recordings = FakeStore({400: 2, 366: 0, 364: 1, 0: 1}), FakeRecordings()
    assert await retention(store, recordings, Log(keep_days=365)).sweep() == (2, 2)
    assert store.calls == {364: 1, 0: 1}
    assert recordings.removed == ["pbx2/400-0", "pbx2/400-1"]


async def test_recordings_go_sooner() -> None:
    store, recordings = FakeStore({400: 1, 91: 1, 89: 1}), FakeRecordings()
    assert await retention(store, recordings, Log(keep_days=365, keep_recordings_days=90)).sweep() == (2, 1)
    assert store.calls == {91: 0, 89: 1}
    assert await retention(store, recordings, Log(keep_recordings_days=30)).sweep() == (1, 0)
    assert store.calls == {91: 0, 89: 0}


async def test_recordings_never_stay_longer_than_what_is_known_of_them() -> None:
    store, recordings = FakeStore({400: 1}), FakeRecordings()
    await retention(store, recordings, Log(keep_days=365, keep_recordings_days=1000)).sweep()
    assert (store.calls, recordings.removed) == ({}, ["pbx2/400-0"])


async def test_many_go_in_small_portions() -> None:
    store = FakeStore(dict.fromkeys(range(400, 400 + 3 * BATCH), 1))
    assert await retention(store, FakeRecordings(), Log(keep_days=365)).sweep() == (3 * BATCH, 3 * BATCH)
    assert store.largest == BATCH


async def test_a_recording_that_cannot_be_deleted_keeps_its_call_and_no_other() -> None:
    store, recordings = FakeStore({402: 1, 401: 2, 400: 1}), FakeRecordings()
    recordings.failures = {"401-1": CallFailed()}
    assert await retention(store, recordings, Log(keep_days=365)).sweep() == (2, 2)
    assert store.calls == {401: 2}


async def test_while_asterisk_is_away_nothing_is_lost() -> None:
    store, recordings = FakeStore({401: 1, 400: 1}), FakeRecordings()
    recordings.failures = {"400-0": AsteriskUnreachable()}
    with pytest.raises(AsteriskUnreachable):
        await retention(store, recordings, Log(keep_days=365)).sweep()
    assert store.calls == {401: 0, 400: 1}


async def test_it_goes_on_after_trouble() -> None:
    store, recordings = FakeStore({400: 0}), FakeRecordings()
    store.failure = DatabaseUnreachable()
    running = asyncio.create_task(retention(store, recordings, Log(keep_days=365)).run())
    await asyncio.sleep(0.01)
    store.failure = None
    async with asyncio.timeout(5):
        await store.emptied.wait()
    running.cancel()


async def test_without_limits_everything_stays() -> None:
    store = FakeStore({40_000: 1})
    async with asyncio.timeout(5):
        await retention(store, FakeRecordings(), Log()).run()
    assert store.calls == {40_000: 1}
