"""What `/metrics` says about the process, its event loop and its database."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from prometheus_client import CollectorRegistry

from ctc_ari import __version__, vitals
from ctc_ari.errors import DatabaseUnreachable
from ctc_ari.vitals import Backlog, Vitals


class FakeBacklog:
    """What waits, or a database that is away."""

    def __init__(self) -> None:
        self.now: Backlog | None = Backlog(3, 120.0, 2, 9.0)

    async def read(self) -> Backlog:
        if self.now is None:
            raise DatabaseUnreachable
        return self.now


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@asynccontextmanager
async def running(registry: CollectorRegistry, backlog: FakeBacklog) -> AsyncIterator[None]:
    made = Vitals(registry, backlog, writable=lambda: backlog.now is not None, spooled=lambda: 512)
    task = asyncio.create_task(made.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_what_waits_in_the_database_is_shown_and_unknown_while_that_is_away(
    registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vitals, "LOOK_SECONDS", 0.01)
    backlog = FakeBacklog()
    async with running(registry, backlog):
        await until(lambda: registry.get_sample_value("ctc_deliveries_waiting") == 3)
        assert registry.get_sample_value("ctc_deliveries_oldest_seconds") == 120
        assert registry.get_sample_value("ctc_log_waiting") == 2
        assert registry.get_sample_value("ctc_log_oldest_seconds") == 9
        assert registry.get_sample_value("ctc_database_writable") == 1
        backlog.now = None
        await until(lambda: math.isnan(registry.get_sample_value("ctc_log_waiting") or 0))
        assert registry.get_sample_value("ctc_database_writable") == 0
        assert registry.get_sample_value("ctc_spool_bytes") == 512


async def test_a_loop_that_is_kept_busy_is_seen_to_be_late(
    registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vitals, "NAP_SECONDS", 0.01)
    async with running(registry, FakeBacklog()):
        await asyncio.sleep(0)
        time.sleep(0.2)  # noqa: ASYNC251 - that is what is to be seen
        await until(lambda: (registry.get_sample_value("ctc_event_loop_lag_seconds_sum") or 0) > 0.1)


async def test_the_process_and_its_version_are_shown(registry: CollectorRegistry) -> None:
    async with running(registry, FakeBacklog()):
        assert registry.get_sample_value("ctc_build_info", {"version": __version__}) == 1
        assert (registry.get_sample_value("process_resident_memory_bytes") or 0) > 1e6
