"""What the engine wants done: plain descriptions, carried out by the desk."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from ctc_ari.calls.leg import Role
from ctc_ari.calls.model import Call
from ctc_ari.errors import CtcError

__all__ = [
    "Announce",
    "AnswerLeg",
    "BridgeLegs",
    "CreateBridge",
    "CreateLeg",
    "DestroyBridge",
    "DialLeg",
    "Effect",
    "FindAgent",
    "HandOver",
    "HangUpLeg",
    "Keep",
    "LeaveToDialplan",
    "Music",
    "Mute",
    "Originate",
    "PlaySound",
    "PlayTone",
    "PressKeys",
    "Progress",
    "RecordBridge",
    "Recording",
    "Refuse",
    "Request",
    "Spy",
    "StartRingback",
    "StopRingback",
    "TellPhone",
    "UnbridgeLegs",
    "Watch",
]


class Effect(msgspec.Struct, frozen=True):
    """Something to be done."""


class Announce(Effect, frozen=True):
    """Tell everybody who listens, and the journal, that this happened; `to` names the only agent it concerns."""

    event: str
    to: str | None = None


class Request(Effect, frozen=True):
    """Something to be asked of Asterisk; a failure comes back as RequestFailed."""


class Progress(StrEnum):
    """How a transfer gets on, in the words of ARI's `transfer_progress`."""

    RINGING = "channel_progress"
    ANSWERED = "channel_answered"
    UNAVAILABLE = "channel_unavailable"
    DECLINED = "channel_declined"


class Originate(Request, frozen=True):
    """Ring the phone, for so many seconds: one request, because every one more is heard as delay."""

    timeout: int
    role: Role = "agent"


class CreateLeg(Request, frozen=True):
    """Create the side's channel; nothing rings yet."""

    role: Role


class DialLeg(Request, frozen=True):
    """Ring the side's phone, for so many seconds."""

    role: Role
    timeout: int


class CreateBridge(Request, frozen=True):
    """Create the bridge the two sides meet in, or that of a supervisor with this number."""

    side: int = 0


class BridgeLegs(Request, frozen=True):
    """Put these channels into the bridge, out of whichever they are in."""

    roles: tuple[Role, ...] = ("agent", "customer")
    side: int = 0


class UnbridgeLegs(Request, frozen=True):
    """Take these channels out of the bridge: they hear nothing but what is played to them."""

    roles: tuple[Role, ...]


class Watch(Request, frozen=True):
    """Be told when this channel goes: Asterisk does that by itself only for those that we made."""

    role: Role


class AnswerLeg(Request, frozen=True):
    """Answer the channel of somebody who called us."""

    role: Role


class Keep(Request, frozen=True):
    """The channel stays with us: the time that the dialplan gave us to connect it is no limit any more."""

    role: Role


class LeaveToDialplan(Request, frozen=True):
    """The channel goes on where the dialplan had handed it to us."""

    role: Role


class StartRingback(Request, frozen=True):
    """Let this side hear that a phone rings; before its call is answered, that is SIP 180."""

    role: Role = "agent"


class StopRingback(Request, frozen=True):
    """No more ringback."""

    role: Role = "agent"


class PlayTone(Request, frozen=True):
    """Play a tone of Asterisk's indications (`busy`, `congestion`)."""

    tone: str
    role: Role = "agent"


class PlaySound(Request, frozen=True):
    """Play one of Asterisk's sounds, once."""

    sound: str
    role: Role


class Spy(Request, frozen=True):
    """Make a channel that hears all that the agent says and hears, and speaks to her when it whispers."""

    role: Role
    whisper: bool


class TellPhone(Request, frozen=True):
    """Tell the phone that sent REFER how its transfer gets on (RFC 3515, section 2.4.5)."""

    role: Role
    progress: Progress


class Mute(Request, frozen=True):
    """What comes from the side's microphone goes nowhere, or is heard again."""

    role: Role
    on: bool


class Music(Request, frozen=True):
    """The side hears music instead of the call, or the call again."""

    role: Role
    on: bool


class Recording(StrEnum):
    """What is to happen to a recording."""

    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"


class RecordBridge(Request, frozen=True):
    """Everything said in the call's bridge, in the call's recording of this number."""

    number: int
    action: Recording


class PressKeys(Request, frozen=True):
    """Send these DTMF digits to that side."""

    digits: str
    role: Role = "customer"


class HangUpLeg(Request, frozen=True):
    """Remove the side's channel; `cause` is the Q.850 cause its phone is told."""

    role: Role
    cause: int | None = None


class DestroyBridge(Request, frozen=True):
    """Remove the bridge, after its channels."""

    side: int = 0


class FindAgent(Effect, frozen=True):
    """Look who in the route can be rung, from this position on; comes back as AgentFound or NobodyFound."""

    position: int


class HandOver(Effect, frozen=True):
    """These channels are another call from now on, for which this is to be done."""

    call: Call
    effects: tuple[Effect, ...]


class Refuse(Effect, frozen=True):
    """What was asked for cannot be now; whoever asked is told."""

    error: type[CtcError]
