"""Answers of somebody slow: asked once for all who wait, waited for briefly, and the last known one kept.

In this process an answer counts while it is fresh. The last known one is in the database, where a restart does not
reach it, and where a customer who is erased is erased.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Generic, Protocol, TypeVar

import msgspec
import structlog

from ctc_ari.errors import CrmUnreachable, CtcError

__all__ = ["Cache", "Memory", "Remembered"]

log = structlog.get_logger(__name__)

T = TypeVar("T")
W = TypeVar("W")

#: Seconds a click waits for the CRM (the requirements).
PATIENCE = 0.3
#: Seconds in which one that did not answer is not waited for again.
DOWN_SECONDS = 5.0
#: Answers kept in this process; the one answered longest ago goes first.
MOST_ENTRIES = 20_000
#: Questions under way at a time; beyond, the last known answer counts.
MOST_UNDER_WAY = 64


class Memory(Protocol):
    """The last answers, as JSON. Both methods raise DatabaseUnreachable."""

    async def recall(self, kind: str, key: str) -> bytes | None:
        """None: it was never asked, or never answered."""
        ...

    async def keep(self, kind: str, key: str, answer: bytes) -> None:
        """In place of what it was."""
        ...


class Remembered(Generic[T]):
    """The last answers of one kind in the memory that all share."""

    def __init__(self, memory: Memory, kind: str, answer: type[T]) -> None:
        self._memory = memory
        self._kind = kind
        self._decoder: msgspec.json.Decoder[T | None] = msgspec.json.Decoder(answer | None)

    async def recall(self, key: str) -> tuple[T | None] | None:
        """Raises DatabaseUnreachable."""
        kept = await self._memory.recall(self._kind, key)
        return None if kept is None else (self._decoder.decode(kept),)

    async def keep(self, key: str, answer: T | None) -> None:
        """Raises DatabaseUnreachable."""
        await self._memory.keep(self._kind, key, msgspec.json.encode(answer))


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
        remembered: Remembered[T] | None = None,
    ) -> None:
        #: Raises CrmUnreachable.
        self._ask = ask
        self._remembered = remembered
        self._fresh_seconds = fresh_seconds
        self._patience = patience
        self._clock = clock
        self._known: OrderedDict[str, tuple[T | None, float]] = OrderedDict()
        self._flights: dict[str, _Flight[T]] = {}
        #: Not in the database yet, or not at all while that is away: until then the last known one is here.
        self._unkept: set[str] = set()
        self._background: set[asyncio.Task[Any]] = set()
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
        if self._fresh(key):
            return self._known[key][0]
        #: Beside the question, so that it costs no time; not cut off, which would cost a connection.
        recalling = self._in_background(self._recall(key))
        began = self._clock()
        flight = self._flights.get(key)
        if flight is not None:
            patience = self._patience - (began - flight.began) if began >= self._down_until else 0.0
            #: The question goes on without those who do not wait, and the answer is there for the next.
            await asyncio.wait((flight.task,), timeout=max(0.0, patience))
            if flight.task.done() and not flight.task.cancelled() and flight.task.exception() is None:
                return flight.task.result()
        await asyncio.wait((recalling,), timeout=max(0.0, self._patience - (self._clock() - began)))
        return self._last_known(key, recalling.result() if recalling.done() else None)

    def _in_background(self, work: Coroutine[None, None, W]) -> asyncio.Task[W]:
        task = asyncio.create_task(work, name="crm-memory")
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    def _last_known(self, key: str, recalled: tuple[T | None] | tuple[()] | None) -> T | None:
        """`recalled`: what the database has of it; None: it cannot be asked."""
        if key in self._known and (recalled is None or key in self._unkept):
            return self._known[key][0]
        if not recalled:
            raise CrmUnreachable
        return recalled[0]

    async def _recall(self, key: str) -> tuple[T | None] | tuple[()] | None:
        if self._remembered is None:
            return None
        try:
            return await self._remembered.recall(key) or ()
        except (CtcError, msgspec.MsgspecError) as error:
            log.debug("the CRM's last answer cannot be read", why=type(error).__name__)
            return None

    def close(self) -> None:
        """Wait for no answer any more."""
        for task in (*(flight.task for flight in self._flights.values()), *self._background):
            task.cancel()

    def _fresh(self, key: str) -> bool:
        return key in self._known and self._clock() - self._known[key][1] < self._fresh_seconds

    async def _fly(self, key: str) -> T | None:
        answer = await self._ask(key)
        self._known[key] = answer, self._clock()
        self._known.move_to_end(key)
        if len(self._known) > MOST_ENTRIES:
            self._unkept.discard(self._known.popitem(last=False)[0])
        self._down_until = float("-inf")
        if self._remembered is not None:
            self._unkept.add(key)
            self._in_background(self._keep(self._remembered, key, answer))
        return answer

    async def _keep(self, remembered: Remembered[T], key: str, answer: T | None) -> None:
        try:
            await remembered.keep(key, answer)
        except CtcError as error:
            log.debug("the CRM's answer is not written", code=error.code)
        else:
            self._unkept.discard(key)

    def _landed(self, key: str, task: asyncio.Task[T | None]) -> None:
        self._flights.pop(key, None)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            self._down_until = self._clock() + DOWN_SECONDS
            if not isinstance(error, CrmUnreachable):
                log.error("a question to the CRM failed", exc_info=error)
