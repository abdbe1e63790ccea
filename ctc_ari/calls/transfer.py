"""Handing the customer over, blind or after a consultation, asked for by the API or by the keys of the agent's phone.

    talking ── blind ────> transferring ── target answers ──> the call ends as transferred; its successor goes on
      ^  ^                  │        ^
      │  └── no answer, … ──┤        └── she completes, or hangs up, while it rings ──┐
      │                     └── and she has hung up ──> recalling ── she answers ──> talking
      └── cancelled, … ── consulting <── attended ── talking                           │
                              └────────────────────────────────────────────────────────┘

Whoever waits is taken out of the bridge and hears music or ringback there: in the bridge are just those who talk.
"""

from __future__ import annotations

from msgspec.structs import replace

from ctc_ari.calls.effects import (
    Announce,
    AnswerLeg,
    BridgeLegs,
    CreateLeg,
    DialLeg,
    Effect,
    Music,
    Mute,
    PressKeys,
    Progress,
    Refuse,
    StartRingback,
    StopRingback,
    TellPhone,
    UnbridgeLegs,
)
from ctc_ari.calls.handover import connect_both, hand_over
from ctc_ari.calls.inputs import (
    DeadlinePassed,
    HangUp,
    Input,
    LegAnswered,
    LegGone,
    LegReady,
    LegRinging,
    RequestFailed,
    SendDtmf,
    StartTransfer,
)
from ctc_ari.calls.leg import LegStage, Role
from ctc_ari.calls.model import Call, EndReason, Phase, Transfer
from ctc_ari.calls.outcomes import transfer_outcome
from ctc_ari.calls.reconnect import reconnect
from ctc_ari.calls.sides import barging, release_sides
from ctc_ari.calls.steps import (
    RINGING_GRACE,
    Step,
    add_leg,
    consulting_role,
    dismiss,
    end,
    pause_recording,
    stage,
    talk_deadline,
    tells_phone,
    with_transfer,
)
from ctc_ari.errors import TransferInProgress, WrongState

__all__ = [
    "begin_transfer",
    "cancel",
    "complete",
    "consult_keys",
    "gone_in_consultation",
    "gone_in_transfer",
    "hung_up",
    "in_progress",
    "start",
    "swap",
    "target_answered",
    "target_late",
    "target_ready",
    "target_rings",
    "transfer_failed",
]

# starting


def start(call: Call, wish: StartTransfer, now: float) -> Step:
    """Nothing is heard of it before the target's channel exists: if that cannot be had, the two just talk on."""
    return begin_transfer(call, wish, "api", now)


def in_progress(call: Call, _wish: Input, _now: float) -> Step:
    """One transfer at a time."""
    return call, (Refuse(TransferInProgress),)


def begin_transfer(call: Call, wish: StartTransfer, by: str, now: float) -> Step:
    """The target's channel is asked for; `by` is `api` or `phone`."""
    call = add_leg(call, "target", wish.target.endpoint, LegStage.CREATING)
    transfer = Transfer(
        id=f"t{len(call.transfers) + 1}",
        mode=wish.mode,
        target=wish.target,
        by="phone" if by == "phone" else "api",
        successor=wish.successor,
        ring_seconds=wish.ring_seconds,
        started_at=now,
    )
    call = replace(
        call,
        phase=Phase.TRANSFERRING if wish.mode == "blind" else Phase.CONSULTING,
        transfers=(*call.transfers, transfer),
        deadline=now + wish.ring_seconds + RINGING_GRACE,
    )
    return call, (CreateLeg("target"), Announce("call.transfer_started"))


# the target's phone


def target_ready(call: Call, ready: LegReady, _now: float) -> Step:
    """The channel is there: the customer is taken out of the conversation, and the target's phone rings."""
    if ready.role != "target" or call.leg("target").stage is not LegStage.CREATING:
        return call, ()
    call, unheld = _without_hold(call)
    call = with_transfer(stage(call, "target", LegStage.DIALING), parked=True)
    dial = DialLeg("target", call.transfers[-1].ring_seconds)
    if call.phase is Phase.TRANSFERRING:
        call, stopped = pause_recording(call)
        unheld = (*stopped, *unheld)
        here = call.agent_leg.exists
        out: tuple[Role, ...] = ("agent", "customer") if here else ("customer",)
        out = (*out, *barging(call))
        rings = (StartRingback("customer"), StartRingback("agent")) if here else (StartRingback("customer"),)
        return call, (*unheld, *_out(*out), *rings, dial)
    #: The bridge is never empty: that would end a recording.
    if consulting_role(call) == "second":
        come = (BridgeLegs(("second", "target")), *_out("agent", "customer"))
        return call, (*unheld, *come, Music("customer", True), dial)
    return call, (*unheld, *_out("customer"), Music("customer", True), dial, BridgeLegs(("target",)))


def _out(*roles: Role) -> tuple[UnbridgeLegs, ...]:
    """One after the other: Asterisk removes all that a request names, or none when one of them has just gone."""
    return tuple(UnbridgeLegs((role,)) for role in roles)


def _without_hold(call: Call) -> Step:
    """The waiting that a transfer brings takes the place of that which the agent asked for."""
    effects: tuple[Effect, ...] = ()
    if call.held:
        unmuted = (Mute("agent", False),) if call.silenced and not call.muted else ()
        effects = (Mute("customer", False), Music("customer", False), *unmuted)
    elif call.held_by_phone:
        effects = (Music("customer", False),)
    return replace(call, held=False), effects


def target_rings(call: Call, ringing: LegRinging, _now: float) -> Step:
    """In a consultation the agent hears it; in a blind transfer both hear ringback already."""
    if ringing.role != "target" or call.leg("target").stage is not LegStage.DIALING:
        return call, ()
    call = stage(call, "target", LegStage.RINGING)
    if call.phase is Phase.CONSULTING:
        return call, (StartRingback(consulting_role(call)),)
    if tells_phone(call):
        return call, (TellPhone("agent", Progress.RINGING),)
    return call, ()


def target_answered(call: Call, answered: LegAnswered, now: float) -> Step:
    """A blind transfer is complete; a consultation begins."""
    if answered.role != "target" or call.leg("target").stage in (LegStage.CREATING, LegStage.UP):
        return call, ()
    rang = call.leg("target").stage is LegStage.RINGING
    call = stage(call, "target", LegStage.UP)
    if call.phase is Phase.TRANSFERRING:
        return hand_over(call, (StopRingback("customer"), BridgeLegs()), now)
    role = consulting_role(call)
    effects: tuple[Effect, ...] = (StopRingback(role),) if rang else ()
    if role == "second":
        effects = (*effects, AnswerLeg("second"))
    call = with_transfer(replace(call, deadline=talk_deadline(call)), state="talking")
    return call, (*effects, Announce("call.transfer_answered"))


def target_late(call: Call, _passed: DeadlinePassed, now: float) -> Step:
    """Nobody answered, or the conversation has lasted too long."""
    if call.leg("target").stage is LegStage.UP:
        return end(call, EndReason.COMPLETED, "limit", now)
    return reconnect(call, "failed", "no_answer", now)


# who hangs up


def gone_in_transfer(call: Call, gone: LegGone, now: float) -> Step:
    """While the target's phone rings: the agent may go, and the customer still waits for the target."""
    before, call = call, stage(call, gone.role, LegStage.GONE)
    match gone.role:
        case "customer":
            return end(call, EndReason.COMPLETED, "customer", now)
        case "target":
            return reconnect(call, "failed", _why(before, gone), now)
        case _:
            return release_sides(replace(call, muted=False))


def gone_in_consultation(call: Call, gone: LegGone, now: float) -> Step:
    """The agent who hangs up leaves the other two together, as on a desk phone."""
    before, call = call, stage(call, gone.role, LegStage.GONE)
    match gone.role:
        case "customer":
            return end(call, EndReason.COMPLETED, "customer", now)
        case "target":
            return reconnect(call, "failed", _why(before, gone), now)
        case "second":
            return reconnect(call, "cancelled", None, now)
    if call.leg("target").stage is LegStage.UP:
        return connect_both(call, now)
    call, left = release_sides(replace(call, muted=False))
    call, effects = _go_blind(call)
    return call, (*left, *effects)


def _why(before: Call, gone: LegGone) -> str:
    if before.leg("target").stage is LegStage.UP:
        return "hangup"
    return transfer_outcome(gone.sip_status, gone.cause)


def hung_up(call: Call, hang_up: HangUp, now: float) -> Step:
    """The API ends all of it."""
    return end(call, EndReason.COMPLETED, hang_up.by, now)


# the agent's wishes


def complete(call: Call, _wish: Input, now: float) -> Step:
    """Connect the two; before the target answered, the customer waits for that."""
    return connect_both(call, now) if call.leg("target").stage is LegStage.UP else _go_blind(call)


def _go_blind(call: Call) -> Step:
    """From a consultation that has not begun to a blind transfer."""
    transfer = call.transfers[-1]
    #: With a call of its own for the consultation, her phone's first one is out already.
    here, inside = call.agent_leg.exists, consulting_role(call) == "agent"
    ringing = call.leg("target").stage is LegStage.RINGING
    call, released = dismiss(call, "second")
    call = with_transfer(replace(call, phase=Phase.TRANSFERRING), mode="blind")
    if not transfer.parked:
        return call, released
    call, stopped = pause_recording(call)
    out: tuple[Role, ...] = ("agent", "target", *barging(call)) if here and inside else ("target",)
    effects: list[Effect] = [*stopped, *_out(*out), Music("customer", False), StartRingback("customer")]
    if here and not (inside and ringing):
        effects.append(StartRingback("agent"))
    return call, (*released, *effects)


def cancel(call: Call, _wish: Input, now: float) -> Step:
    """The target is released, the customer is back."""
    return reconnect(call, "cancelled", None, now)


def swap(call: Call, _wish: Input, _now: float) -> Step:
    """Whom she talked with hears music now."""
    transfer = call.transfers[-1]
    if transfer.state != "talking" or consulting_role(call) == "second":
        return call, (Refuse(WrongState),)
    next_: Role = "customer" if transfer.with_ == "target" else "target"
    parked = transfer.with_
    effects = (UnbridgeLegs((parked,)), Music(parked, True), Music(next_, False), BridgeLegs((next_,)))
    return with_transfer(call, with_=next_), (*effects, Announce("call.transfer_swapped"))


def consult_keys(call: Call, keys: SendDtmf, _now: float) -> Step:
    """Keys go to whom she talks with."""
    return call, (PressKeys(keys.digits, call.transfers[-1].with_),)


# what Asterisk refuses


def transfer_failed(call: Call, failed: RequestFailed, now: float) -> Step:
    """A channel that is just ending is told of by its own event."""
    match failed.request, failed.status:
        case _, None | 409:
            return call, ()
        case CreateLeg("target"), _:
            call = stage(call, "target", LegStage.GONE)
            return reconnect(call, "failed", "unreachable", now)
        case DialLeg("target"), status if status != 404:
            return reconnect(call, "failed", "unreachable", now)
        case BridgeLegs(), status if status != 400:
            #: As in a conversation: they would never hear each other.
            return end(call, EndReason.FAILED, "system", now)
        case _:
            return call, ()
