"""Drives the engine: inputs of one call one at a time, each step taken whole: performed, told, written, waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

import structlog
from msgspec.structs import replace

from ctc_ari.calls.effects import Announce, Effect, FindAgent, HandOver, Originate, Refuse, Request
from ctc_ari.calls.engine import begin, handler_of, ignore, step
from ctc_ari.calls.entry import Entry, Wish
from ctc_ari.calls.inputs import DeadlinePassed, Input, LegDialed, RequestFailed
from ctc_ari.calls.model import Call, EndReason, Phase
from ctc_ari.calls.numbers import mask
from ctc_ari.calls.ports import NOT_SENT, CallStore, Happening, Listener, Telephony
from ctc_ari.calls.requests import as_of_now, is_made_up_for, removes
from ctc_ari.calls.roster import Roster
from ctc_ari.errors import AgentOffline, AsteriskUnreachable, CallFailed, CtcError

__all__ = ["Driver"]

log = structlog.get_logger(__name__)


class Driver:
    """What happens to the calls of a roster. Everything happens on one event loop; nothing here blocks it."""

    def __init__(
        self,
        telephony: Telephony,
        store: CallStore,
        roster: Roster,
        *,
        clock: Callable[[], float],
        listeners: Sequence[Listener],
        next_agent: Callable[[Call, int], Input],
        refused: Callable[[Call], None],
    ) -> None:
        """`next_agent` finds who is rung next for a caller; `refused` is told of a call that does not ring."""
        self._telephony = telephony
        self._store = store
        self._roster = roster
        self._clock = clock
        self._listeners = list(listeners)
        self._next_agent = next_agent
        self._refused = refused
        self._loop = asyncio.get_running_loop()

    def begin(self, entry: Entry, now: float) -> None:
        """The first step of a new call."""
        self._roster.add(entry)
        self._settle(entry, *begin(entry.call, now))

    def feed(self, call_id: str, happened: Input) -> None:
        """Handle an input, after those of this call that are being handled already."""
        entry = self._roster.get(call_id)
        if entry is None:
            log.debug("input for a call that has ended", call=call_id, input=type(happened).__name__)
            return
        self.enqueue(entry, happened)

    def enqueue(self, entry: Entry, happened: Input, wish: Wish | None = None) -> None:
        """Handle an input, and tell whoever waits for it."""
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
                    self.enqueue(entry, self._next_agent(call, position))
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
        self.arm(entry)
        if call is not before and not (before.phase is Phase.ENDING and call.phase is Phase.ENDED):
            #: That its last channel is gone changes nothing in the record.
            self.write(entry, urgent=_untold(call) != _untold(before), wished=wish is not None)

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
                self.refuse(entry, AsteriskUnreachable() if status == NOT_SENT else AgentOffline())
        about = as_of_now(request, sent, entry.call) if entry else request
        if about is None:
            return
        if status is not None and status < 300:
            if isinstance(about, Originate):
                self.feed(call_id, LegDialed(about.role))
            return
        if status == NOT_SENT and is_made_up_for(about):
            status = None
        log.debug("refused", call=call_id, request=type(request).__name__, status=status)
        self.feed(call_id, RequestFailed(about, status))

    def _rings(self, entry: Entry) -> None:
        if entry.ringing and not entry.ringing.done():
            entry.ringing.set_result(None)

    def refuse(self, entry: Entry, error: CtcError) -> None:
        """The agent's phone does not ring, for this reason."""
        self._refused(entry.call)
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
            self.refuse(entry, CallFailed("The call was cancelled" if cancelled else None))

    def _begin_successor(self, successor: Call, together: Sequence[Effect], wish: Wish | None) -> None:
        if successor.id in self._roster:
            #: Begun by a service that was killed before it had written that the predecessor has ended.
            return
        #: It goes on whether or not the database is there; its row comes with its first state, before this one's end.
        entry = Entry(successor, row=True)
        self._roster.add(entry)
        self._settle(entry, successor, (*together, Announce("call.created"), Announce("call.answered")), wish)
        self.write(entry, urgent=True)

    # timers and rows

    def arm(self, entry: Entry) -> None:
        """Wait for the call's deadline, and for no other."""
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

    def write(self, entry: Entry, *, urgent: bool = False, wished: bool = False) -> None:
        """Save the call and what happened to it, once its row is there."""
        if entry.row:
            self._store.save(entry.call, self._take_happenings(entry), urgent=urgent, wished=wished)


def _untold(call: Call) -> tuple[object, ...]:
    """What only we know and Asterisk could not tell after a restart: when things happened, and what was wished."""
    times = call.agent_answered_at, call.answered_at, call.ended_at
    wishes = call.muted, call.held, call.held_by_phone, call.recording, call.device, call.moving_to, call.supervisors
    return *times, *wishes, call.transfers, call.agent
