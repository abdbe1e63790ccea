"""Tells what happens to calls to whoever listens, in order, and remembers it for those whose connection broke.

The desk's step only appends here. One task encodes each event once and hands it out, a few listeners at a time, so that
calls never wait for them; a listener that does not take what it is given is cut off.

An event's id is the microsecond in which this broadcast began plus the events since. So ids only grow, fit into a JSON
number (2**53 is in the year 2255), and one from before a restart is not among ours.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice
from typing import Protocol

import structlog

from ctc_ari.calls.ports import Happening, Logged

__all__ = ["Audience", "Broadcast", "Encode", "Outlet"]

log = structlog.get_logger(__name__)

#: Events that are kept for listeners who come back, and the seconds they are kept.
KEPT, KEPT_SECONDS = 10_000, 300.0
#: Bytes that may wait for a listener that does not read.
MOST_UNSENT = 256 * 1024
#: Seconds in which events are gathered before they are handed out: what a call is waiting for goes first.
GATHER_SECONDS = 0.002
#: Listeners served at a time, and the seconds that belong to the calls before the next ones are.
SLICE, PAUSE_SECONDS = 20, 0.001
#: Events looked through at a time for one who comes back.
CHUNK = 200

#: An event's id and what happened -> its bytes on the wire.
Encode = Callable[[int, Happening | Logged], bytes]
#: The e-mail addresses of the agents whose calls are told; None: all calls.
Audience = frozenset[str] | None


class Outlet(Protocol):
    """The way to one listener. Nothing here blocks or raises."""

    @property
    def unsent(self) -> int:
        """Bytes that were sent and have not left yet."""
        ...

    def send(self, encoded: bytes) -> None:
        """On its way, after what was sent before."""
        ...

    def cut_off(self) -> None:
        """It does not keep up, and nothing more is sent to it."""
        ...


class _Event:
    __slots__ = ("agents", "at", "content", "id")

    def __init__(self, event_id: int, happening: Happening | Logged) -> None:
        self.id = event_id
        self.at = happening.at
        self.agents = happening.audience
        #: Its bytes, once somebody wanted them.
        self.content: Happening | Logged | bytes = happening


class _Listener:
    __slots__ = ("audience", "outlet", "since")

    def __init__(self, outlet: Outlet, audience: Audience, since: int) -> None:
        self.outlet = outlet
        self.audience = audience
        self.since = since

    @property
    def groups(self) -> Collection[str | None]:
        return (None,) if self.audience is None else self.audience


class Broadcast:
    """All events of this process. `heard` is a listener of the desk, `run` hands out."""

    def __init__(
        self,
        encode: Encode,
        *,
        clock: Callable[[], float] = time.time,
        kept: int = KEPT,
        kept_seconds: float = KEPT_SECONDS,
        most_unsent: int = MOST_UNSENT,
        on_cut_off: Callable[[], None] = lambda: None,
    ) -> None:
        self._encode = encode
        self._clock = clock
        self._kept_seconds = kept_seconds
        self._most_unsent = most_unsent
        self._on_cut_off = on_cut_off
        self._newest = int(clock() * 1_000_000)
        self._remembered: deque[_Event] = deque(maxlen=kept)
        #: While nobody listens, and nobody left so recently that he may come back, nothing is remembered.
        self._remember_until = 0.0
        self._fresh: list[_Event] = []
        self._listeners: dict[Outlet, _Listener] = {}
        #: By the agent whose calls they are told; None: all calls.
        self._groups: dict[str | None, dict[Outlet, _Listener]] = {}
        self._wake = asyncio.Event()

    @property
    def newest(self) -> int:
        """The id of the last event."""
        return self._newest

    @property
    def listeners(self) -> int:
        """How many there are."""
        return len(self._listeners)

    # what happens

    def heard(self, happening: Happening | Logged) -> None:
        """Something happened; it is told in a moment."""
        self._newest += 1
        if self._listeners:
            event = _Event(self._newest, happening)
            self._remembered.append(event)
            self._fresh.append(event)
            self._wake.set()
        elif happening.at < self._remember_until:
            self._remembered.append(_Event(self._newest, happening))
        else:
            self._remembered.clear()

    # who listens

    def expect(self) -> int:
        """Somebody is coming, so everything after this event, the last one, is remembered."""
        self._remember_until = self._clock() + self._kept_seconds
        return self._newest

    def knows(self, event_id: int) -> bool:
        """Whether everything after that event is remembered."""
        oldest = self._clock() - self._kept_seconds
        while self._remembered and self._remembered[0].at < oldest:
            self._remembered.popleft()
        return self._first - 1 <= event_id <= self._newest

    def after(self, event_id: int, audience: Audience) -> tuple[list[bytes], int] | None:
        """The next events after that one, and the id up to which they were looked through; None: they are forgotten.

        Once that id is `newest`, whoever joins with it misses nothing and is told nothing twice.
        """
        start = event_id + 1 - self._first
        if start < 0:
            return None
        chunk = list(islice(self._remembered, start, start + CHUNK))
        encoded = [self._encoded(event) for event in chunk if audience is None or not audience.isdisjoint(event.agents)]
        return encoded, chunk[-1].id if chunk else event_id

    def join(self, outlet: Outlet, audience: Audience, since: int) -> None:
        """From now on it is sent every event after `since`, which must be `newest`."""
        assert since == self._newest
        listener = self._listeners[outlet] = _Listener(outlet, audience, since)
        for group in listener.groups:
            self._groups.setdefault(group, {})[outlet] = listener

    def leave(self, outlet: Outlet) -> None:
        """It is sent nothing more; harmless when it never joined."""
        listener = self._listeners.pop(outlet, None)
        if listener is None:
            return
        for group in listener.groups:
            del self._groups[group][outlet]
            if not self._groups[group]:
                del self._groups[group]
        self.expect()

    @property
    def _first(self) -> int:
        """The oldest event that is remembered, else the next one."""
        return self._remembered[0].id if self._remembered else self._newest + 1

    # handing out

    async def run(self) -> None:
        """Hand out what happens, for ever."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self._wake.clear()
            fresh, self._fresh = self._fresh, []
            for number, (listener, encoded) in enumerate(self._shares(fresh), start=1):
                self._give(listener, encoded)
                if not number % SLICE:
                    await asyncio.sleep(PAUSE_SECONDS)

    def _shares(self, events: Sequence[_Event]) -> Iterator[tuple[_Listener, bytes]]:
        """Who gets what: in order, and to each only what came after it joined."""
        own: dict[_Listener, list[_Event]] = {}
        for event in events:
            for agent in event.agents:
                for listener in self._groups.get(agent, {}).values():
                    told = own.setdefault(listener, [])
                    if not told or told[-1] is not event:
                        told.append(event)
        of_all = list(self._groups.get(None, {}).values())
        everything = self._joined(events) if of_all else b""
        for listener, its in own.items():
            yield listener, self._joined([event for event in its if event.id > listener.since])
        for listener in of_all:
            if listener.since < events[0].id:
                yield listener, everything
            else:
                yield listener, self._joined([event for event in events if event.id > listener.since])

    def _give(self, listener: _Listener, encoded: bytes) -> None:
        outlet = listener.outlet
        if not encoded or outlet not in self._listeners:
            return
        if outlet.unsent <= self._most_unsent:
            outlet.send(encoded)
            return
        self.leave(outlet)
        self._on_cut_off()
        outlet.cut_off()

    def _joined(self, events: Sequence[_Event]) -> bytes:
        return self._encoded(events[0]) if len(events) == 1 else b"".join(map(self._encoded, events))

    def _encoded(self, event: _Event) -> bytes:
        """Once, whoever wants it."""
        happening = event.content
        if isinstance(happening, bytes):
            return happening
        try:
            event.content = encoded = self._encode(event.id, happening)
        except Exception:
            #: A mistake of ours with one call must not silence the others.
            log.exception("event cannot be encoded", event_id=event.id, type=happening.event)
            event.content = encoded = b""
        return encoded
