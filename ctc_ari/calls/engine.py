"""The one place where calls are decided: `step(call, input, now) -> (call, effects)`, pure and in one table.

    placing ── row committed ──────────────> ringing_agent ── agent answers ──> ringing_customer ── answers ──> talking
       │                                        │                                   │  │                         │
       │                                        │              busy, rejected, … ───┘  └── agent hangs up ──┐    │
       │                                        │              announcing ── tone over ──────────────────┐  │    │
       └────────────────────────────────────────┴───────────────> ending ── no channel left ──> ended <──┴──┴────┘

What a phone's final answer means is RFC 3261 section 21 and, where no SIP status is known, Q.850.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from msgspec.structs import replace

from ctc_ari.calls.controls import control_failed, send_dtmf, set_held, set_muted, set_recording
from ctc_ari.calls.effects import (
    Announce,
    BridgeLegs,
    CreateBridge,
    CreateLeg,
    DestroyBridge,
    DialLeg,
    Effect,
    HangUpLeg,
    Originate,
    PlayTone,
    StartRingback,
    StopRingback,
)
from ctc_ari.calls.inputs import (
    DeadlinePassed,
    HangUp,
    Input,
    LegAnswered,
    LegDialed,
    LegGone,
    LegReady,
    LegRinging,
    Observed,
    RequestFailed,
    SendDtmf,
    SetHeld,
    SetMuted,
    SetRecording,
    Stored,
    StoreFailed,
)
from ctc_ari.calls.model import Call, EndedBy, EndReason, LegStage, Phase, Role
from ctc_ari.calls.outcomes import agent_outcome, customer_outcome, tone_for
from ctc_ari.calls.ports import NOT_SENT
from ctc_ari.calls.resume import resume

__all__ = ["TABLE", "Step", "begin", "ignore", "refuse", "step"]

#: Seconds for the channel and the row to come about.
PLACING_SECONDS = 5.0
#: Asterisk itself ends the ringing; this much later we do, in case its word was lost.
RINGING_GRACE = 2.0
#: How long the agent hears why the customer could not be had.
TONE_SECONDS = 3.0
#: How often the removal of what is left over is tried again.
CLEANUP_RETRY = 2.0

Step = tuple[Call, tuple[Effect, ...]]
Handler = Callable[[Call, Any, float], Step]


def begin(call: Call, now: float) -> Step:
    """The first step of an outbound call, before its row is committed."""
    return replace(call, deadline=now + PLACING_SECONDS), (Announce("call.created"),)


def step(call: Call, happened: Input, now: float) -> Step:
    """The call after this input, and what is to be done; `now` is Unix time in seconds."""
    return TABLE[call.phase, type(happened)](call, happened, now)


def ignore(call: Call, _happened: Input, _now: float) -> Step:
    """This input says nothing new here."""
    return call, ()


def refuse(call: Call, _happened: Input, _now: float) -> Step:
    """Whoever wants this is told that the call is in the wrong state."""
    return call, ()


def _stage(call: Call, role: Role, stage: LegStage) -> Call:
    if role == "agent":
        return replace(call, agent_leg=replace(call.agent_leg, stage=stage))
    return replace(call, customer_leg=replace(call.customer_leg, stage=stage))


# placing: nothing rings before the row is committed


def _stored(call: Call, stored: Stored, now: float) -> Step:
    """Ring the agent, and nothing beside it that could delay that."""
    call = replace(
        call,
        phase=Phase.RINGING_AGENT,
        stored=True,
        contact=call.contact or stored.contact,
        agent_leg=replace(call.agent_leg, stage=LegStage.DIALING),
        deadline=now + call.agent_ring_timeout + RINGING_GRACE,
    )
    return call, (Originate(call.agent_ring_timeout),)


def _store_failed(call: Call, _failed: StoreFailed, now: float) -> Step:
    return _end(call, EndReason.FAILED, "system", now)


def _placing_late(call: Call, _passed: DeadlinePassed, now: float) -> Step:
    return _end(call, EndReason.FAILED, "system", now)


# ringing_agent: the customer's channel and the bridge come about meanwhile


def _agent_dialed(call: Call, dialed: LegDialed, _now: float) -> Step:
    return _prepare_customer(call) if dialed.role == "agent" else (call, ())


def _prepare_customer(call: Call) -> Step:
    """What the agent's answer will need is made while she reaches for the phone."""
    if call.customer_leg.stage is not LegStage.ABSENT:
        return call, ()
    return replace(_stage(call, "customer", LegStage.CREATING), bridge=True), (CreateBridge(), CreateLeg("customer"))


def _agent_ringing(call: Call, ringing: LegRinging, _now: float) -> Step:
    if ringing.role != "agent" or call.agent_leg.stage is not LegStage.DIALING:
        return call, ()
    call, effects = _prepare_customer(_stage(call, "agent", LegStage.RINGING))
    return call, (*effects, Announce("call.agent_ringing"))


def _customer_ready(call: Call, ready: LegReady, _now: float) -> Step:
    if ready.role != "customer" or call.customer_leg.stage is not LegStage.CREATING:
        return call, ()
    return _stage(call, "customer", LegStage.READY), ()


def _agent_answered(call: Call, answered: LegAnswered, now: float) -> Step:
    if answered.role != "agent":
        return call, ()
    call = replace(
        _stage(call, "agent", LegStage.UP),
        phase=Phase.RINGING_CUSTOMER,
        agent_answered_at=now,
        deadline=now + call.customer_ring_timeout + RINGING_GRACE,
    )
    call, effects = _dial_customer(call) if call.customer_leg.stage is LegStage.READY else _prepare_customer(call)
    return call, (*effects, Announce("call.agent_answered"))


def _dial_customer(call: Call) -> Step:
    """Dial first, bridge second: after a crash, an agent found in the bridge proves that the dial was sent."""
    return _stage(call, "customer", LegStage.DIALING), (
        DialLeg("customer", call.customer_ring_timeout),
        BridgeLegs(),
    )


def _leg_gone_before_answer(call: Call, gone: LegGone, now: float) -> Step:
    call = _stage(call, gone.role, LegStage.GONE)
    if gone.role == "customer":
        return _end(call, EndReason.UNREACHABLE, "system", now)
    return _end(call, agent_outcome(gone.sip_status, gone.cause), "agent", now)


def _ringing_agent_failed(call: Call, failed: RequestFailed, now: float) -> Step:
    match failed.request, failed.status:
        case _, None | 409:
            #: Unknown, or there already: events or the deadline will tell.
            return call, ()
        case Originate(), status:
            reason = EndReason.FAILED if status == NOT_SENT else EndReason.UNREACHABLE
            return _end(_stage(call, "agent", LegStage.GONE), reason, "system", now)
        case CreateLeg("customer"), _:
            return _end(_stage(call, "customer", LegStage.GONE), EndReason.UNREACHABLE, "system", now)
        case CreateBridge(), _:
            return _end(call, EndReason.FAILED, "system", now)
        case _:
            return call, ()


def _cancelled(call: Call, hang_up: HangUp, now: float) -> Step:
    return _end(call, EndReason.CANCELLED, hang_up.by, now)


def _agent_too_late(call: Call, _passed: DeadlinePassed, now: float) -> Step:
    return _end(call, EndReason.AGENT_NO_ANSWER, "system", now)


# ringing_customer: the agent listens


def _customer_ready_late(call: Call, ready: LegReady, now: float) -> Step:
    call, _ = _customer_ready(call, ready, now)
    return _dial_customer(call) if call.customer_leg.stage is LegStage.READY else (call, ())


def _customer_ringing(call: Call, ringing: LegRinging, _now: float) -> Step:
    if ringing.role != "customer" or call.customer_leg.stage is not LegStage.DIALING:
        return call, ()
    return _stage(call, "customer", LegStage.RINGING), (StartRingback(), Announce("call.customer_ringing"))


def _customer_answered(call: Call, answered: LegAnswered, now: float) -> Step:
    if answered.role != "customer":
        return call, ()
    quiet: tuple[Effect, ...] = (StopRingback(),) if call.customer_leg.stage is LegStage.RINGING else ()
    call = replace(
        _stage(call, "customer", LegStage.UP),
        phase=Phase.TALKING,
        answered_at=now,
        deadline=now + call.max_seconds,
    )
    return call, (*quiet, Announce("call.answered"))


def _leg_gone_before_talk(call: Call, gone: LegGone, now: float) -> Step:
    before, call = call, _stage(call, gone.role, LegStage.GONE)
    if gone.role == "agent":
        return _end(call, EndReason.AGENT_HANGUP, "agent", now)
    return _tell_agent(before, call, customer_outcome(gone.sip_status, gone.cause), now)


def _ringing_customer_failed(call: Call, failed: RequestFailed, now: float) -> Step:
    match failed.request, failed.status:
        case _, None | 409:
            #: Unknown, or already so: events or the deadline will tell.
            return call, ()
        case (DialLeg(), 404) | (BridgeLegs(), 400):
            #: "Channel not found": it is just ending, and its own event says why.
            return call, ()
        case CreateLeg("customer"), _:
            return _tell_agent(call, _stage(call, "customer", LegStage.GONE), EndReason.UNREACHABLE, now)
        case DialLeg("customer"), _:
            return _tell_agent(call, call, EndReason.UNREACHABLE, now)
        case ((BridgeLegs() | CreateBridge()), _):
            return _end(call, EndReason.FAILED, "system", now)
        case _:
            return call, ()


def _customer_too_late(call: Call, _passed: DeadlinePassed, now: float) -> Step:
    dialled = call.customer_leg.stage in (LegStage.DIALING, LegStage.RINGING)
    return _tell_agent(call, call, EndReason.CUSTOMER_NO_ANSWER if dialled else EndReason.FAILED, now)


def _tell_agent(before: Call, call: Call, reason: EndReason, now: float) -> Step:
    """The customer cannot be had: the agent hears that instead of ringback, then is released."""
    quiet: tuple[Effect, ...] = (StopRingback(),) if before.customer_leg.stage is LegStage.RINGING else ()
    left: tuple[Effect, ...] = (HangUpLeg("customer"),) if call.customer_leg.exists else ()
    call = replace(
        call,
        phase=Phase.ANNOUNCING,
        end_reason=reason,
        ended_by="system" if reason in (EndReason.LOST, EndReason.FAILED) else "customer",
        deadline=now + TONE_SECONDS,
    )
    return call, (*left, *quiet, PlayTone(tone_for(reason)))


# talking


def _conversation_over(call: Call, gone: LegGone, now: float) -> Step:
    return _end(_stage(call, gone.role, LegStage.GONE), EndReason.COMPLETED, gone.role, now)


def _talking_failed(call: Call, failed: RequestFailed, now: float) -> Step:
    undone = control_failed(call, failed)
    if undone is not None:
        #: Without an answer the wish may have come true: it stands.
        return (call, ()) if failed.status is None else undone
    match failed.request, failed.status:
        case ((CreateBridge() | BridgeLegs()), int(status)) if status not in (400, 409):
            #: 404 is "Bridge not found": they would never hear each other.
            return _end(call, EndReason.FAILED, "system", now)
        case _:
            return call, ()


def _hung_up(call: Call, hang_up: HangUp, now: float) -> Step:
    return _end(call, EndReason.COMPLETED, hang_up.by, now)


def _too_long(call: Call, _passed: DeadlinePassed, now: float) -> Step:
    return _end(call, EndReason.COMPLETED, "limit", now)


# announcing: the reason stands, the agent hears it


def _listener_gone(call: Call, gone: LegGone, now: float) -> Step:
    call = _stage(call, gone.role, LegStage.GONE)
    return _release(call, gone, now) if gone.role == "agent" else (call, ())


def _announcing_failed(call: Call, failed: RequestFailed, now: float) -> Step:
    match failed.request, failed.status:
        case PlayTone(), int():
            return _release(call, failed, now)
        case HangUpLeg("customer"), 404:
            return _stage(call, "customer", LegStage.GONE), ()
        case _:
            return call, ()


def _release(call: Call, _happened: Input, now: float) -> Step:
    return _end(call, call.end_reason or EndReason.FAILED, call.ended_by or "system", now)


# ending: the outcome is final, what is left over goes


def _end(call: Call, reason: EndReason, by: EndedBy, now: float) -> Step:
    call = replace(
        call,
        phase=Phase.ENDING,
        end_reason=reason,
        ended_by=by,
        ended_at=now,
        deadline=now + CLEANUP_RETRY,
    )
    call, effects = _clean_up(call)
    return call, (*effects, Announce("call.ended"))


def _clean_up(call: Call) -> Step:
    """Channels first, one bridge after the last of them."""
    roles: tuple[Role, Role] = ("agent", "customer")
    left = tuple(HangUpLeg(role) for role in roles if call.leg(role).exists)
    if left:
        return call, left
    effects = (DestroyBridge(),) if call.bridge else ()
    return replace(call, phase=Phase.ENDED, deadline=None), effects


def _last_leg(call: Call, gone: LegGone, _now: float) -> Step:
    call = _stage(call, gone.role, LegStage.GONE)
    if call.agent_leg.exists or call.customer_leg.exists:
        return call, ()
    return _clean_up(call)


def _came_too_late(call: Call, late: LegReady | LegRinging | LegAnswered, _now: float) -> Step:
    """A channel thought gone exists: its creation was carried out late."""
    if call.leg(late.role).exists:
        return call, ()
    return _stage(call, late.role, LegStage.READY), (HangUpLeg(late.role),)


def _ending_failed(call: Call, failed: RequestFailed, now: float) -> Step:
    match failed.request, failed.status:
        case HangUpLeg(role), 404:
            return _last_leg(call, LegGone(role), now)
        case CreateLeg(role), int(status) if status != 409:
            return _last_leg(call, LegGone(role), now)
        case _:
            return call, ()


def _try_again(call: Call, _passed: DeadlinePassed, now: float) -> Step:
    return _clean_up(replace(call, deadline=now + CLEANUP_RETRY))


def _stored_late(call: Call, _stored: Stored, _now: float) -> Step:
    return replace(call, stored=True), ()


# after a connection came up


def _observed(call: Call, observed: Observed, now: float) -> Step:
    """Compare with what Asterisk really has, and go on from there."""
    outcome = resume(call, observed)
    before, call = call, outcome.call
    match outcome.reason:
        case EndReason() as reason if outcome.tell_agent:
            return _tell_agent(before, call, reason, now)
        case EndReason() as reason:
            return _end(call, reason, outcome.by, now)
    if before.phase is Phase.PLACING:
        call = replace(call, deadline=now + call.agent_ring_timeout + RINGING_GRACE)
    return _note_progress(call, outcome.effects, now)


def _note_progress(call: Call, effects: tuple[Effect, ...], now: float) -> Step:
    """What happened while we were away is told now, and each stage has its full time."""
    if call.phase in (Phase.RINGING_CUSTOMER, Phase.TALKING) and call.agent_answered_at is None:
        call = replace(call, agent_answered_at=now, deadline=now + call.customer_ring_timeout + RINGING_GRACE)
        effects = (*effects, Announce("call.agent_answered"))
    if call.phase is Phase.TALKING and call.answered_at is None:
        call = replace(call, answered_at=now, deadline=now + call.max_seconds)
        effects = (*effects, Announce("call.answered"))
    return call, effects


def _observed_ending(call: Call, observed: Observed, _now: float) -> Step:
    """What is listed has to go, even a channel we thought gone: its creation was carried out late."""
    call = _stage(call, "agent", observed.agent or LegStage.GONE)
    call = _stage(call, "customer", observed.customer or LegStage.GONE)
    return _clean_up(replace(call, bridge=call.bridge or observed.bridge))


_ROWS: dict[type[Input], tuple[Handler, ...]] = {
    #              placing         ringing_agent            ringing_customer          talking            announcing          ending
    Stored:         (_stored,        ignore,                  ignore,                   ignore,            ignore,             _stored_late),
    StoreFailed:    (_store_failed,  ignore,                  ignore,                   ignore,            ignore,             ignore),
    LegReady:       (ignore,         _customer_ready,         _customer_ready_late,     ignore,            _came_too_late,     _came_too_late),
    LegDialed:      (ignore,         _agent_dialed,           ignore,                   ignore,            ignore,             ignore),
    LegRinging:     (ignore,         _agent_ringing,          _customer_ringing,        ignore,            _came_too_late,     _came_too_late),
    LegAnswered:    (ignore,         _agent_answered,         _customer_answered,       ignore,            _came_too_late,     _came_too_late),
    LegGone:        (ignore,         _leg_gone_before_answer, _leg_gone_before_talk,    _conversation_over, _listener_gone,    _last_leg),
    RequestFailed:  (ignore,         _ringing_agent_failed,  _ringing_customer_failed, _talking_failed,   _announcing_failed, _ending_failed),
    SetMuted:       (refuse,         refuse,                  refuse,                   set_muted,         refuse,             refuse),
    SetHeld:        (refuse,         refuse,                  refuse,                   set_held,          refuse,             refuse),
    SetRecording:   (refuse,         refuse,                  refuse,                   set_recording,     refuse,             refuse),
    SendDtmf:       (refuse,         refuse,                  refuse,                   send_dtmf,         refuse,             refuse),
    HangUp:         (_cancelled,     _cancelled,              _cancelled,               _hung_up,          _release,           ignore),
    DeadlinePassed: (_placing_late,  _agent_too_late,         _customer_too_late,       _too_long,         _release,           _try_again),
    Observed:       (_observed,      _observed,               _observed,                _observed,         _observed,          _observed_ending),
}  # fmt: skip

#: What somebody asks for and has to be told when it cannot be.
WISHES = frozenset({SetMuted, SetHeld, SetRecording, SendDtmf})

#: Every phase and every input; nothing happens to a call that has ended.
TABLE: MappingProxyType[tuple[Phase, type[Input]], Handler] = MappingProxyType(
    {
        (phase, happened): handler
        for happened, row in _ROWS.items()
        for phase, handler in zip(Phase, (*row, ignore if happened not in WISHES else refuse), strict=True)
    }
)
