"""A transfer came to nothing: the customer is the agent's again, whose phone rings anew if she has hung up."""

from __future__ import annotations

from msgspec.structs import replace

from ctc_ari.calls.controls import set_recording
from ctc_ari.calls.effects import (
    Announce,
    BridgeLegs,
    Effect,
    Music,
    PlaySound,
    Progress,
    StartRingback,
    StopRingback,
    TellPhone,
    UnbridgeLegs,
)
from ctc_ari.calls.inputs import SetRecording
from ctc_ari.calls.leg import Role
from ctc_ari.calls.model import Call, Phase, TransferState
from ctc_ari.calls.recall import recall
from ctc_ari.calls.sides import barging
from ctc_ari.calls.steps import (
    USER_BUSY,
    Step,
    consulting_role,
    dismiss,
    pause_recording,
    talk_deadline,
    tells_phone,
    with_transfer,
)

__all__ = ["reconnect"]

#: A short low tone: what was tried did not work.
FAILED_SOUND = "beeperr"


def reconnect(call: Call, state: TransferState, reason: str | None, now: float) -> Step:
    """The transfer ends as `state`, for this `reason` (`Transfer.reason`): the two talk again, or her phone rings."""
    blind, transfer, role = call.phase is Phase.TRANSFERRING, call.transfers[-1], consulting_role(call)
    told = (TellPhone("agent", Progress.UNAVAILABLE),) if tells_phone(call) else ()
    call, released = dismiss(call, "target")
    call, hung_up_second = dismiss(call, "second", USER_BUSY if reason == "busy" else None)
    call = with_transfer(call, state=state, reason=reason, ended_at=now)
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
