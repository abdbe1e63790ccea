"""Where a call stands after we were away, judged by what Asterisk has and not by what we last wrote."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from ctc_ari.calls.effects import (
    AnswerLeg,
    BridgeLegs,
    CreateBridge,
    CreateLeg,
    DialLeg,
    Effect,
    HangUpLeg,
    Keep,
    Music,
    Mute,
    StartRingback,
    StopRingback,
    UnbridgeLegs,
    Watch,
)
from ctc_ari.calls.inputs import Input, LegAnswered, LegGone, LegReady, LegRinging, Observed
from ctc_ari.calls.leg import Leg, LegStage, Role
from ctc_ari.calls.model import Call, EndedBy, EndReason, Phase
from ctc_ari.calls.ports import Snapshot

__all__ = ["Resumed", "dialled_already", "is_beside", "missed", "observed", "reassert", "resume", "watch_again"]


class Resumed(msgspec.Struct, frozen=True):
    """The call as it is now: going on with `effects`, or over for `reason`."""

    call: Call
    effects: tuple[Effect, ...] = ()
    reason: EndReason | None = None
    by: EndedBy = "system"
    #: The agent is still on the line and should hear it.
    tell_agent: bool = False


def observed(call: Call, snapshot: Snapshot) -> Observed:
    """What the node has of this call."""
    bridged = snapshot.bridges.get(call.bridge_id)
    stages = {role: snapshot.channels[leg.channel] for role, leg in call.legs if leg.channel in snapshot.channels}
    return Observed(
        stages.pop("agent", None),
        stages.pop("customer", None),
        bridge=bridged is not None,
        bridged=frozenset(role for role, leg in call.legs if leg.channel in (bridged or ())),
        asterisk_started=snapshot.asterisk_started,
        others=stages,
    )


def resume(call: Call, observed: Observed) -> Resumed:
    """Judge an open call. The list is newer than all we knew: events since it was taken are told after it."""
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
    return _still_ringing(before, call, observed)


_PROGRESS = (LegStage.ABSENT, LegStage.CREATING, LegStage.READY, LegStage.DIALING, LegStage.RINGING, LegStage.UP)


def _seen(leg: Leg, stage: LegStage | None) -> Leg:
    """No leg goes back: Asterisk lists a dialled channel as Down until its phone rings."""
    if stage is None:
        return leg if leg.stage is LegStage.ABSENT else replace(leg, stage=LegStage.GONE)
    if leg.stage is LegStage.GONE:
        return replace(leg, stage=stage)
    return replace(leg, stage=max(leg.stage, stage, key=_PROGRESS.index))


def _without_agent(call: Call, observed: Observed) -> Resumed:
    if call.phase is Phase.ANNOUNCING:
        return Resumed(call, reason=call.end_reason, by=call.ended_by or "system")
    if call.asterisk_started != observed.asterisk_started:
        return Resumed(call, reason=EndReason.LOST)
    if call.phase is Phase.TALKING:
        return Resumed(call, reason=EndReason.COMPLETED, by="agent" if call.customer_leg.exists else "system")
    if call.phase is Phase.RINGING_CUSTOMER and call.customer_leg.exists:
        return Resumed(call, reason=EndReason.AGENT_HANGUP, by="agent")
    return Resumed(call, reason=EndReason.LOST)


def _still_ringing(before: Call, call: Call, observed: Observed) -> Resumed:
    customer = call.customer_leg
    if customer.stage is LegStage.GONE and not _never_made(before):
        return Resumed(call, reason=EndReason.UNREACHABLE)
    stage = LegStage.RINGING if call.agent_leg.stage is LegStage.RINGING else LegStage.DIALING
    call = replace(call, phase=Phase.RINGING_AGENT, stored=True, agent_leg=replace(call.agent_leg, stage=stage))
    return _with_customer(call, observed)


def _never_made(before: Call) -> bool:
    """Its channel was asked for, if at all, and never seen: it cannot have been dialled."""
    return before.customer_leg.stage in (LegStage.ABSENT, LegStage.CREATING)


def _with_customer(call: Call, observed: Observed) -> Resumed:
    """Create what the answer will need; what is there already answers 409 and is left alone."""
    effects = _bridge(observed)
    if not call.customer_leg.exists:
        call = replace(call, customer_leg=replace(call.customer_leg, stage=LegStage.CREATING))
        effects = (*effects, CreateLeg("customer"))
    return Resumed(replace(call, bridge=True), effects)


def _bridge(observed: Observed) -> tuple[Effect, ...]:
    return () if observed.bridge else (CreateBridge(),)


def _agent_on_the_line(before: Call, call: Call, observed: Observed) -> Resumed:
    customer = call.customer_leg
    #: An agent in the bridge proves it, whatever we last wrote: she is put there right after the dial.
    dialled = "agent" in observed.bridged or before.customer_leg.stage in (
        LegStage.DIALING,
        LegStage.RINGING,
        LegStage.UP,
    )
    call = replace(call, stored=True, bridge=True)
    both: tuple[Effect, ...] = () if observed.bridged >= {"agent", "customer"} else (*_bridge(observed), BridgeLegs())
    match customer.stage:
        case LegStage.UP:
            #: Whether ringback was stopped when she answered is not known.
            return Resumed(replace(call, phase=Phase.TALKING), (StopRingback(), *both))
        case LegStage.GONE if before.phase is Phase.TALKING:
            return Resumed(call, reason=EndReason.COMPLETED, by="customer")
        case LegStage.GONE | LegStage.ABSENT if dialled:
            return Resumed(call, reason=EndReason.LOST, tell_agent=True)
        case LegStage.GONE if not _never_made(before):
            return Resumed(call, reason=EndReason.UNREACHABLE, tell_agent=True)
    call = replace(call, phase=Phase.RINGING_CUSTOMER)
    match customer.stage:
        case LegStage.RINGING:
            ring: tuple[Effect, ...] = () if before.customer_leg.stage is LegStage.RINGING else (StartRingback(),)
            return Resumed(call, (*ring, *both))
        case LegStage.DIALING | LegStage.READY if dialled or customer.stage is LegStage.DIALING:
            call = replace(call, customer_leg=replace(customer, stage=LegStage.DIALING))
            return Resumed(call, both)
        case LegStage.READY:
            call = replace(call, customer_leg=replace(customer, stage=LegStage.DIALING))
            return Resumed(call, (*_bridge(observed), DialLeg("customer", call.customer_ring_timeout), BridgeLegs()))
        case _:
            return _with_customer(call, observed)


def is_beside(call: Call, channel: str) -> bool:
    """Whether that is neither the agent's nor the customer's channel."""
    return channel not in (call.agent_leg.channel, call.customer_leg.channel)


def missed(call: Call, observed: Observed) -> list[tuple[str, Input]]:
    """What happened to the call's channels while nobody listened; who left first is not known, the customer counts."""
    happened: list[tuple[str, Input]] = []
    order = sorted(call.legs, key=lambda named: _ORDER.get(named[0], len(_ORDER)))
    for role, leg in order:
        seen = observed.stage(role)
        if not leg.exists:
            continue
        if seen is None:
            happened.append((leg.channel, LegGone(role)))
            continue
        if leg.stage is LegStage.CREATING:
            happened.append((leg.channel, LegReady(role)))
        if seen is LegStage.UP and leg.stage is not LegStage.UP and not role.startswith("former:"):
            happened.append((leg.channel, LegAnswered(role)))
        elif seen is LegStage.RINGING and leg.stage in (LegStage.CREATING, LegStage.DIALING):
            happened.append((leg.channel, LegRinging(role)))
    return happened


def dialled_already(call: Call, observed: Observed) -> tuple[Effect, ...]:
    """What must not be asked for again: the customer is taken out of the bridge right before the target is dialled."""
    transfer = call.transfer
    if transfer is None or not observed.bridge or "customer" in observed.bridged:
        return ()
    return (DialLeg("target", transfer.ring_seconds),)


#: A target that is gone brings the customer back to the agent before it is looked at whether she is there.
_ORDER = {"customer": 0, "target": 1, "second": 2, "agent": 3}


def watch_again(call: Call) -> tuple[Effect, ...]:
    """A new connection is told of no channel that we did not make, unless it asks."""
    foreign = ["customer"] if call.direction == "inbound" and call.customer_leg.exists else []
    foreign += ["second"] if call.leg("second").exists else []
    return tuple(Watch(role) for role in foreign)


def reassert(call: Call, observed: Observed) -> tuple[Effect, ...]:
    """Who goes, who is in the bridge, and what each hears: requests may have been lost with the connection."""
    if not call.live:
        return ()
    going = tuple(HangUpLeg(role) for role, _ in call.legs if role.startswith("former:") and observed.stage(role))
    heard = _talking(call, observed) if call.phase is Phase.TALKING else _waiting(call, observed)
    return (*going, *heard, *_listening(call, observed))


def _waiting(call: Call, observed: Observed) -> tuple[Effect, ...]:
    transfer = call.transfer
    if transfer is None or not (transfer.parked and call.phase in _PARKED):
        return ()
    inside: tuple[Role, ...] = ()
    waits: tuple[Effect, ...] = (StartRingback("customer"),)
    if call.phase is Phase.CONSULTING:
        inside = ("second" if transfer.by == "phone" else "agent", transfer.with_)
        #: Whether ringback was stopped when the target answered is not known.
        quiet = (StopRingback(inside[0]),) if transfer.state == "talking" else ()
        waiting = "customer" if transfer.with_ == "target" else "target"
        waits = (*quiet, Mute("agent", call.muted), Music(waiting, True))
    out = tuple(role for role in _PARTIES if role in observed.bridged - {*inside} and call.leg(role).exists)
    missing = tuple(role for role in inside if role not in observed.bridged)
    return (
        *(UnbridgeLegs((role,)) for role in out),
        *((BridgeLegs(missing),) if missing else ()),
        *waits,
    )


def _talking(call: Call, observed: Observed) -> tuple[Effect, ...]:
    answer: tuple[Effect, ...] = ()
    if call.direction == "inbound" and not call.transferred_from:
        answered = observed.customer is LegStage.UP
        answer = (Keep("customer"),) if answered else (AnswerLeg("customer"), Keep("customer"))
    quiet = (StopRingback("customer"), StopRingback()) if call.transfers or call.transferred_from else ()
    together = () if observed.bridged >= {"agent", "customer"} else (BridgeLegs(),)
    #: Her phone's own hold plays music, too, and that is Asterisk's.
    music = () if call.held_by_phone and not call.held else (Music("customer", call.held),)
    return (*answer, *quiet, *together, Mute("agent", call.silenced), Mute("customer", call.held), *music)


def _listening(call: Call, observed: Observed) -> tuple[Effect, ...]:
    """Supervisors in the conversation, or in bridges of their own."""
    effects: tuple[Effect, ...] = ()
    for supervisor in call.supervisors:
        phone, spy = f"supervisor:{supervisor.id}", f"spy:{supervisor.id}"
        if call.leg(phone).stage is not LegStage.UP:
            continue
        if supervisor.mode == "barge":
            away = phone not in observed.bridged and call.phase is not Phase.TRANSFERRING
            effects = (*effects, BridgeLegs((phone,))) if away else effects
        elif call.leg(spy).stage is LegStage.UP:
            effects = (*effects, CreateBridge(supervisor.number), BridgeLegs((phone, spy), supervisor.number))
    return effects


_PARTIES: tuple[Role, ...] = ("agent", "customer", "target", "second")
_PARKED = (Phase.TRANSFERRING, Phase.CONSULTING, Phase.RECALLING)
