"""Somebody calls: the phones of one agent after the other ring, as the route says; the first to answer has the call.

placing ── row committed ──> offered ── somebody answers ──> talking
                              │  ^  └── the caller gives up ──> ending
                              │  └── busy, no answer, nobody registered: the next in the route
                              └── the route is at its end ──> announcing (a spoken message) ──> ending
"""

from __future__ import annotations

from msgspec.structs import replace

from ctc_ari.calls.effects import (
    Announce,
    AnswerLeg,
    BridgeLegs,
    CreateBridge,
    Effect,
    FindAgent,
    Keep,
    Originate,
    PlaySound,
    StartRingback,
    Watch,
)
from ctc_ari.calls.inputs import (
    AgentFound,
    DeadlinePassed,
    HangUp,
    LegAnswered,
    LegGone,
    LegRinging,
    NobodyFound,
    RequestFailed,
)
from ctc_ari.calls.leg import LegStage, Role
from ctc_ari.calls.model import Call, EndReason, Phase
from ctc_ari.calls.outcomes import agent_outcome
from ctc_ari.calls.steps import PLACING_SECONDS, RINGING_GRACE, Step, add_leg, dismiss, drop, end, stage, turn_away

__all__ = [
    "MESSAGE_SECONDS",
    "begin_inbound",
    "declined",
    "found",
    "nobody_found",
    "offer_answered",
    "offer_gone",
    "offer_late",
    "offer_refused",
    "offer_rings",
    "offering",
]

#: "Nobody is available to take your call right now", and how long it lasts.
MESSAGE = "vm-nobodyavail"
MESSAGE_SECONDS = 4.0
#: Q.850 (as Asterisk numbers it): answered elsewhere. The other phones show no missed call.
ANSWERED_ELSEWHERE = 26


def begin_inbound(call: Call, now: float) -> Step:
    """The first step, before the row is committed."""
    return replace(call, deadline=now + PLACING_SECONDS), (Watch("customer"), Announce("call.created"))


def offering(call: Call) -> Step:
    """The row is committed: look for who is first."""
    return replace(call, phase=Phase.OFFERED), (FindAgent(0),)


def found(call: Call, agent: AgentFound, now: float) -> Step:
    """All her phones ring, and the caller hears it."""
    first = not call.rung
    call = replace(
        call,
        agent=agent.agent,
        route_position=agent.next,
        rung=(*call.rung, agent.agent.email or agent.agent.extension or ""),
        bridge=True,
        deadline=now + call.agent_ring_timeout + RINGING_GRACE,
    )
    rings: list[Effect] = []
    for endpoint in agent.endpoints:
        role = f"offer:{call.others_made + 1}"
        call = add_leg(call, role, endpoint, LegStage.DIALING)
        rings.append(Originate(call.agent_ring_timeout, role))
    heard = (StartRingback("customer"), CreateBridge()) if first else ()
    return call, (*rings, *heard, Announce("call.offered"))


def offer_rings(call: Call, ringing: LegRinging, _now: float) -> Step:
    """The first of her phones that rings is told of."""
    if call.leg(ringing.role).stage is not LegStage.DIALING:
        return call, ()
    told = any(leg.stage is LegStage.RINGING for leg in call.others)
    call = stage(call, ringing.role, LegStage.RINGING)
    return call, () if told else (Announce("call.agent_ringing"),)


def offer_answered(call: Call, answered: LegAnswered, now: float) -> Step:
    """The first to answer has it, the others stop ringing."""
    if not (answered.role.startswith("offer:") and call.leg(answered.role).exists):
        return call, ()
    winner = call.leg(answered.role)
    call = drop(call, answered.role)
    call, stopped = _stop_offers(call, ANSWERED_ELSEWHERE)
    call = replace(
        call,
        phase=Phase.TALKING,
        agent_leg=replace(winner, stage=LegStage.UP, role=""),
        customer_leg=replace(call.customer_leg, stage=LegStage.UP),
        device=winner.device,
        agent_answered_at=now,
        answered_at=now,
        deadline=now + call.max_seconds,
    )
    told = (Announce("call.agent_answered"), Announce("call.answered"))
    return call, (AnswerLeg("customer"), BridgeLegs(), *stopped, Keep("customer"), *told)


def offer_gone(call: Call, gone: LegGone, now: float) -> Step:
    """A phone does not answer, or the caller gives up."""
    if gone.role == "customer":
        return end(stage(call, "customer", LegStage.GONE), EndReason.CUSTOMER_HANGUP, "customer", now)
    outcome = agent_outcome(gone.sip_status, gone.cause)
    return _one_less(call, gone.role, outcome)


def offer_refused(call: Call, failed: RequestFailed, _now: float) -> Step:
    """A phone that is not registered cannot be rung."""
    match failed.request, failed.status:
        case Originate(role=role), int(status) if status != 409 and role.startswith("offer:"):
            return _one_less(call, role, EndReason.UNREACHABLE)
        case _:
            return call, ()


def _one_less(call: Call, role: Role, outcome: EndReason) -> Step:
    if not call.leg(role).exists:
        return call, ()
    #: That one of her devices is not registered says nothing when another one rang.
    if outcome is not EndReason.UNREACHABLE or call.refusal is None:
        call = replace(call, refusal=outcome)
    call = drop(call, role)
    if _offers(call):
        return call, ()
    return call, (_offer_over(call), FindAgent(call.route_position))


def _offer_over(call: Call) -> Announce:
    """It is another one's turn; who was rung so far need not look at it any more."""
    return Announce("call.offer_ended", call.agent.email)


def offer_late(call: Call, _passed: DeadlinePassed, now: float) -> Step:
    """Nobody answers: the next in the route."""
    return _next(replace(call, refusal=EndReason.AGENT_NO_ANSWER), now)


def declined(call: Call, hang_up: HangUp, now: float) -> Step:
    """Who is rung does not want the call: the next in the route. Or the caller is to be turned away."""
    if hang_up.by == "system":
        return turn_away(call, now)
    return _next(replace(call, refusal=EndReason.AGENT_REJECTED), now)


def _next(call: Call, now: float) -> Step:
    call, stopped = _stop_offers(call, None)
    return replace(call, deadline=now + RINGING_GRACE), (*stopped, _offer_over(call), FindAgent(call.route_position))


def nobody_found(call: Call, nobody: NobodyFound, now: float) -> Step:
    """The caller is told so."""
    call = replace(
        call,
        phase=Phase.ANNOUNCING,
        decided_at=now,
        end_reason=call.refusal or (EndReason.AGENT_BUSY if nobody.busy else EndReason.UNREACHABLE),
        ended_by="agent",
        deadline=now + MESSAGE_SECONDS,
    )
    return call, (Keep("customer"), AnswerLeg("customer"), PlaySound(MESSAGE, "customer"))


def _offers(call: Call) -> list[Role]:
    return [leg.role for leg in call.others if leg.role.startswith("offer:")]


def _stop_offers(call: Call, cause: int | None) -> Step:
    effects: tuple[Effect, ...] = ()
    for role in _offers(call):
        call, stopped = dismiss(call, role, cause)
        effects = (*effects, *stopped)
    return call, effects
