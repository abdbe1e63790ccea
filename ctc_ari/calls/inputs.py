"""What can happen to a call: everything the engine is ever told."""

from __future__ import annotations

import msgspec

from ctc_ari.calls.effects import Request
from ctc_ari.calls.leg import Device, LegStage, Role
from ctc_ari.calls.model import Agent, Contact, EndedBy, RecordingState, SupervisorMode, Target, TransferMode

__all__ = [
    "AgentFound",
    "CancelTransfer",
    "CompleteTransfer",
    "DeadlinePassed",
    "HangUp",
    "Input",
    "LegAnswered",
    "LegDialed",
    "LegGone",
    "LegHeld",
    "LegReady",
    "LegRinging",
    "MoveTo",
    "NobodyFound",
    "Observed",
    "PhoneJoins",
    "PhoneTransfers",
    "RequestFailed",
    "SecondCall",
    "SendDtmf",
    "SetHeld",
    "SetMuted",
    "SetRecording",
    "ShowCallerId",
    "StartTransfer",
    "StopSupervising",
    "StoreFailed",
    "Stored",
    "Supervise",
    "SwapTransfer",
]


class Input(msgspec.Struct, frozen=True):
    """Something that happened."""


class Stored(Input, frozen=True):
    """The call's row is committed; `contact` is the record its number belongs to."""

    contact: Contact | None = None


class StoreFailed(Input, frozen=True):
    """The row could not be committed: nothing may ring."""


class LegReady(Input, frozen=True):
    """A created channel entered our Stasis application."""

    role: Role


class LegDialed(Input, frozen=True):
    """Asterisk took the request to ring this phone; its INVITE is on its way."""

    role: Role


class LegRinging(Input, frozen=True):
    """The phone reports that it rings (SIP 180)."""

    role: Role


class LegAnswered(Input, frozen=True):
    """The phone was answered."""

    role: Role


class LegGone(Input, frozen=True):
    """The channel no longer exists; `cause` is its Q.850 cause, `sip_status` the final SIP answer, where known."""

    role: Role
    cause: int | None = None
    sip_status: int | None = None


class LegHeld(Input, frozen=True):
    """The phone's own hold key was pressed, or pressed again (ChannelHold, ChannelUnhold)."""

    role: Role
    on: bool


class RequestFailed(Input, frozen=True):
    """Asterisk refused a request with this HTTP status; None: no answer came in time."""

    request: Request
    status: int | None = None


class HangUp(Input, frozen=True):
    """Somebody outside the phones wants the call to end."""

    by: EndedBy = "api"


class ShowCallerId(Input, frozen=True):
    """What the customer is to see of this call, E.164; too late once a phone rings."""

    number: str


class SetMuted(Input, frozen=True):
    """The agent wants her microphone off, or on."""

    on: bool


class SetHeld(Input, frozen=True):
    """The agent wants the customer on hold, or back."""

    on: bool


class SetRecording(Input, frozen=True):
    """The agent wants the call recorded, the recording paused, or ended."""

    to: RecordingState


class SendDtmf(Input, frozen=True):
    """The agent presses keys; digits are 0-9, A-D, * and #."""

    digits: str


class StartTransfer(Input, frozen=True):
    """The agent wants the customer to be handed over; `successor` is the id of the call that comes of it."""

    mode: TransferMode
    target: Target
    successor: str
    ring_seconds: int


class CompleteTransfer(Input, frozen=True):
    """The agent leaves; the customer and the target are connected."""


class CancelTransfer(Input, frozen=True):
    """The target is released; the customer is back with the agent."""


class SwapTransfer(Input, frozen=True):
    """The agent talks with the other one of the two, and this one hears music."""


class PhoneTransfers(Input, frozen=True):
    """The agent's phone sent REFER: a blind transfer to what was dialled; without `start` that cannot be called."""

    role: Role
    to: str = ""
    start: StartTransfer | None = None


class PhoneJoins(Input, frozen=True):
    """The agent's phone sent REFER with Replaces on this of its two calls: their far ends are to be connected."""

    role: Role


class SecondCall(Input, frozen=True):
    """The agent dials somebody on her phone while the customer is on hold there: she consults."""

    channel: str
    start: StartTransfer


class MoveTo(Input, frozen=True):
    """The agent wants the call on her other device; `again`: on the one that has it, which lost its sound."""

    device: Device
    endpoint: str
    again: bool = False


class Supervise(Input, frozen=True):
    """Somebody with that right wants to listen; again with another mode: to change it."""

    id: str
    agent: Agent
    endpoint: str
    mode: SupervisorMode


class StopSupervising(Input, frozen=True):
    """The supervisor leaves."""

    id: str


class AgentFound(Input, frozen=True):
    """The next of the route who can be rung: her phones, and where the route goes on after her."""

    agent: Agent
    endpoints: tuple[str, ...]
    next: int


class NobodyFound(Input, frozen=True):
    """The route is at its end; `busy` when somebody in it has another call."""

    busy: bool = False


class DeadlinePassed(Input, frozen=True):
    """The call's deadline is over."""


class Observed(Input, frozen=True):
    """What Asterisk really has of this call, listed after a connection came up.

    A stage of None, or none at all in `others`: there is no such channel. `bridged`: the roles found inside the call's
    bridge. `asterisk_started` tells whether it is still the Asterisk that the call was placed on.
    """

    agent: LegStage | None
    customer: LegStage | None
    bridge: bool
    bridged: frozenset[Role]
    asterisk_started: str
    others: dict[Role, LegStage] = {}

    def stage(self, role: Role) -> LegStage | None:
        """What there is of that channel."""
        match role:
            case "agent":
                return self.agent
            case "customer":
                return self.customer
        return self.others.get(role)
