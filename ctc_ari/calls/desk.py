"""The one I/O shell around the engine: what is asked of calls, and taking over after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from ctc_ari.calls.commands import PlaceCall, Placed
from ctc_ari.calls.dialling import Dialling
from ctc_ari.calls.driver import Driver
from ctc_ari.calls.engine import TABLE, refuse
from ctc_ari.calls.entry import Entry, Wish
from ctc_ari.calls.hearing import Hearing
from ctc_ari.calls.ids import channel_id, new_call_id
from ctc_ari.calls.inputs import HangUp, Input, MoveTo, Stored, StoreFailed, Supervise
from ctc_ari.calls.leg import Device, Leg
from ctc_ari.calls.model import Agent, Call, Phase, SupervisorMode, TransferMode
from ctc_ari.calls.policy import Admission, RecentCalls
from ctc_ari.calls.ports import CallStore, Heard, Listener, Snapshot, Telephony
from ctc_ari.calls.reception import Reception
from ctc_ari.calls.roster import Roster
from ctc_ari.config import Asterisk, Limits
from ctc_ari.errors import (
    AgentBusy,
    AgentOffline,
    AsteriskUnreachable,
    CallFailed,
    CallNotFound,
    CtcError,
    DatabaseUnreachable,
    LimitReached,
    TransferInProgress,
    WrongState,
)

__all__ = ["Desk"]

HOUSEKEEPING_SECONDS = 10.0
#: Seconds an answer of Asterisk may be overdue before new calls are refused, so that those it has do not suffer.
MOST_BEHIND = 0.25


class Desk:
    """All calls of one node. Everything happens on one event loop; nothing here blocks it."""

    def __init__(
        self,
        telephony: Telephony,
        store: CallStore,
        *,
        asterisk: Asterisk,
        dialling: Dialling,
        limits: Limits,
        clock: Callable[[], float],
        listeners: Sequence[Listener] = (),
    ) -> None:
        self._telephony = telephony
        self._store = store
        self._asterisk = asterisk
        self._dialling = dialling
        self._clock = clock
        self._roster = Roster()
        self._reception = Reception(telephony, dialling, asterisk, self._roster)
        self._driver = Driver(
            telephony,
            store,
            self._roster,
            clock=clock,
            listeners=listeners,
            next_agent=self._reception.next_agent,
            refused=lambda call: self._recent.forget(call.agent.email, call.number),
        )
        self._hearing = Hearing(telephony, store, self._roster, self._reception, self._driver, clock)
        self._admission = Admission(limits)
        self._recent = RecentCalls(limits.duplicate_window)
        self._window = float(limits.duplicate_window)
        self._housekeeping: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    # commands

    async def place(self, command: PlaceCall) -> Placed:
        """Ring the agent, then call the number; see CallDesk.place."""
        now = self._clock()
        agent = command.agent
        again = self._same_call(agent.email, command.number, now)
        if again is not None:
            return await self._join(again)
        self._admission.admit(agent.email, self._roster.occupied, now)
        if self._roster.has_call(agent.email):
            raise AgentBusy
        device = command.device or agent.device
        endpoint = self._dialling.device(agent, device)
        if not self._telephony.connected:
            raise AsteriskUnreachable
        if self._telephony.behind > MOST_BEHIND:
            raise LimitReached("Asterisk is behind with the calls it has; wait a moment", retry_after=1)
        if not self._store.writable:
            raise DatabaseUnreachable
        call_id = new_call_id(self._telephony.app, now)
        call = Call(
            id=call_id,
            node=self._telephony.node,
            linkedid=call_id,
            agent=agent,
            device=device,
            number=command.number,
            contact=command.contact,
            contact_by="record" if command.contact else None,
            agent_leg=Leg(channel_id(call_id, "agent"), endpoint),
            customer_leg=Leg(channel_id(call_id, "customer"), self._dialling.trunk(command.number)),
            agent_ring_timeout=self._asterisk.ring_timeout.agent,
            customer_ring_timeout=self._asterisk.ring_timeout.customer,
            max_seconds=self._asterisk.max_call_seconds,
            asterisk_started=self._telephony.started,
            created_at=now,
        )
        return await self._start(call, now)

    async def hang_up(self, call_id: str) -> None:
        """End the call; harmless when it has ended."""
        if call_id in self._roster:
            self._driver.feed(call_id, HangUp("api"))
        else:
            await self.find(call_id)

    async def control(self, call_id: str, wish: Input, *, refused: type[CtcError] = CallFailed) -> None:
        """Carry out what somebody wants of a live call; returns when Asterisk has done it.

        Raises CallNotFound, WrongState, CallFailed, AsteriskUnreachable.
        """
        entry = self._roster.get(call_id)
        if entry is None:
            await self.find(call_id)
            raise WrongState
        if TABLE[entry.call.phase, type(wish)] is refuse:
            raise WrongState
        if not self._telephony.connected:
            raise AsteriskUnreachable
        waiting = Wish(refused)
        self._driver.enqueue(entry, wish, waiting)
        await waiting.done

    async def transfer(self, call_id: str, to: str, mode: TransferMode) -> Call:
        """See CallDesk.transfer."""
        call = await self.find(call_id)
        if call.transfer and call.transfer.open:
            raise TransferInProgress
        start = self._reception.start_of_transfer(call, to, mode, self._clock())
        await self.control(call_id, start, refused=AgentOffline)
        return await self.find(call_id)

    async def move(self, call_id: str, device: Device, *, again: bool = False) -> Call:
        """See CallDesk.move."""
        call = await self.find(call_id)
        wish = MoveTo(device, self._dialling.device(call.agent, device), again)
        await self.control(call_id, wish, refused=AgentOffline)
        return await self.find(call_id)

    async def supervise(self, call_id: str, agent: Agent, mode: SupervisorMode) -> tuple[Call, str]:
        """See CallDesk.supervise."""
        call = await self.find(call_id)
        if self._roster.has_call(agent.email):
            raise AgentBusy
        name = f"s{call.others_made + 1}"
        wish = Supervise(name, agent, self._dialling.device(agent, agent.device), mode)
        await self.control(call_id, wish, refused=AgentOffline)
        return await self.find(call_id), name

    def live(self) -> list[Call]:
        """The calls whose outcome is open, oldest first."""
        return [entry.call for entry in self._roster if entry.call.live]

    async def find(self, call_id: str) -> Call:
        """A call, live or ended."""
        entry = self._roster.get(call_id)
        call = entry.call if entry else await self._store.find(call_id)
        if call is None:
            raise CallNotFound
        return call

    # starting a call

    def _same_call(self, agent: str, number: str, now: float) -> str | None:
        call_id = self._recent.find(agent, number, now)
        if call_id is not None:
            return call_id
        entry = self._roster.of_agent(agent)
        if entry and entry.call.number == number and entry.call.phase is not Phase.TALKING:
            return entry.call.id
        return None

    async def _join(self, call_id: str) -> Placed:
        """Wait for the same phone to ring as the first click does, and share its outcome."""
        entry = self._roster.get(call_id)
        if entry is not None and entry.ringing is not None:
            #: Whoever gives up waiting gives up for himself only.
            await asyncio.shield(entry.ringing)
            return Placed(entry.call, duplicate=True)
        return Placed(await self.find(call_id), duplicate=True)

    async def _start(self, call: Call, now: float) -> Placed:
        entry = Entry(call, row=False)
        entry.ringing = self._loop.create_future()
        self._recent.remember(call.agent.email, call.number, call.id, now)
        self._driver.begin(entry, now)
        try:
            contact = await self._store.add(entry.call)
        except BaseException as error:
            #: A row whose commit was never confirmed may be there all the same: its end must be written.
            entry.row = not isinstance(error, AgentBusy)
            self._driver.refuse(entry, error if isinstance(error, CtcError) else CallFailed())
            self._driver.feed(call.id, StoreFailed())
            self._driver.write(entry)
            raise
        entry.row = True
        self._driver.feed(call.id, Stored(contact))
        #: What happened while the row was on its way is written now.
        self._driver.write(entry)
        await asyncio.shield(entry.ringing)
        return Placed(entry.call)

    # what Asterisk tells

    def hear(self, channel: str, heard: Heard) -> None:
        """Handle what a channel told."""
        self._hearing.hear(channel, heard)

    def reconcile(self, snapshot: Snapshot) -> None:
        """Compare with what Asterisk has, each time when a connection has come up."""
        self._hearing.reconcile(snapshot)

    # taking over after a restart

    async def load(self) -> None:
        """Take over the open calls of this node from the database. Raises DatabaseUnreachable."""
        now = self._clock()
        live = await self._store.load_live(self._telephony.node)
        recent = await self._store.load_recent(self._telephony.node, now - self._window)
        for call, seq in live:
            self._roster.add(Entry(replace(call, interrupted=True), row=True, seq=seq))
            self._recent.remember(call.agent.email, call.number, call.id, call.created_at)
        for call in recent:
            self._recent.remember(call.agent.email, call.number, call.id, call.created_at)
        self._tidy()

    def _tidy(self) -> None:
        now = self._clock()
        self._recent.forget_old(now)
        self._admission.forget_idle(now)
        self._housekeeping = self._loop.call_later(HOUSEKEEPING_SECONDS, self._tidy)

    def close(self) -> None:
        """Stop the timers; calls go on in Asterisk and are taken over by the next start."""
        if self._housekeeping:
            self._housekeeping.cancel()
        for entry in self._roster:
            if entry.timer:
                entry.timer.cancel()
