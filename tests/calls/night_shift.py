"""The desk itself on a loop whose time only a test moves, with a small Asterisk and a store that may lose moments."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any

import structlog
from structlog.testing import LogCapture

from ctc_ari.calls import driver, ids
from ctc_ari.calls.commands import PlaceCall
from ctc_ari.calls.desk import Desk
from ctc_ari.calls.effects import BridgeLegs
from ctc_ari.calls.model import Call, EndReason
from ctc_ari.calls.ports import Happening
from ctc_ari.config import Asterisk, Limits
from ctc_ari.errors import CtcError, DatabaseUnreachable
from tests.calls.builders import ALICE, BOB, DID, NOW, a_dialling
from tests.calls.fakes import FakeStore
from tests.calls.switchboard import Switchboard

__all__ = ["NUMBER", "Loop", "NightShift"]

NUMBER = "+442079460001"
#: How long a write that is not urgent may be behind.
LINGER_SECONDS = 0.05
LIMITS = Limits(agent_calls_per_minute=1000, concurrent_calls=100, calls_per_second=1000, duplicate_window=1)


class Loop(asyncio.SelectorEventLoop):
    """Time stands still unless somebody sets it."""

    now = 0.0

    def time(self) -> float:
        return self.now

    def next_timer(self) -> float | None:
        """When the next timer is due."""
        timers: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]
        return min((timer.when() for timer in timers if not timer.cancelled()), default=None)


class NightStore(FakeStore):
    """Remembers when each state was written, so that a kill can lose the last moments."""

    def __init__(self, loop: Loop) -> None:
        super().__init__([])
        self._loop = loop
        self.away = False
        self.written: dict[str, list[tuple[float, bool, Call]]] = {}
        self.seqs: Counter[str] = Counter()

    async def add(self, call: Call) -> Any:
        """Fails while the database is away."""
        if self.away:
            raise DatabaseUnreachable
        contact = await super().add(call)
        self.written.setdefault(call.id, []).append((self._loop.now, True, call))
        return contact

    def save(self, call: Call, happenings: Any, *, urgent: bool = False, wished: bool = False) -> None:
        super().save(call, happenings, urgent=urgent, wished=wished)
        self.seqs[call.id] += len(happenings)
        self.written.setdefault(call.id, []).append((self._loop.now, urgent, call))

    def crash(self, lost: int) -> None:
        """At most so many of the last states of each call were not written yet."""
        for call_id, states in self.written.items():
            for _ in range(lost):
                at, urgent, _ = states[-1]
                if len(states) > 1 and not urgent and self._loop.now - at < LINGER_SECONDS:
                    states.pop()
            self.rows[call_id] = states[-1][2]
        self.live = [(row, self.seqs[row.id]) for row in self.rows.values() if row.live]


class NightShift:
    """One service after the other on the same Asterisk and database."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.exchange = Switchboard()
        self.store = NightStore(self.loop)
        self.heard: list[Happening] = []
        self.refused: Counter[str] = Counter()
        self.tasks: list[asyncio.Task[Any]] = []
        #: What was not written by one service is done again by the next.
        self.services = 1
        self.errors: list[BaseException] = []
        #: Ids of one moment are in an order of chance, which has to be the same one when a failure is repeated.
        self.chance = random.Random(0)
        self._secrets = vars(ids)["secrets"]
        vars(ids)["secrets"] = SimpleNamespace(randbits=self.chance.getrandbits)
        capture = LogCapture()
        self.mistakes = capture.entries
        self._log = driver.log
        errors_only = structlog.make_filtering_bound_logger(logging.ERROR)
        driver.log = structlog.wrap_logger(None, processors=[capture], wrapper_class=errors_only)
        self.loop.set_exception_handler(
            lambda _loop, what: self.errors.append(what.get("exception") or RuntimeError(what))
        )
        self.desk = self.run(self._open())

    async def _open(self) -> Desk:
        return Desk(
            self.exchange,
            self.store,
            asterisk=Asterisk(max_call_seconds=600),
            dialling=a_dialling({DID: [ALICE.email, BOB.email]}),
            limits=LIMITS,
            clock=lambda: NOW + self.loop.now,
            listeners=(self.heard.append,),
        )

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Do it, and whatever follows at once."""

        async def and_more() -> Any:
            result = await work
            for _ in range(4):
                await asyncio.sleep(0)
            return result

        return self.loop.run_until_complete(and_more())

    def settle(self) -> None:
        """What is due happens."""
        self.run(asyncio.sleep(0))

    def ask(self, wish: Coroutine[Any, Any, Any]) -> None:
        """Somebody wants something and waits for it."""

        async def asking() -> None:
            try:
                await wish
            except CtcError as error:
                self.refused[error.code] += 1

        self.tasks.append(self.loop.create_task(asking()))
        self.settle()

    def click(self) -> None:
        """Alice calls a customer."""
        self.ask(self.desk.place(PlaceCall(ALICE, NUMBER)))

    def reconnect(self) -> None:
        """The socket is up again."""
        self.exchange.connected = True
        self.exchange.drop_socket()
        self.desk.reconcile(self.exchange.snapshot())
        self.settle()

    def disconnect(self, carried_out: int) -> None:
        """Of the requests under way some are carried out; none is answered."""
        unanswered = [*self.exchange.requests]
        for sent in unanswered[:carried_out]:
            self.exchange.serve(sent.rest)
        unanswered += [sent for sent, _ in self.exchange.replies]
        self.exchange.drop_socket()
        self.exchange.connected = False
        for sent in unanswered:
            sent.replied(sent.request, None)
        self.settle()

    def kill(self, carried_out: int, lost: int) -> None:
        """The service dies; the next one has the rows as they were some moments ago."""
        waiting = [*self.exchange.requests]
        while 0 < carried_out < len(waiting) and isinstance(waiting[carried_out].request, BridgeLegs):
            #: A dial and its bridging leave us together: who is in the bridge proves that somebody was dialled.
            carried_out += 1
        for sent in waiting[:carried_out]:
            self.exchange.serve(sent.rest)
        self.exchange.drop_socket()
        self.desk.close()
        for task in [*self.tasks, *asyncio.all_tasks(self.loop)]:
            task.cancel()
        self.tasks.clear()
        self.exchange.connected = False
        self.settle()
        self.store.crash(lost)
        self.services += 1

        async def again() -> Desk:
            desk = await self._open()
            await desk.load()
            return desk

        self.desk = self.run(again())
        self.reconnect()

    def check_records(self) -> None:
        """One row per call, one end per call, and the successor of each transfer."""
        ended = Counter(happening.call.id for happening in self.heard if happening.event == "call.ended")
        assert set(ended.values()) <= {*range(1, self.services + 1)}, ended
        for call in self.store.rows.values():
            assert not call.live, f"its end was not written: {call}"
            assert all(not transfer.open for transfer in call.transfers), call
            done = [transfer for transfer in call.transfers if transfer.state == "completed"]
            assert len(done) == (call.end_reason is EndReason.TRANSFERRED), call
            for transfer in done:
                assert self.store.rows[transfer.successor].transferred_from == call.id, call

    def close(self) -> None:
        """Nothing is left running."""
        driver.log = self._log
        vars(ids)["secrets"] = self._secrets
        self.desk.close()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()
