"""What a call is: frozen data, shared by the engine, the store and the edges."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

__all__ = [
    "Agent",
    "Call",
    "CallState",
    "Contact",
    "Device",
    "EndReason",
    "EndedBy",
    "Leg",
    "LegStage",
    "Phase",
    "RecordingState",
    "Role",
    "bridge_id",
    "channel_id",
    "owner_of",
    "recording_name",
]

Device = Literal["desk", "web"]
#: Which of the call's channels is meant.
Role = Literal["agent", "customer"]
RecordingState = Literal["off", "on", "paused"]
#: Who or what ended the call.
EndedBy = Literal["agent", "customer", "api", "limit", "system"]


class CallState(StrEnum):
    """What the outside sees of a call's progress."""

    RINGING_AGENT = "ringing_agent"
    RINGING_CUSTOMER = "ringing_customer"
    TALKING = "talking"
    ENDED = "ended"


class Phase(StrEnum):
    """Where the engine stands; finer than CallState."""

    #: Its row is being committed; nothing rings.
    PLACING = "placing"
    RINGING_AGENT = "ringing_agent"
    RINGING_CUSTOMER = "ringing_customer"
    TALKING = "talking"
    #: The customer could not be had; the agent hears why.
    ANNOUNCING = "announcing"
    #: The outcome is final; channels and bridge are being removed.
    ENDING = "ending"
    ENDED = "ended"


_PUBLIC = {
    Phase.PLACING: CallState.RINGING_AGENT,
    Phase.RINGING_AGENT: CallState.RINGING_AGENT,
    Phase.RINGING_CUSTOMER: CallState.RINGING_CUSTOMER,
    Phase.ANNOUNCING: CallState.RINGING_CUSTOMER,
    Phase.TALKING: CallState.TALKING,
    Phase.ENDING: CallState.ENDED,
    Phase.ENDED: CallState.ENDED,
}


class EndReason(StrEnum):
    """Why a call ended; fixed by the contract."""

    COMPLETED = "completed"
    AGENT_NO_ANSWER = "agent_no_answer"
    AGENT_BUSY = "agent_busy"
    AGENT_REJECTED = "agent_rejected"
    AGENT_HANGUP = "agent_hangup"
    CUSTOMER_BUSY = "customer_busy"
    CUSTOMER_NO_ANSWER = "customer_no_answer"
    CUSTOMER_REJECTED = "customer_rejected"
    CUSTOMER_HANGUP = "customer_hangup"
    UNREACHABLE = "unreachable"
    TRANSFERRED = "transferred"
    CANCELLED = "cancelled"
    FAILED = "failed"
    LOST = "lost"


class LegStage(StrEnum):
    """How far one channel has come."""

    ABSENT = "absent"
    CREATING = "creating"
    #: In our Stasis application, not dialled: only now may it be dialled or bridged.
    READY = "ready"
    DIALING = "dialing"
    RINGING = "ringing"
    UP = "up"
    GONE = "gone"


class Leg(msgspec.Struct, frozen=True):
    """One channel of a call and the endpoint it is dialled at."""

    channel: str
    endpoint: str
    stage: LegStage = LegStage.ABSENT

    @property
    def exists(self) -> bool:
        """Whether Asterisk has, or may have, this channel."""
        return self.stage not in (LegStage.ABSENT, LegStage.GONE)


class Agent(msgspec.Struct, frozen=True):
    """A person who takes and makes calls, as the directory knows her."""

    email: str
    name: str = ""
    extension: str | None = None
    desk_endpoint: str | None = None
    #: A fixed SIP URI, for a phone that does not register.
    contact: str | None = None
    #: What customers see; E.164, `+` optional.
    caller_id: str | None = None
    device: Device = "desk"
    auto_answer: bool = False


class Contact(msgspec.Struct, frozen=True):
    """The customer's record, as far as a call shows it."""

    id: str
    name: str


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call; `channel_id` and `bridge_id` name its parts in Asterisk. Times are Unix seconds, UTC."""

    id: str
    node: str
    direction: Literal["outbound", "inbound", "internal"] = "outbound"
    phase: Phase = Phase.PLACING
    agent: Agent
    device: Device
    #: E.164, with `+`.
    number: str
    contact: Contact | None = None
    agent_leg: Leg
    customer_leg: Leg
    #: The bridge was asked for and has to be removed at the end.
    bridge: bool = False
    #: When Asterisk started, in its own words: channels of an earlier start are gone.
    asterisk_started: str = ""
    #: The row is committed; before that nothing may ring.
    stored: bool = False
    agent_ring_timeout: int
    customer_ring_timeout: int
    max_seconds: int
    muted: bool = False
    held: bool = False
    recording: RecordingState = "off"
    #: How many recordings were begun; `recording_name` names each.
    recordings: int = 0
    created_at: float
    agent_answered_at: float | None = None
    answered_at: float | None = None
    ended_at: float | None = None
    end_reason: EndReason | None = None
    ended_by: EndedBy | None = None
    #: When the engine wants to be woken if nothing happens before.
    deadline: float | None = None

    @property
    def state(self) -> CallState:
        """What the outside sees."""
        return _PUBLIC[self.phase]

    @property
    def live(self) -> bool:
        """Whether its outcome is still open."""
        return self.state is not CallState.ENDED

    def leg(self, role: Role) -> Leg:
        """The channel of that side."""
        return self.agent_leg if role == "agent" else self.customer_leg


_CUSTOMER_SUFFIX = ".c"
_BRIDGE_SUFFIX = ".b"


def channel_id(call_id: str, role: Role) -> str:
    """The agent's channel carries the call's own id, so that it is the `linkedid` of every CDR and CEL row."""
    return call_id if role == "agent" else call_id + _CUSTOMER_SUFFIX


def bridge_id(call_id: str) -> str:
    """The id of the bridge in which both sides meet."""
    return call_id + _BRIDGE_SUFFIX


def recording_name(call_id: str, number: int) -> str:
    """What Asterisk calls the call's recording of this number, from 1."""
    return f"{call_id}-{number}"


def owner_of(asterisk_id: str) -> tuple[str, Role | Literal["bridge"]]:
    """The call that a channel's or bridge's id belongs to, and its part in it."""
    if asterisk_id.endswith(_CUSTOMER_SUFFIX):
        return asterisk_id.removesuffix(_CUSTOMER_SUFFIX), "customer"
    if asterisk_id.endswith(_BRIDGE_SUFFIX):
        return asterisk_id.removesuffix(_BRIDGE_SUFFIX), "bridge"
    return asterisk_id, "agent"
