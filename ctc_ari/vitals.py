"""What `/metrics` tells about the service itself: its process, its event loop, its database, and what waits there."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from time import perf_counter
from typing import Protocol

import msgspec
from prometheus_client import CollectorRegistry, Gauge, Histogram, Info, ProcessCollector

from ctc_ari import __version__
from ctc_ari.errors import CtcError

__all__ = ["Backlog", "BacklogStore", "Vitals"]

#: Seconds between two looks at the database; what waits there is a matter of minutes.
LOOK_SECONDS = 15.0
#: Seconds the loop is asked to sleep; by how much longer it does, everything else is late, too.
NAP_SECONDS = 0.25
_LATE_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


class Backlog(msgspec.Struct, frozen=True):
    """What waits in the database; ages are seconds, 0 where nothing waits."""

    deliveries: int
    deliveries_age: float
    #: Calls whose row in the log awaits records, or that were not held against them yet.
    log: int
    log_age: float


class BacklogStore(Protocol):
    """Where it waits."""

    async def read(self) -> Backlog:
        """Now. Raises DatabaseUnreachable."""
        ...


class Vitals:
    """Gauges that need a look, and the loop's lateness; `run` looks until it is cancelled."""

    def __init__(
        self,
        registry: CollectorRegistry,
        backlog: BacklogStore,
        *,
        writable: Callable[[], bool],
        spooled: Callable[[], int],
    ) -> None:
        self._backlog = backlog
        ProcessCollector(registry=registry)
        Info("ctc_build", "Which version runs.", registry=registry).info({"version": __version__})
        self._late = Histogram(
            "ctc_event_loop_lag_seconds",
            "By how much the process is late at what it wants to do now.",
            buckets=_LATE_SECONDS,
            registry=registry,
        )
        database = Gauge("ctc_database_writable", "1 while the database takes writes.", registry=registry)
        database.set_function(lambda: float(writable()))
        spool = Gauge("ctc_spool_bytes", "Changes on the disk that the database could not be given.", registry=registry)
        spool.set_function(lambda: float(spooled()))
        self._gauges = {
            "deliveries": Gauge("ctc_deliveries_waiting", "Messages to webhooks and the CRM.", registry=registry),
            "deliveries_age": Gauge("ctc_deliveries_oldest_seconds", "Age of the oldest of them.", registry=registry),
            "log": Gauge("ctc_log_waiting", "Calls to be logged, or compared with records.", registry=registry),
            "log_age": Gauge("ctc_log_oldest_seconds", "Age of the oldest of them.", registry=registry),
        }

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look())
            tasks.create_task(self._nap())

    async def _look(self) -> None:
        while True:
            try:
                found = msgspec.structs.asdict(await self._backlog.read())
            except CtcError:
                #: Not 0: nobody knows.
                found = dict.fromkeys(self._gauges, math.nan)
            for name, value in found.items():
                self._gauges[name].set(value)
            await asyncio.sleep(LOOK_SECONDS)

    async def _nap(self) -> None:
        while True:
            before = perf_counter()
            await asyncio.sleep(NAP_SECONDS)
            self._late.observe(max(0.0, perf_counter() - before - NAP_SECONDS))
