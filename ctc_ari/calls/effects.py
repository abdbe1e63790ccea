"""What the engine wants done: plain descriptions, carried out by the desk."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from ctc_ari.calls.model import Role

__all__ = [
    "Announce",
    "BridgeLegs",
    "CreateBridge",
    "CreateLeg",
    "DestroyBridge",
    "DialLeg",
    "Effect",
    "HangUpLeg",
    "Music",
    "Mute",
    "Originate",
    "PlayTone",
    "PressKeys",
    "RecordBridge",
    "Recording",
    "Request",
    "StartRingback",
    "StopRingback",
]


class Effect(msgspec.Struct, frozen=True):
    """Something to be done."""


class Announce(Effect, frozen=True):
    """Tell everybody who listens, and the journal, that this happened."""

    event: str


class Request(Effect, frozen=True):
    """Something to be asked of Asterisk; a failure comes back as RequestFailed."""


class Originate(Request, frozen=True):
    """Ring the agent's phone, for so many seconds: one request, because every one more is heard as delay."""

    timeout: int


class CreateLeg(Request, frozen=True):
    """Create the side's channel; nothing rings yet."""

    role: Role


class DialLeg(Request, frozen=True):
    """Ring the side's phone, for so many seconds."""

    role: Role
    timeout: int


class CreateBridge(Request, frozen=True):
    """Create the bridge the two sides meet in."""


class BridgeLegs(Request, frozen=True):
    """Put both channels into the bridge."""


class StartRingback(Request, frozen=True):
    """Let the agent hear that the customer's phone rings."""


class StopRingback(Request, frozen=True):
    """The customer answered: no more ringback."""


class PlayTone(Request, frozen=True):
    """Play a tone of Asterisk's indications (`busy`, `congestion`) to the agent."""

    tone: str


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
    """Send these DTMF digits to the customer's side."""

    digits: str


class HangUpLeg(Request, frozen=True):
    """Remove the side's channel."""

    role: Role


class DestroyBridge(Request, frozen=True):
    """Remove the bridge, after its channels."""
