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

from ctc_ari.calls.controls import set_recording
from ctc_ari.calls.effects import (
    Announce,
    AnswerLeg,
    BridgeLegs,
    CreateLeg,
    DialLeg,
    Effect,
    HandOver,
    Music,
    Mute,
    PlaySound,
    PressKeys,
    Progress,
    Refuse,
    StartRingback,
    StopRingback,
    TellPhone,
    UnbridgeLegs,
)
from ctc_ari.calls.handover import successor_of
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
    SetRecording,
    StartTransfer,
)
from ctc_ari.calls.leg import LegStage, Role
from ctc_ari.calls.model import Call, EndReason, Phase, Transfer, TransferState
from ctc_ari.calls.outcomes import transfer_outcome
from ctc_ari.calls.recall import recall
from ctc_ari.calls.sides import barging, release_sides
from ctc_ari.calls.steps import (
    RINGING_GRACE,
    Step,
    add_leg,
    dismiss,
    end,
    pause_recording,
    stage,
    stop_recording,
    talk_deadline,
    with_transfer,
)
from ctc_ari.errors import TransferInProgress, WrongState

__all__ = [
    "begin_transfer",
    "cancel",
    "complete",
    "connect_both",
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

#: A short low tone: what was tried did not work.
FAILED_SOUND = "beeperr"


# starting


def start(call: Call, wish: StartTransfer, now: float) -> Step:
    """Nothing is heard of it before the target's channel exists: if that cannot be had, the two just talk on."""
    return begin_transfer(call, wish, "api", now)


def in_progress(call: Call, _wish: Input, _now: float) -> Step:
    """One transfer at a time."""
    return call, (Refuse(TransferInProgress),)


def begin_transfer(call: Call, wish: StartTransfer, by: str, now: float) -> Step:
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


def _consulting_role(call: Call) -> Role:
    """The channel on which the agent talks with the target."""
    transfer = call.transfers[-1]
    return "second" if transfer.by == "phone" and transfer.mode == "attended" else "agent"


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
    if _consulting_role(call) == "second":
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
        return call, (StartRingback(_consulting_role(call)),)
    if _tells_phone(call):
        return call, (TellPhone("agent", Progress.RINGING),)
    return call, ()


def target_answered(call: Call, answered: LegAnswered, now: float) -> Step:
    """A blind transfer is complete; a consultation begins."""
    if answered.role != "target" or call.leg("target").stage in (LegStage.CREATING, LegStage.UP):
        return call, ()
    rang = call.leg("target").stage is LegStage.RINGING
    call = stage(call, "target", LegStage.UP)
    if call.phase is Phase.TRANSFERRING:
        return _connect(call, (StopRingback("customer"), BridgeLegs()), now)
    role = _consulting_role(call)
    effects: tuple[Effect, ...] = (StopRingback(role),) if rang else ()
    if role == "second":
        effects = (*effects, AnswerLeg("second"))
    call = with_transfer(replace(call, deadline=talk_deadline(call)), state="talking")
    return call, (*effects, Announce("call.transfer_answered"))


def target_late(call: Call, _passed: DeadlinePassed, now: float) -> Step:
    """Nobody answered, or the conversation has lasted too long."""
    if call.leg("target").stage is LegStage.UP:
        return end(call, EndReason.COMPLETED, "limit", now)
    return _come_back(call, "failed", "no_answer", now)


# who hangs up


def gone_in_transfer(call: Call, gone: LegGone, now: float) -> Step:
    """While the target's phone rings: the agent may go, and the customer still waits for the target."""
    before, call = call, stage(call, gone.role, LegStage.GONE)
    match gone.role:
        case "customer":
            return end(call, EndReason.COMPLETED, "customer", now)
        case "target":
            return _come_back(call, "failed", _why(before, gone), now)
        case _:
            return release_sides(replace(call, muted=False))


def gone_in_consultation(call: Call, gone: LegGone, now: float) -> Step:
    """The agent who hangs up leaves the other two together, as on a desk phone."""
    before, call = call, stage(call, gone.role, LegStage.GONE)
    match gone.role:
        case "customer":
            return end(call, EndReason.COMPLETED, "customer", now)
        case "target":
            return _come_back(call, "failed", _why(before, gone), now)
        case "second":
            return _come_back(call, "cancelled", None, now)
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


def cancel(call: Call, _wish: Input, now: float) -> Step:
    """The target is released, the customer is back."""
    return _come_back(call, "cancelled", None, now)


def swap(call: Call, _wish: Input, _now: float) -> Step:
    """Whom she talked with hears music now."""
    transfer = call.transfers[-1]
    if transfer.state != "talking" or _consulting_role(call) == "second":
        return call, (Refuse(WrongState),)
    next_: Role = "customer" if transfer.with_ == "target" else "target"
    parked = transfer.with_
    effects = (UnbridgeLegs((parked,)), Music(parked, True), Music(next_, False), BridgeLegs((next_,)))
    return with_transfer(call, with_=next_), (*effects, Announce("call.transfer_swapped"))


def consult_keys(call: Call, keys: SendDtmf, _now: float) -> Step:
    """Keys go to whom she talks with."""
    return call, (PressKeys(keys.digits, call.transfers[-1].with_),)


def _waiting(call: Call) -> Role:
    return "customer" if call.transfers[-1].with_ == "target" else "target"


# what comes of it


def _go_blind(call: Call) -> Step:
    """From a consultation that has not begun to a blind transfer."""
    transfer = call.transfers[-1]
    #: With a call of its own for the consultation, her phone's first one is out already.
    here, inside = call.agent_leg.exists, _consulting_role(call) == "agent"
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


def connect_both(call: Call, now: float) -> Step:
    """Whom the agent talked with is in the bridge already."""
    waiting: Role = "customer" if _waiting(call) == "customer" else "agent"
    return _connect(call, (Music(waiting, False), BridgeLegs((waiting,))), now)


def _connect(call: Call, together: tuple[Effect, ...], now: float) -> Step:
    """The customer and the target, its agent, are a call of their own from now on; this one has ended."""
    answered = (TellPhone("agent", Progress.ANSWERED),) if _tells_phone(call) else ()
    call, stopped = stop_recording(call)
    call, left_alone = release_sides(call)
    successor = successor_of(call, now)
    call = _closed(call, "completed", None, now)
    call, ended = end(
        replace(stage(stage(call, "customer", LegStage.GONE), "target", LegStage.GONE), bridge=False),
        EndReason.TRANSFERRED,
        "agent",
        now,
    )
    return call, (
        HandOver(successor, together),
        *stopped,
        *left_alone,
        *answered,
        Announce("call.transfer_completed"),
        #: Who was beside the conversation has been released just now.
        *(effect for effect in ended if effect not in left_alone),
    )


def _closed(call: Call, state: TransferState, reason: str | None, now: float) -> Call:
    return with_transfer(call, state=state, reason=reason, ended_at=now)


def _tells_phone(call: Call) -> bool:
    """Her phone asked for it on this very channel, and waits for the outcome."""
    transfer = call.transfers[-1]
    return transfer.by == "phone" and transfer.mode == "blind" and call.agent_leg.exists


def _come_back(call: Call, state: TransferState, reason: str | None, now: float) -> Step:
    """The customer is the agent's again; if she has gone, her phone rings."""
    blind, transfer, role = call.phase is Phase.TRANSFERRING, call.transfers[-1], _consulting_role(call)
    told = (TellPhone("agent", Progress.UNAVAILABLE),) if _tells_phone(call) else ()
    call, released = dismiss(call, "target")
    call, hung_up_second = dismiss(call, "second", 17 if reason == "busy" else None)
    call = _closed(call, state, reason, now)
    before: tuple[Effect, ...] = (*released, *hung_up_second, *told)
    event = Announce("call.transfer_cancelled")
    if not call.agent_leg.exists and transfer.parked:
        waits = () if blind else (Music("customer", False), StartRingback("customer"))
        return recall(call, (*before, *waits, event), now)
    if not call.agent_leg.exists:
        call, stopped = pause_recording(call)
        return recall(call, (*before, *stopped, UnbridgeLegs(("customer",)), StartRingback("customer"), event), now)
    call = replace(call, phase=Phase.TALKING, deadline=talk_deadline(call))
    if not transfer.parked:
        return call, (*before, event)
    quiet: tuple[Effect, ...] = (Music("customer", False),)
    if blind:
        quiet = (StopRingback("customer"), StopRingback("agent"))
    elif transfer.state == "ringing" and role == "agent":
        quiet = (StopRingback("agent"), *quiet)
    #: The music of her phone's own hold ended when the customer left the bridge.
    held: tuple[Effect, ...] = (Music("customer", True),) if call.held_by_phone else ()
    failed: tuple[Effect, ...] = (PlaySound(FAILED_SOUND, "agent"),) if state == "failed" else ()
    call, recorded = set_recording(call, SetRecording("on"), now) if transfer.recorded else (call, ())
    back: tuple[Role, ...] = ("agent", "customer") if blind or role == "second" else ("customer",)
    #: Asterisk bridges all that a request names, or none: a supervisor who has just gone must not keep them apart.
    barge = (BridgeLegs(barging(call)),) if blind and barging(call) else ()
    if role == "second":
        #: The bridge is not left empty: that would end a recording.
        return call, (*quiet, BridgeLegs(back), *before, *held, *recorded, *failed, event)
    return call, (*before, *quiet, BridgeLegs(back), *barge, *held, *recorded, *failed, event)


def transfer_failed(call: Call, failed: RequestFailed, now: float) -> Step:
    """What Asterisk refused; a channel that is just ending is told of by its own event."""
    match failed.request, failed.status:
        case _, None | 409:
            return call, ()
        case CreateLeg("target"), _:
            call = stage(call, "target", LegStage.GONE)
            return _come_back(call, "failed", "unreachable", now)
        case DialLeg("target"), status if status != 404:
            return _come_back(call, "failed", "unreachable", now)
        case BridgeLegs(), status if status != 400:
            #: As in a conversation: they would never hear each other.
            return end(call, EndReason.FAILED, "system", now)
        case _:
            return call, ()
