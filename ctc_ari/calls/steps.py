"""What every part of the engine does to a call: note a channel's progress, add a channel, end the call, clear up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from ctc_ari.calls.effects import Announce, DestroyBridge, Effect, HangUpLeg, RecordBridge, Recording
from ctc_ari.calls.ids import other_channel_id
from ctc_ari.calls.inputs import Input
from ctc_ari.calls.leg import Leg, LegStage, Role
from ctc_ari.calls.model import Call, EndedBy, EndReason, Phase

__all__ = [
    "CLEANUP_RETRY",
    "PLACING_SECONDS",
    "RINGING_GRACE",
    "Handler",
    "Step",
    "add_leg",
    "clean_up",
    "consulting_role",
    "dismiss",
    "drop",
    "end",
    "ignore",
    "pause_recording",
    "refuse",
    "replace_agent",
    "set_leg",
    "stage",
    "stop_recording",
    "talk_deadline",
    "tells_phone",
    "turn_away",
    "with_transfer",
]

#: Seconds for a new call's row to be committed.
PLACING_SECONDS = 5.0
#: Asterisk itself ends the ringing; this much later we do, in case its word was lost.
RINGING_GRACE = 2.0
#: How often the removal of what is left over is tried again.
CLEANUP_RETRY = 1.0
#: Q.850.
USER_BUSY = 17

Step = tuple[Call, tuple[Effect, ...]]
Handler = Callable[[Call, Any, float], Step]


def ignore(call: Call, _happened: Input, _now: float) -> Step:
    """This input says nothing new here."""
    return call, ()


def refuse(call: Call, _happened: Input, _now: float) -> Step:
    """Whoever wants this is told that the call is in the wrong state."""
    return call, ()


def set_leg(call: Call, role: Role, leg: Leg) -> Call:
    """The call with this channel on that side."""
    if role == "agent":
        return replace(call, agent_leg=leg)
    if role == "customer":
        return replace(call, customer_leg=leg)
    return replace(call, others=tuple(leg if other.role == role else other for other in call.others))


def stage(call: Call, role: Role, reached: LegStage) -> Call:
    """That channel has come so far."""
    return set_leg(call, role, replace(call.leg(role), stage=reached))


def add_leg(call: Call, role: Role, endpoint: str, reached: LegStage, channel: str = "") -> Call:
    """One more channel, under an id of its own unless it has one."""
    number = call.others_made + 1
    leg = Leg(channel or other_channel_id(call.id, number), endpoint, reached, role)
    return replace(call, others=(*call.others, leg), others_made=number)


def replace_agent(call: Call, endpoint: str, reached: LegStage) -> Call:
    """Another channel to the agent, under an id of its own."""
    number = call.others_made + 1
    leg = Leg(other_channel_id(call.id, number), endpoint, reached)
    return replace(call, agent_leg=leg, others_made=number)


def drop(call: Call, role: Role) -> Call:
    """A channel that is gone for good."""
    return replace(call, others=tuple(leg for leg in call.others if leg.role != role))


def dismiss(call: Call, role: Role, cause: int | None = None) -> Step:
    """Release a channel that plays no part any more; until it is gone it keeps a name that no other takes."""
    leg = call.leg(role)
    if not leg.exists:
        return drop(call, role), ()
    former = f"former:{leg.channel}"
    if role.startswith("spy:"):
        #: Asterisk never tells that such a channel has gone.
        return drop(call, role), (HangUpLeg(former, cause),)
    others = tuple(replace(other, role=former) if other.role == role else other for other in call.others)
    return replace(call, others=others), (HangUpLeg(former, cause),)


def talk_deadline(call: Call) -> float:
    """When a conversation has lasted as long as any may."""
    assert call.answered_at is not None
    return call.answered_at + call.max_seconds


def stop_recording(call: Call) -> Step:
    """The recording, if there is one, is complete."""
    if call.recording == "off":
        return call, ()
    told = (Announce("call.recording_stopped"),) if call.recording == "on" else ()
    return replace(call, recording="off"), (RecordBridge(call.recordings, Recording.STOP), *told)


def end(call: Call, reason: EndReason, by: EndedBy, now: float) -> Step:
    """The outcome is final: what is left over goes, and a transfer under way comes to nothing."""
    told: tuple[Effect, ...] = ()
    if call.transfer and call.transfer.open:
        given_up = replace(call.transfer, state="cancelled", ended_at=now)
        call, told = replace(call, transfers=(*call.transfers[:-1], given_up)), (Announce("call.transfer_cancelled"),)
    call = replace(
        call,
        phase=Phase.ENDING,
        end_reason=reason,
        ended_by=by,
        ended_at=now,
        moving_to=None,
        deadline=now + CLEANUP_RETRY,
    )
    call, effects = clean_up(call)
    return call, (*told, *effects, Announce("call.ended"))


def turn_away(call: Call, now: float) -> Step:
    """A caller whom nobody wants is told that the line is busy."""
    call, effects = end(call, EndReason.CANCELLED, "system", now)
    busy = HangUpLeg("customer", USER_BUSY)
    return call, tuple(busy if effect == HangUpLeg("customer") else effect for effect in effects)


def clean_up(call: Call) -> Step:
    """Channels first, the bridges after the last of them."""
    spies: tuple[Effect, ...] = ()
    for leg in call.others:
        if leg.role.startswith("spy:"):
            call, released = dismiss(call, leg.role)
            spies = (*spies, *released)
    left = tuple(HangUpLeg(role) for role, leg in call.legs if leg.exists)
    if left:
        return call, (*spies, *left)
    sides = tuple(DestroyBridge(side) for side in call.side_bridges)
    bridge: tuple[Effect, ...] = (DestroyBridge(),) if call.bridge else ()
    return replace(call, phase=Phase.ENDED, deadline=None), (*spies, *bridge, *sides)


def with_transfer(call: Call, **changes: object) -> Call:
    """The same call, with changes to its transfer."""
    return replace(call, transfers=(*call.transfers[:-1], replace(call.transfers[-1], **changes)))


def pause_recording(call: Call) -> Step:
    """A recording ends when nobody is in the bridge any more; it is begun again when they talk again."""
    call = with_transfer(
        call, recorded=call.recording == "on" or (call.transfers[-1].open and call.transfers[-1].recorded)
    )
    return stop_recording(call)


def consulting_role(call: Call) -> Role:
    """The channel on which the agent talks with the target."""
    transfer = call.transfers[-1]
    return "second" if transfer.by == "phone" and transfer.mode == "attended" else "agent"


def tells_phone(call: Call) -> bool:
    """Her phone asked for it on this very channel, and waits for the outcome."""
    transfer = call.transfers[-1]
    return transfer.by == "phone" and transfer.mode == "blind" and call.agent_leg.exists
