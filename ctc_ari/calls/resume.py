"""Where a call stands after we were away, judged by what Asterisk has and not by what we last wrote."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from ctc_ari.calls.effects import BridgeLegs, CreateBridge, CreateLeg, DialLeg, Effect
from ctc_ari.calls.inputs import Observed
from ctc_ari.calls.model import Call, EndedBy, EndReason, Leg, LegStage, Phase

__all__ = ["Resumed", "resume"]


class Resumed(msgspec.Struct, frozen=True):
    """The call as it is now: going on with `effects`, or over for `reason`."""

    call: Call
    effects: tuple[Effect, ...] = ()
    reason: EndReason | None = None
    by: EndedBy = "system"
    #: The agent is still on the line and should hear it.
    tell_agent: bool = False


def resume(call: Call, observed: Observed) -> Resumed:
    """Judge an open call. A leg we know to be gone stays gone: the list may be older than the news."""
    agent = _seen(call.agent_leg, observed.agent)
    customer = _seen(call.customer_leg, observed.customer)
    before = call
    call = replace(call, agent_leg=agent, customer_leg=customer, bridge=call.bridge or observed.bridge)
    if not agent.exists:
        return _without_agent(call, observed)
    if before.phase is Phase.ANNOUNCING:
        return Resumed(call)
    if agent.stage is LegStage.UP:
        return _agent_on_the_line(before, call, observed)
    if before.phase is Phase.PLACING and agent.stage is not LegStage.RINGING:
        #: Its row may be there, its dial was never confirmed, and whoever clicked has long been told so.
        return Resumed(call, reason=EndReason.FAILED)
    return _still_ringing(call, agent, customer)


def _seen(leg: Leg, stage: LegStage | None) -> Leg:
    if leg.stage is LegStage.GONE or (leg.stage is LegStage.ABSENT and stage is None):
        return leg
    if stage is None:
        return replace(leg, stage=LegStage.GONE)
    if stage is LegStage.READY and leg.stage is LegStage.DIALING:
        return leg
    return replace(leg, stage=stage)


def _without_agent(call: Call, observed: Observed) -> Resumed:
    if call.phase is Phase.ANNOUNCING:
        return Resumed(call, reason=call.end_reason, by=call.ended_by or "system")
    if call.asterisk_started != observed.asterisk_started:
        return Resumed(call, reason=EndReason.LOST)
    if call.phase is Phase.TALKING:
        return Resumed(call, reason=EndReason.COMPLETED, by="agent" if call.customer_leg.exists else "system")
    if call.phase is Phase.RINGING_CUSTOMER and call.customer_leg.exists:
        return Resumed(call, reason=EndReason.AGENT_HANGUP, by="agent")
    if call.phase is Phase.PLACING:
        return Resumed(call, reason=EndReason.FAILED)
    return Resumed(call, reason=EndReason.LOST)


def _still_ringing(call: Call, agent: Leg, customer: Leg) -> Resumed:
    if customer.stage is LegStage.GONE:
        return Resumed(call, reason=EndReason.UNREACHABLE)
    stage = LegStage.RINGING if agent.stage is LegStage.RINGING else LegStage.DIALING
    call = replace(call, phase=Phase.RINGING_AGENT, stored=True, agent_leg=replace(agent, stage=stage))
    return _with_customer(call, ())


def _with_customer(call: Call, effects: tuple[Effect, ...]) -> Resumed:
    """Create what the answer will need; what is there already answers 409 and is left alone."""
    if not call.customer_leg.exists:
        call = replace(call, bridge=True, customer_leg=replace(call.customer_leg, stage=LegStage.CREATING))
        effects = (*effects, CreateBridge(), CreateLeg("customer"))
    return Resumed(call, effects)


def _agent_on_the_line(before: Call, call: Call, observed: Observed) -> Resumed:
    customer = call.customer_leg
    dialled = before.customer_leg.stage in (LegStage.DIALING, LegStage.RINGING, LegStage.UP)
    call = replace(call, stored=True)
    bridge: tuple[Effect, ...] = () if observed.bridged >= {"agent", "customer"} else (BridgeLegs(),)
    match customer.stage:
        case LegStage.UP:
            return Resumed(replace(call, phase=Phase.TALKING), bridge)
        case LegStage.GONE if before.phase is Phase.TALKING:
            return Resumed(call, reason=EndReason.COMPLETED, by="customer")
        case LegStage.GONE if dialled:
            return Resumed(call, reason=EndReason.LOST, tell_agent=True)
        case LegStage.GONE:
            return Resumed(call, reason=EndReason.UNREACHABLE, tell_agent=True)
    call = replace(call, phase=Phase.RINGING_CUSTOMER)
    match customer.stage:
        case LegStage.RINGING:
            return Resumed(call, bridge)
        case LegStage.DIALING | LegStage.READY if "agent" in observed.bridged or dialled:
            call = replace(call, customer_leg=replace(customer, stage=LegStage.DIALING))
            return Resumed(call, bridge)
        case LegStage.READY:
            call = replace(call, bridge=True, customer_leg=replace(customer, stage=LegStage.DIALING))
            dial = DialLeg("customer", call.customer_ring_timeout)
            create: tuple[Effect, ...] = () if observed.bridge else (CreateBridge(),)
            return Resumed(call, (*create, dial, BridgeLegs()))
        case _:
            return _with_customer(call, ())
