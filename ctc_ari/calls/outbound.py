"""A call of the agent's: her phone rings, then the customer's."""

from __future__ import annotations

from msgspec.structs import replace

from ctc_ari.calls.effects import (
    Announce,
    BridgeLegs,
    CreateBridge,
    CreateLeg,
    DialLeg,
    Effect,
    HangUpLeg,
    LeaveToDialplan,
    Originate,
    PlayTone,
    StartRingback,
    StopRingback,
)
from ctc_ari.calls.inbound import offering
from ctc_ari.calls.inputs import (
    DeadlinePassed,
    HangUp,
    LegAnswered,
    LegDialed,
    LegGone,
    LegReady,
    LegRinging,
    RequestFailed,
    ShowCallerId,
    Stored,
    StoreFailed,
)
from ctc_ari.calls.model import Call, EndReason, LegStage, Phase
from ctc_ari.calls.outcomes import agent_outcome, customer_outcome, tone_for
from ctc_ari.calls.ports import NOT_SENT
from ctc_ari.calls.steps import RINGING_GRACE, Step, end, stage, turn_away

__all__ = [
    "agent_answered",
    "agent_dialed",
    "agent_ringing",
    "agent_too_late",
    "cancelled",
    "customer_answered",
    "customer_ready",
    "customer_ready_late",
    "customer_ringing",
    "customer_too_late",
    "gone_while_placing",
    "leg_gone_before_answer",
    "leg_gone_before_talk",
    "ringing_agent_failed",
    "ringing_customer_failed",
    "show_caller_id",
    "store_failed",
    "stored",
    "tell_agent",
]

#: How long the agent hears why the customer could not be had.
TONE_SECONDS = 3.0


# placing: nothing rings before the row is committed


def stored(call: Call, stored: Stored, now: float) -> Step:
    """Ring the agent, and nothing beside it that could delay that."""
    if stored.contact is not None:
        if call.contact is None:
            call = replace(call, contact=stored.contact, contact_by="number")
        elif call.contact.id == stored.contact.id:
            call = replace(call, contact=stored.contact)
    call = replace(call, stored=True)
    if call.direction == "inbound":
        return offering(call)
    call = replace(
        call,
        phase=Phase.RINGING_AGENT,
        agent_leg=replace(call.agent_leg, stage=LegStage.DIALING),
        deadline=now + call.agent_ring_timeout + RINGING_GRACE,
    )
    return call, (Originate(call.agent_ring_timeout),)


def show_caller_id(call: Call, show: ShowCallerId, _now: float) -> Step:
    """In time for the customer's channel, which carries it."""
    return replace(call, agent=replace(call.agent, caller_id=show.number)), ()


def store_failed(call: Call, _failed: StoreFailed | DeadlinePassed, now: float) -> Step:
    """Without a row nothing may ring; a caller is left to the dialplan, which knows the route's phones, too."""
    if call.direction == "inbound" and call.customer_leg.exists:
        call, ended = end(stage(call, "customer", LegStage.GONE), EndReason.FAILED, "system", now)
        return call, (LeaveToDialplan("customer"), *ended)
    return end(call, EndReason.FAILED, "system", now)


def gone_while_placing(call: Call, gone: LegGone, now: float) -> Step:
    """Only a caller has a channel before the row is committed."""
    return end(stage(call, gone.role, LegStage.GONE), EndReason.CUSTOMER_HANGUP, "customer", now)


# ringing_agent: the customer's channel and the bridge come about meanwhile


def agent_dialed(call: Call, dialed: LegDialed, _now: float) -> Step:
    return _prepare_customer(call) if dialed.role == "agent" else (call, ())


def _prepare_customer(call: Call) -> Step:
    """What the agent's answer will need is made while she reaches for the phone."""
    if call.customer_leg.stage is not LegStage.ABSENT:
        return call, ()
    return replace(stage(call, "customer", LegStage.CREATING), bridge=True), (CreateBridge(), CreateLeg("customer"))


def agent_ringing(call: Call, ringing: LegRinging, _now: float) -> Step:
    if ringing.role != "agent" or call.agent_leg.stage is not LegStage.DIALING:
        return call, ()
    call, effects = _prepare_customer(stage(call, "agent", LegStage.RINGING))
    return call, (*effects, Announce("call.agent_ringing"))


def customer_ready(call: Call, ready: LegReady, _now: float) -> Step:
    if ready.role != "customer" or call.customer_leg.stage is not LegStage.CREATING:
        return call, ()
    return stage(call, "customer", LegStage.READY), ()


def agent_answered(call: Call, answered: LegAnswered, now: float) -> Step:
    if answered.role != "agent":
        return call, ()
    call = replace(
        stage(call, "agent", LegStage.UP),
        phase=Phase.RINGING_CUSTOMER,
        agent_answered_at=now,
        deadline=now + call.customer_ring_timeout + RINGING_GRACE,
    )
    call, effects = _dial_customer(call) if call.customer_leg.stage is LegStage.READY else _prepare_customer(call)
    return call, (*effects, Announce("call.agent_answered"))


def _dial_customer(call: Call) -> Step:
    """Dial first, bridge second: after a crash, an agent found in the bridge proves that the dial was sent."""
    return stage(call, "customer", LegStage.DIALING), (
        DialLeg("customer", call.customer_ring_timeout),
        BridgeLegs(),
    )


def leg_gone_before_answer(call: Call, gone: LegGone, now: float) -> Step:
    call = stage(call, gone.role, LegStage.GONE)
    if gone.role == "customer":
        return end(call, EndReason.UNREACHABLE, "system", now)
    return end(call, agent_outcome(gone.sip_status, gone.cause), "agent", now)


def ringing_agent_failed(call: Call, failed: RequestFailed, now: float) -> Step:
    match failed.request, failed.status:
        case _, None | 409:
            #: Unknown, or there already: events or the deadline will tell.
            return call, ()
        case Originate(), status:
            reason = EndReason.FAILED if status == NOT_SENT else EndReason.UNREACHABLE
            return end(stage(call, "agent", LegStage.GONE), reason, "system", now)
        case CreateLeg("customer"), _:
            return end(stage(call, "customer", LegStage.GONE), EndReason.UNREACHABLE, "system", now)
        case CreateBridge(), _:
            return end(call, EndReason.FAILED, "system", now)
        case _:
            return call, ()


def cancelled(call: Call, hang_up: HangUp, now: float) -> Step:
    if hang_up.by == "system" and call.direction == "inbound":
        return turn_away(call, now)
    return end(call, EndReason.CANCELLED, hang_up.by, now)


def agent_too_late(call: Call, _passed: DeadlinePassed, now: float) -> Step:
    return end(call, EndReason.AGENT_NO_ANSWER, "system", now)


# ringing_customer: the agent listens


def customer_ready_late(call: Call, ready: LegReady, now: float) -> Step:
    call, _ = customer_ready(call, ready, now)
    return _dial_customer(call) if call.customer_leg.stage is LegStage.READY else (call, ())


def customer_ringing(call: Call, ringing: LegRinging, _now: float) -> Step:
    if ringing.role != "customer" or call.customer_leg.stage is not LegStage.DIALING:
        return call, ()
    return stage(call, "customer", LegStage.RINGING), (StartRingback(), Announce("call.customer_ringing"))


def customer_answered(call: Call, answered: LegAnswered, now: float) -> Step:
    if answered.role != "customer":
        return call, ()
    quiet: tuple[Effect, ...] = (StopRingback(),) if call.customer_leg.stage is LegStage.RINGING else ()
    call = replace(
        stage(call, "customer", LegStage.UP),
        phase=Phase.TALKING,
        answered_at=now,
        deadline=now + call.max_seconds,
    )
    return call, (*quiet, Announce("call.answered"))


def leg_gone_before_talk(call: Call, gone: LegGone, now: float) -> Step:
    before, call = call, stage(call, gone.role, LegStage.GONE)
    if gone.role == "agent":
        return end(call, EndReason.AGENT_HANGUP, "agent", now)
    return tell_agent(before, call, customer_outcome(gone.sip_status, gone.cause), now)


def ringing_customer_failed(call: Call, failed: RequestFailed, now: float) -> Step:
    match failed.request, failed.status:
        case _, None | 409:
            #: Unknown, or already so: events or the deadline will tell.
            return call, ()
        case (DialLeg(), 404) | (BridgeLegs(), 400):
            #: "Channel not found": it is just ending, and its own event says why.
            return call, ()
        case CreateLeg("customer"), _:
            return tell_agent(call, stage(call, "customer", LegStage.GONE), EndReason.UNREACHABLE, now)
        case DialLeg("customer"), _:
            return tell_agent(call, call, EndReason.UNREACHABLE, now)
        case ((BridgeLegs() | CreateBridge()), _):
            return end(call, EndReason.FAILED, "system", now)
        case _:
            return call, ()


def customer_too_late(call: Call, _passed: DeadlinePassed, now: float) -> Step:
    dialled = call.customer_leg.stage in (LegStage.DIALING, LegStage.RINGING)
    return tell_agent(call, call, EndReason.CUSTOMER_NO_ANSWER if dialled else EndReason.FAILED, now)


def tell_agent(before: Call, call: Call, reason: EndReason, now: float) -> Step:
    """The customer cannot be had: the agent hears that instead of ringback, then is released."""
    quiet: tuple[Effect, ...] = (StopRingback(),) if before.customer_leg.stage is LegStage.RINGING else ()
    left: tuple[Effect, ...] = (HangUpLeg("customer"),) if call.customer_leg.exists else ()
    call = replace(
        call,
        phase=Phase.ANNOUNCING,
        decided_at=now,
        end_reason=reason,
        ended_by="system" if reason in (EndReason.LOST, EndReason.FAILED) else "customer",
        deadline=now + TONE_SECONDS,
    )
    return call, (*left, *quiet, PlayTone(tone_for(reason)))
