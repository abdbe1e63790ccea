"""The target of a transfer could not be had and the agent has hung up: her phone rings again, the customer waits."""

from __future__ import annotations

from msgspec.structs import replace

from ctc_ari.calls.controls import set_recording
from ctc_ari.calls.effects import (
    Announce,
    BridgeLegs,
    Effect,
    Music,
    Mute,
    Originate,
    StartRingback,
    StopRingback,
    UnbridgeLegs,
)
from ctc_ari.calls.inputs import (
    DeadlinePassed,
    LegAnswered,
    LegGone,
    LegRinging,
    RequestFailed,
    SetRecording,
)
from ctc_ari.calls.leg import LegStage
from ctc_ari.calls.model import Call, EndReason, Phase
from ctc_ari.calls.outcomes import agent_outcome
from ctc_ari.calls.sides import release_sides
from ctc_ari.calls.steps import (
    RINGING_GRACE,
    Step,
    end,
    pause_recording,
    replace_agent,
    stage,
    talk_deadline,
)

__all__ = ["answered", "failed", "gone", "late", "phone_gave_up", "recall", "rings"]

#: So soon after a phone was told that its transfer failed, a hang-up is part of that.
PHONE_GIVES_UP_SECONDS = 2.0


def recall(call: Call, effects: tuple[Effect, ...], now: float) -> Step:
    """The customer hears ringback, as before."""
    call = replace_agent(call, call.agent_leg.endpoint, LegStage.DIALING)
    call = replace(
        call,
        phase=Phase.RECALLING,
        muted=False,
        held_by_phone=False,
        deadline=now + call.agent_ring_timeout + RINGING_GRACE,
    )
    return call, (*effects, Originate(call.agent_ring_timeout))


def rings(call: Call, ringing: LegRinging, _now: float) -> Step:
    """Her phone rings again."""
    if ringing.role != "agent" or call.agent_leg.stage is not LegStage.DIALING:
        return call, ()
    return stage(call, "agent", LegStage.RINGING), (Announce("call.agent_ringing"),)


def answered(call: Call, picked_up: LegAnswered, now: float) -> Step:
    """They talk again."""
    if picked_up.role != "agent":
        return call, ()
    call = replace(stage(call, "agent", LegStage.UP), phase=Phase.TALKING, deadline=talk_deadline(call))
    call, recorded = set_recording(call, SetRecording("on"), now) if call.transfers[-1].recorded else (call, ())
    return call, (StopRingback("customer"), BridgeLegs(), *recorded, Announce("call.agent_answered"))


def phone_gave_up(call: Call, now: float) -> Step | None:
    """Some phones hang up when a transfer they asked for has failed: the agent is rung again; None: it is not that."""
    transfer = call.transfer
    if transfer is None or transfer.by != "phone" or transfer.state != "failed" or transfer.ended_at is None:
        return None
    if now - transfer.ended_at > PHONE_GIVES_UP_SECONDS:
        return None
    call, stopped = pause_recording(call)
    call, left = release_sides(call)
    mute: tuple[Effect, ...] = (Mute("customer", False),) if call.held else ()
    waits = (UnbridgeLegs(("customer",)), *mute, Music("customer", False), StartRingback("customer"))
    return recall(replace(call, held=False), (*stopped, *left, *waits), now)


def gone(call: Call, lost: LegGone, now: float) -> Step:
    """She does not take the customer back, or the customer has waited enough."""
    call = stage(call, lost.role, LegStage.GONE)
    if lost.role == "customer":
        return end(call, EndReason.COMPLETED, "customer", now)
    return end(call, agent_outcome(lost.sip_status, lost.cause), "agent", now)


def failed(call: Call, refused: RequestFailed, now: float) -> Step:
    """Her phone cannot be rung."""
    match refused.request, refused.status:
        case Originate(role="agent"), int(status) if status != 409:
            return end(stage(call, "agent", LegStage.GONE), EndReason.UNREACHABLE, "system", now)
        case _:
            return call, ()


def late(call: Call, _passed: DeadlinePassed, now: float) -> Step:
    """She does not answer."""
    return end(call, EndReason.AGENT_NO_ANSWER, "system", now)
