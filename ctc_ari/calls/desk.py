"""The one I/O shell around the engine: takes inputs one at a time per call, stores, performs, keeps the timers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from functools import partial

import structlog
from msgspec.structs import replace

from ctc_ari.calls.commands import PlaceCall, Placed
from ctc_ari.calls.dialling import Dialling
from ctc_ari.calls.effects import (
    Announce,
    Effect,
    FindAgent,
    HandOver,
    Originate,
    Refuse,
    Request,
)
from ctc_ari.calls.engine import TABLE, begin, handler_of, ignore, refuse, step
from ctc_ari.calls.entry import Entry, Wish
from ctc_ari.calls.ids import belongs_to, new_call_id
from ctc_ari.calls.inputs import (
    DeadlinePassed,
    HangUp,
    Input,
    LegAnswered,
    LegDialed,
    LegReady,
    LegRinging,
    MoveTo,
    RequestFailed,
    Stored,
    StoreFailed,
    Supervise,
)
from ctc_ari.calls.model import (
    Agent,
    Call,
    Device,
    EndReason,
    Leg,
    Phase,
    SupervisorMode,
    TransferMode,
    channel_id,
    owner_of,
)
from ctc_ari.calls.numbers import mask
from ctc_ari.calls.policy import Admission, RecentCalls
from ctc_ari.calls.ports import (
    NOT_SENT,
    Arrived,
    CallStore,
    DialAnswered,
    Happening,
    Heard,
    Listener,
    Referred,
    Snapshot,
    Telephony,
)
from ctc_ari.calls.reception import Reception
from ctc_ari.calls.requests import as_of_now, removes
from ctc_ari.calls.resume import observed
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

log = structlog.get_logger(__name__)

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
        self._listeners = list(listeners)
        self._roster = Roster()
        self._reception = Reception(telephony, dialling, asterisk, self._roster)
        self._tasks: set[asyncio.Task[None]] = set()
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
            self.feed(call_id, HangUp("api"))
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
        waiting = Wish(refused)
        self._enqueue(entry, wish, waiting)
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
        self._roster.add(entry)
        self._recent.remember(call.agent.email, call.number, call.id, now)
        self._settle(entry, *begin(call, now))
        try:
            contact = await self._store.add(entry.call)
        except BaseException as error:
            #: A row whose commit was never confirmed may be there all the same: its end must be written.
            entry.row = not isinstance(error, AgentBusy)
            self._refuse(entry, error if isinstance(error, CtcError) else CallFailed())
            self.feed(call.id, StoreFailed())
            self._write(entry)
            raise
        entry.row = True
        self.feed(call.id, Stored(contact))
        #: What happened while the row was on its way is written now.
        self._write(entry)
        await asyncio.shield(entry.ringing)
        return Placed(entry.call)

    # inputs

    def hear(self, channel: str, heard: Heard) -> None:
        """Handle what a channel told: find out whose it is."""
        call_id = self._roster.call_of(channel)
        entry = self._roster.get(call_id)
        if isinstance(heard, Arrived):
            if entry is None:
                self._arrived(heard)
            return
        role = entry.call.role_of(channel) if entry else None
        if entry is None or role is None:
            if isinstance(heard, LegReady | LegRinging | LegAnswered) and belongs_to(self._telephony.app, call_id):
                #: Its creation was carried out after all, too late.
                self._telephony.discard([channel])
            return
        match heard:
            case DialAnswered():
                if role in ("customer", "target"):
                    self._enqueue(entry, LegAnswered(role), None)
            case Referred():
                self._enqueue(entry, self._reception.referral(entry.call, role, heard, self._clock()), None)
            case _:
                self._enqueue(entry, replace(heard, role=role), None)

    def feed(self, call_id: str, happened: Input) -> None:
        """Handle an input, after those of this call that are being handled already."""
        entry = self._roster.get(call_id)
        if entry is None:
            log.debug("input for a call that has ended", call=call_id, input=type(happened).__name__)
            return
        self._enqueue(entry, happened, None)

    def _enqueue(self, entry: Entry, happened: Input, wish: Wish | None) -> None:
        entry.inputs.append((happened, wish))
        if not entry.draining:
            self._drain(entry)

    def _drain(self, entry: Entry) -> None:
        entry.draining = True
        try:
            while entry.inputs:
                self._handle_safely(entry, *entry.inputs.popleft())
        finally:
            entry.draining = False
        if entry.call.phase is Phase.ENDED:
            self._roster.remove(entry.call)

    def _handle_safely(self, entry: Entry, happened: Input, wish: Wish | None) -> None:
        """A mistake of ours in one call must not take the others down with it."""
        try:
            self._handle(entry, happened, wish)
        except Exception as error:
            if wish and not wish.done.done():
                wish.done.set_exception(error)
            log.exception("engine failed", call=entry.call.id, phase=entry.call.phase, input=type(happened).__name__)

    def _handle(self, entry: Entry, happened: Input, wish: Wish | None) -> None:
        before = entry.call
        after, effects = step(before, happened, self._clock())
        if before.live and not after.interrupted and not self._telephony.connected:
            after = replace(after, interrupted=True)
        if handler_of(before, happened) is ignore:
            log.debug("ignored", call=before.id, phase=before.phase, input=type(happened).__name__)
            return
        self._settle(entry, after, effects, wish)
        if after.phase is not before.phase:
            #: Its end was told when it was decided; that the last channel went is for whoever looks closer.
            write = log.debug if before.phase is Phase.ENDING else log.info
            write(
                "call",
                call=before.id,
                move=f"{before.phase} -> {type(happened).__name__} -> {after.phase}",
                number=mask(before.number),
                end_reason=after.end_reason,
            )

    def _settle(self, entry: Entry, call: Call, effects: Sequence[object], wish: Wish | None = None) -> None:
        """Take the step: remember, perform, tell, write."""
        before, entry.call = entry.call, call
        self._roster.moved(before, call)
        if before.live and not call.live:
            self._close(entry, dialled=before.phase is not Phase.PLACING)
        requests = [effect for effect in effects if isinstance(effect, Request)]
        for effect in effects:
            match effect:
                case Refuse(error) if wish:
                    wish.refuse(error())
                case HandOver(successor, together):
                    self._begin_successor(successor, together, wish)
                case FindAgent(position):
                    self._enqueue(entry, self._reception.next_agent(call, position), None)
        if wish:
            wish.begin(len(requests))
        if requests:
            self._telephony.perform(call, requests, partial(self._replied, call, wish))
        for effect in effects:
            if isinstance(effect, Announce):
                entry.seq += 1
                happening = Happening(call, effect.event, self._clock(), entry.seq, effect.to)
                entry.happenings.append(happening)
                for listener in self._listeners:
                    listener(happening)
        self._arm(entry)
        if call is not before and not (before.phase is Phase.ENDING and call.phase is Phase.ENDED):
            #: That its last channel is gone changes nothing in the record.
            self._write(entry, urgent=_untold(call) != _untold(before), wished=wish is not None)

    def _replied(self, sent: Call, wish: Wish | None, request: Request, status: int | None) -> None:
        call_id = sent.id
        if wish:
            wish.answered(204 if status == 404 and removes(request) else status)
        entry = self._roster.get(call_id)
        if entry and isinstance(request, Originate) and entry.ringing:
            if status is None or status < 300 or status == 409:
                #: It was sent: she may be ringing, so this is never told as a failure to be tried again.
                self._rings(entry)
            else:
                self._refuse(entry, AsteriskUnreachable() if status == NOT_SENT else AgentOffline())
        about = as_of_now(request, sent, entry.call) if entry else request
        if about is None:
            return
        if status is not None and status < 300:
            if isinstance(about, Originate):
                self.feed(call_id, LegDialed(about.role))
            return
        log.debug("refused", call=call_id, request=type(request).__name__, status=status)
        self.feed(call_id, RequestFailed(about, status))

    def _rings(self, entry: Entry) -> None:
        if entry.ringing and not entry.ringing.done():
            entry.ringing.set_result(None)

    def _refuse(self, entry: Entry, error: CtcError) -> None:
        """The agent's phone does not ring, for this reason."""
        self._recent.forget(entry.call.agent.email, entry.call.number)
        if entry.ringing and not entry.ringing.done():
            entry.ringing.set_exception(error)
            #: Nobody may be waiting any more; the reason is in the log of the call.
            entry.ringing.exception()

    def _close(self, entry: Entry, *, dialled: bool) -> None:
        """The outcome is final: the agent is free for the next call."""
        if dialled:
            #: Her phone's answer overtook Asterisk's.
            self._rings(entry)
        elif entry.ringing and not entry.ringing.done():
            cancelled = entry.call.end_reason is EndReason.CANCELLED
            self._refuse(entry, CallFailed("The call was cancelled" if cancelled else None))

    # callers, and calls dialled on phones

    def _arrived(self, arrived: Arrived) -> None:
        now = self._clock()
        if arrived.kind == "dialled":
            second = self._reception.second_call(arrived, now)
            if second is not None:
                entry, call = second
                self._roster.adopt_channel(arrived.channel, entry.call.id)
                self._enqueue(entry, call, None)
                return
        else:
            caller = self._reception.caller(arrived, now) if self._store.writable else None
            if caller is not None:
                self._offer(caller, now)
                return
        #: The dialplan knows what to do with it.
        self._telephony.leave(arrived.channel)

    def _offer(self, call: Call, now: float) -> None:
        entry = Entry(call, row=False)
        self._roster.add(entry)
        self._settle(entry, *begin(call, now))
        self._in_background(self._store_offer(entry))

    async def _store_offer(self, entry: Entry) -> None:
        """The row, then the phones."""
        try:
            contact = await self._store.add(entry.call)
        except CtcError:
            entry.row = True
            self.feed(entry.call.id, StoreFailed())
        else:
            entry.row = True
            self.feed(entry.call.id, Stored(contact))
        self._write(entry)

    # transfers

    def _begin_successor(self, successor: Call, together: Sequence[Effect], wish: Wish | None) -> None:
        if successor.id in self._roster:
            #: Begun by a service that was killed before it had written that the predecessor has ended.
            return
        #: It goes on whether or not the database is there; its row comes with its first state, before this one's end.
        entry = Entry(successor, row=True)
        self._roster.add(entry)
        self._settle(entry, successor, (*together, Announce("call.created"), Announce("call.answered")), wish)
        self._write(entry, urgent=True)

    def _in_background(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # timers and rows

    def _arm(self, entry: Entry) -> None:
        if entry.call.deadline == entry.waits_until:
            return
        if entry.timer:
            entry.timer.cancel()
        entry.waits_until = entry.call.deadline
        entry.timer = None
        if entry.waits_until is not None:
            delay = max(0.0, entry.waits_until - self._clock())
            entry.timer = self._loop.call_later(delay, self._deadline, entry)

    def _deadline(self, entry: Entry) -> None:
        entry.timer, entry.waits_until = None, None
        self.feed(entry.call.id, DeadlinePassed())

    def _take_happenings(self, entry: Entry) -> list[Happening]:
        taken, entry.happenings = entry.happenings, []
        return taken

    def _write(self, entry: Entry, *, urgent: bool = False, wished: bool = False) -> None:
        if entry.row:
            self._store.save(entry.call, self._take_happenings(entry), urgent=urgent, wished=wished)

    # coming up, and coming back

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

    def reconcile(self, snapshot: Snapshot) -> None:
        """Compare with what Asterisk has: feed what was missed, remove what belongs to no call."""
        known = self._roster.claimed()
        for entry in self._roster:
            self._enqueue(entry, observed(entry.call, snapshot), None)
            if entry.call.id in self._roster:
                self._arm(entry)
        known |= self._roster.claimed()
        strays = [channel for channel in snapshot.channels if channel not in known]
        named = [channel for channel in strays if belongs_to(self._telephony.app, owner_of(channel))]
        bridges = [bridge for bridge in snapshot.bridges if bridge not in known]
        if named or bridges:
            self._telephony.discard(named, bridges)
        for channel in set(strays) - set(named):
            #: A caller whom a service took before it died: the dialplan still knows whom to ring.
            self._telephony.leave(channel)
        log.info("reconciled", node=snapshot.node, calls=len(self._roster), strays=len(strays) + len(bridges))

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


def _untold(call: Call) -> tuple[object, ...]:
    """What only we know and Asterisk could not tell after a restart: when things happened, and what was wished."""
    times = call.agent_answered_at, call.answered_at, call.ended_at
    wishes = call.muted, call.held, call.held_by_phone, call.recording, call.device, call.moving_to, call.supervisors
    return *times, *wishes, call.transfers, call.agent
