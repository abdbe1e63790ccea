"""What a call is, and who has to do with it: frozen data, shared by the engine, the store and the edges."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

from ctc_ari.calls.ids import bridge_id
from ctc_ari.calls.leg import NO_LEG, Device, Leg, Role

__all__ = [
    "Agent",
    "Call",
    "CallState",
    "Contact",
    "EndReason",
    "EndedBy",
    "Phase",
    "RecordingState",
    "Supervisor",
    "SupervisorMode",
    "Target",
    "Transfer",
    "TransferMode",
    "TransferState",
]

RecordingState = Literal["off", "on", "paused"]
#: Who or what ended the call.
EndedBy = Literal["agent", "customer", "target", "api", "limit", "system"]
TransferMode = Literal["blind", "attended"]
#: `ringing`: the target's phone; `talking`: the agent consults; then one of the three outcomes.
TransferState = Literal["ringing", "talking", "completed", "cancelled", "failed"]
SupervisorMode = Literal["listen", "whisper", "barge"]


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
    #: Somebody calls: the phones of the agent whose turn it is ring.
    OFFERED = "offered"
    RINGING_AGENT = "ringing_agent"
    RINGING_CUSTOMER = "ringing_customer"
    TALKING = "talking"
    #: Blind transfer: the target's phone rings, and the customer hears that.
    TRANSFERRING = "transferring"
    #: Attended transfer: the customer hears music, the agent talks with the target or waits for it.
    CONSULTING = "consulting"
    #: The target could not be had and the agent has hung up: her phone rings again.
    RECALLING = "recalling"
    #: The other side could not be had; who waits hears why.
    ANNOUNCING = "announcing"
    #: The outcome is final; channels and bridge are being removed.
    ENDING = "ending"
    ENDED = "ended"


_PUBLIC = {
    Phase.PLACING: CallState.RINGING_AGENT,
    Phase.OFFERED: CallState.RINGING_AGENT,
    Phase.RINGING_AGENT: CallState.RINGING_AGENT,
    Phase.RINGING_CUSTOMER: CallState.RINGING_CUSTOMER,
    Phase.ANNOUNCING: CallState.RINGING_CUSTOMER,
    Phase.TALKING: CallState.TALKING,
    Phase.TRANSFERRING: CallState.TALKING,
    Phase.CONSULTING: CallState.TALKING,
    Phase.RECALLING: CallState.TALKING,
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
    company: str | None = None
    email: str | None = None
    #: Where more about her can be read.
    url: str | None = None


class Target(msgspec.Struct, frozen=True):
    """Where a call can be transferred to, or an inbound call can ring."""

    #: As it was asked for: e-mail, extension, or number in E.164.
    to: str
    endpoint: str
    #: Who answers there; without an e-mail it is nobody we know.
    agent: Agent
    #: A number outside, reached through the trunk.
    outside: bool = False


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to hand the customer over."""

    id: str
    mode: TransferMode
    target: Target
    state: TransferState = "ringing"
    #: Who asked for it: the API, or the keys of the agent's own phone.
    by: Literal["api", "phone"] = "api"
    #: Whom the agent talks with meanwhile.
    with_: Literal["target", "customer"] = "target"
    #: The call that the customer and the target will be, once this one has ended.
    successor: str
    ring_seconds: int
    #: The customer was taken out of the conversation for it.
    parked: bool = False
    #: The conversation was being recorded; an empty bridge cannot be.
    recorded: bool = False
    #: Why it came to nothing: `busy`, `no_answer`, `rejected`, `unreachable`, `failed`, `hangup`.
    reason: str | None = None
    started_at: float
    ended_at: float | None = None

    @property
    def open(self) -> bool:
        """Whether its outcome is still open."""
        return self.state in ("ringing", "talking")


class Supervisor(msgspec.Struct, frozen=True):
    """Somebody who listens to a call; `number` names the bridge that she has of her own."""

    id: str
    agent: Agent
    mode: SupervisorMode
    number: int


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call; `ids.py` names its parts in Asterisk. Times are Unix seconds, UTC."""

    id: str
    node: str
    #: The `linkedid` of its CDR and CEL rows.
    linkedid: str = ""
    #: The call that the customer was transferred from.
    transferred_from: str | None = None
    direction: Literal["outbound", "inbound", "internal"] = "outbound"
    phase: Phase = Phase.PLACING
    agent: Agent
    device: Device
    #: E.164, with `+`.
    number: str
    contact: Contact | None = None
    #: Whether the call was placed from that record, or it is who has the number.
    contact_by: Literal["record", "number"] | None = None
    agent_leg: Leg
    customer_leg: Leg
    #: Whatever other channels the call has at the moment.
    others: tuple[Leg, ...] = ()
    #: How many of these there ever were; each has an id of its own.
    others_made: int = 0
    #: The bridge in which the sides meet, when it is not named after this call.
    inherited_bridge: str | None = None
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
    #: Held by a key of the agent's phone, which alone can end that.
    held_by_phone: bool = False
    #: The device that is being rung to take the call over.
    moving_to: Device | None = None
    transfers: tuple[Transfer, ...] = ()
    supervisors: tuple[Supervisor, ...] = ()
    #: Inbound: the DID that was called, and the agents whose phones rang.
    did: str | None = None
    rung: tuple[str, ...] = ()
    #: Where its route goes on, and why nobody answered so far.
    route_position: int = 0
    refusal: EndReason | None = None
    recording: RecordingState = "off"
    #: How many recordings were begun; `recording_name` names each.
    recordings: int = 0
    created_at: float
    agent_answered_at: float | None = None
    answered_at: float | None = None
    #: When it was clear that there will be no conversation; whoever waits may hear why until the call ends.
    decided_at: float | None = None
    ended_at: float | None = None
    end_reason: EndReason | None = None
    ended_by: EndedBy | None = None
    #: Seconds for which the customer had nobody to talk with since the answer, and since when that is so again.
    waited: float = 0.0
    waiting_since: float | None = None
    #: We were away meanwhile: Asterisk's own records know better what happened when.
    interrupted: bool = False
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

    @property
    def bridge_id(self) -> str:
        """The bridge in which the sides meet."""
        return self.inherited_bridge or bridge_id(self.id)

    @property
    def transfer(self) -> Transfer | None:
        """The one under way, else the last one."""
        return self.transfers[-1] if self.transfers else None

    @property
    def side_bridges(self) -> tuple[int, ...]:
        """The numbers of the bridges in which supervisors listen."""
        return tuple(supervisor.number for supervisor in self.supervisors if supervisor.mode != "barge")

    @property
    def partner(self) -> Role | None:
        """Whom the agent hears; nobody: she waits, or whom she talked with does."""
        if self.phase is Phase.CONSULTING and self.transfers[-1].state == "talking":
            return self.transfers[-1].with_
        return "customer" if self.phase is Phase.TALKING and not self.on_hold else None

    @property
    def on_hold(self) -> bool:
        """Whether the customer hears music instead of the agent."""
        if self.phase is Phase.CONSULTING:
            return self.transfers[-1].with_ == "target"
        return self.held or self.held_by_phone

    @property
    def silenced(self) -> bool:
        """Whether nobody may hear the agent: she is muted, or held twice, by her phone and by the service."""
        return self.muted or (self.held and self.held_by_phone)

    @property
    def customer_waits(self) -> bool:
        """Whether somebody who was answered has nobody to talk with."""
        if self.answered_at is None or not self.live:
            return False
        parked = bool(self.transfers and self.transfers[-1].parked)
        match self.phase:
            case Phase.RECALLING:
                return True
            case Phase.TRANSFERRING:
                return parked or self.held_by_phone
            case Phase.CONSULTING:
                return (parked and self.transfers[-1].with_ == "target") or self.held_by_phone
            case _:
                return self.held or self.held_by_phone

    @property
    def missed(self) -> bool:
        """A caller to whom nobody talked."""
        return self.direction == "inbound" and self.answered_at is None and not self.live

    @property
    def occupies(self) -> tuple[str, ...]:
        """The agents who cannot be rung for another call meanwhile."""
        told_that_nobody_is_there = self.direction == "inbound" and self.phase is Phase.ANNOUNCING
        if not self.live or told_that_nobody_is_there:
            return ()
        transfer = self.transfers[-1] if self.transfers else None
        theirs = (transfer.target.agent.email,) if transfer and transfer.open else ()
        supervisors = (supervisor.agent.email for supervisor in self.supervisors)
        return tuple(email for email in (self.agent.email, *theirs, *supervisors) if email)

    def leg(self, role: Role) -> Leg:
        """The channel of that side; one that was never there has no name."""
        if role == "agent":
            return self.agent_leg
        if role == "customer":
            return self.customer_leg
        for leg in self.others:
            if leg.role == role:
                return leg
        return NO_LEG

    @property
    def legs(self) -> tuple[tuple[Role, Leg], ...]:
        """All channels with their roles."""
        return (("agent", self.agent_leg), ("customer", self.customer_leg), *((leg.role, leg) for leg in self.others))

    def role_of(self, channel: str) -> Role | None:
        """Whose channel that is."""
        for role, leg in self.legs:
            if leg.channel == channel:
                return role
        return None
