"""What an agent does while she talks: mute, hold, record, keys. Each input is a wish: repeating it changes nothing."""

from __future__ import annotations

from msgspec.structs import replace

from ctc_ari.calls.effects import (
    Announce,
    BridgeLegs,
    Effect,
    Music,
    Mute,
    PressKeys,
    RecordBridge,
    Recording,
    UnbridgeLegs,
)
from ctc_ari.calls.inputs import LegHeld, RequestFailed, SendDtmf, SetHeld, SetMuted, SetRecording
from ctc_ari.calls.model import Call

__all__ = [
    "control_failed",
    "held_by_phone",
    "music_of_our_own",
    "phone_hold_noted",
    "send_dtmf",
    "set_held",
    "set_muted",
    "set_recording",
]

Step = tuple[Call, tuple[Effect, ...]]


def set_muted(call: Call, wish: SetMuted, _now: float) -> Step:
    """The customer hears silence; the agent still hears the customer."""
    if call.muted is wish.on:
        return call, ()
    event = Announce("call.muted" if wish.on else "call.unmuted")
    call = replace(call, muted=wish.on)
    return call, (Mute("agent", call.silenced), event)


def set_held(call: Call, wish: SetHeld, _now: float) -> Step:
    """The customer hears music and is not heard; in that music the agent's voice does not pass either."""
    if call.held is wish.on:
        return call, ()
    call = replace(call, held=wish.on)
    if call.held_by_phone:
        #: Her phone holds the call too, and the music is for both: only her own key lets them talk again.
        return call, (Mute("customer", wish.on), Mute("agent", call.silenced))
    event = Announce("call.held" if wish.on else "call.resumed")
    return call, (Mute("customer", wish.on), Music("customer", wish.on), event)


def held_by_phone(call: Call, held: LegHeld, _now: float) -> Step:
    """The hold key of her own phone: Asterisk plays music to whom she talks with, all we do is follow."""
    if held.role != "agent" or call.held_by_phone is held.on:
        return call, ()
    call = replace(call, held_by_phone=held.on)
    match call.held, held.on:
        case True, True:
            #: When her phone lets go, Asterisk ends the music before we can begin it again.
            return call, (Mute("agent", True),)
        case True, False:
            return call, (*music_of_our_own(), Mute("agent", call.silenced))
        case False, True:
            return call, (Announce("call.held"),)
        case _:
            #: Music that we began, because the customer had to be moved while her phone held, is ours to end.
            return call, (Music("customer", False), Announce("call.resumed"))


def music_of_our_own() -> tuple[Effect, ...]:
    """Music that no phone's key ends any more: outside the bridge, an end that is still on its way is lost."""
    return UnbridgeLegs(("customer",)), Music("customer", True), BridgeLegs(("customer",))


def phone_hold_noted(call: Call, held: LegHeld, _now: float) -> Step:
    """In the middle of a transfer the customer waits anyhow."""
    return (replace(call, held_by_phone=held.on) if held.role == "agent" else call), ()


def set_recording(call: Call, wish: SetRecording, _now: float) -> Step:
    """Both sides in one file; a pause stays in the same file, a stop ends it."""
    if call.recording == wish.to:
        return call, ()
    started = Announce("call.recording_started")
    stopped = Announce("call.recording_stopped")
    match call.recording, wish.to:
        case "off", "paused":
            return call, ()
        case "off", "on":
            number = call.recordings + 1
            call = replace(call, recording="on", recordings=number)
            return call, (RecordBridge(number, Recording.START), started)
        case "paused", "on":
            return replace(call, recording="on"), (RecordBridge(call.recordings, Recording.RESUME), started)
        case _, "paused":
            return replace(call, recording="paused"), (RecordBridge(call.recordings, Recording.PAUSE), stopped)
        case before, _:
            announced = (stopped,) if before == "on" else ()
            return replace(call, recording="off"), (RecordBridge(call.recordings, Recording.STOP), *announced)


def send_dtmf(call: Call, wish: SendDtmf, _now: float) -> Step:
    """The customer's side hears the keys: a menu, a conference code."""
    return call, (PressKeys(wish.digits),)


def control_failed(call: Call, failed: RequestFailed) -> Step | None:
    """The call as it was before a control that Asterisk refused; None when that was no control."""
    match failed.request:
        case Mute("agent", on) if call.muted is on:
            return replace(call, muted=not on), (Announce("call.unmuted" if on else "call.muted"),)
        case Music("customer", on) | Mute("customer", on) if call.held is on:
            return replace(call, held=not on), (Announce("call.resumed" if on else "call.held"),)
        case RecordBridge(_, Recording.START):
            return replace(call, recording="off"), (Announce("call.recording_stopped"),)
        case Mute() | Music() | RecordBridge() | PressKeys():
            return call, ()
        case _:
            return None
