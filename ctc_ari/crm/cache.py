"""Answers of somebody slow: asked once for all who wait, waited for briefly, and the last known one kept."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import structlog

from ctc_ari.errors import CrmUnreachable

__all__ = ["Cache"]

log = structlog.get_logger(__name__)

T = TypeVar("T")

#: Seconds a click waits for the CRM (the requirements).
PATIENCE = 0.3
#: Seconds in which one that did not answer is not waited for again.
DOWN_SECONDS = 5.0
MOST_ENTRIES = 20_000
#: Questions under way at a time; beyond, the last known answer counts.
MOST_UNDER_WAY = 64


class _Flight(Generic[T]):
    __slots__ = ("began", "task")

    def __init__(self, task: asyncio.Task[T | None], began: float) -> None:
        self.task = task
        self.began = began


class Cache(Generic[T]):
    """Answers by key; None means that there is nothing, which is an answer, too."""

    def __init__(
        self,
        ask: Callable[[str], Awaitable[T | None]],
        *,
        fresh_seconds: float,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        #: Raises CrmUnreachable.
        self._ask = ask
        self._fresh_seconds = fresh_seconds
        self._patience = patience
        self._clock = clock
        self._known: OrderedDict[str, tuple[T | None, float]] = OrderedDict()
        self._flights: dict[str, _Flight[T]] = {}
        self._down_until = float("-inf")

    def begin(self, key: str) -> None:
        """Ask now, unless it is known or being asked; whoever waits later waits less."""
        if self._fresh(key) or key in self._flights or len(self._flights) >= MOST_UNDER_WAY:
            return
        task = asyncio.create_task(self._fly(key), name="crm")
        self._flights[key] = _Flight(task, self._clock())
        task.add_done_callback(lambda done: self._landed(key, done))

    async def get(self, key: str) -> T | None:
        """The answer, or within `patience` of the question the last known one. Raises CrmUnreachable: there is none."""
        self.begin(key)
        flight = self._flights.get(key)
        if flight is not None and not self._fresh(key):
            waited = self._clock() - flight.began
            patience = self._patience - waited if self._clock() >= self._down_until else 0.0
            #: The question goes on without those who do not wait, and the answer is there for the next.
            await asyncio.wait((flight.task,), timeout=max(0.0, patience))
        if key not in self._known:
            raise CrmUnreachable
        return self._known[key][0]

    def close(self) -> None:
        """Wait for no answer any more."""
        for flight in self._flights.values():
            flight.task.cancel()

    def _fresh(self, key: str) -> bool:
        return key in self._known and self._clock() - self._known[key][1] < self._fresh_seconds

    async def _fly(self, key: str) -> T | None:
        answer = await self._ask(key)
        self._known[key] = answer, self._clock()
        self._known.move_to_end(key)
        if len(self._known) > MOST_ENTRIES:
            self._known.popitem(last=False)
        self._down_until = float("-inf")
        return answer

    def _landed(self, key: str, task: asyncio.Task[T | None]) -> None:
        self._flights.pop(key, None)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            self._down_until = self._clock() + DOWN_SECONDS
            if not isinstance(error, CrmUnreachable):
                log.error("a question to the CRM failed", exc_info=error)
