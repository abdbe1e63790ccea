"""What can happen to a call: everything the engine is ever told."""

from __future__ import annotations

import msgspec

from ctc_ari.calls.effects import Request
from ctc_ari.calls.model import Contact, EndedBy, LegStage, RecordingState, Role

__all__ = [
    "DeadlinePassed",
    "HangUp",
    "Input",
    "LegAnswered",
    "LegDialed",
    "LegGone",
    "LegReady",
    "LegRinging",
    "Observed",
    "RequestFailed",
    "SendDtmf",
    "SetHeld",
    "SetMuted",
    "SetRecording",
    "StoreFailed",
    "Stored",
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


class RequestFailed(Input, frozen=True):
    """Asterisk refused a request with this HTTP status; None: no answer came in time."""

    request: Request
    status: int | None = None


class HangUp(Input, frozen=True):
    """Somebody outside the phones wants the call to end."""

    by: EndedBy = "api"


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


class DeadlinePassed(Input, frozen=True):
    """The call's deadline is over."""


class Observed(Input, frozen=True):
    """What Asterisk really has of this call, listed after a connection came up.

    A stage of None: there is no such channel. `bridged`: the roles found inside the call's bridge.
    `asterisk_started` tells whether it is still the Asterisk that the call was placed on.
    """

    agent: LegStage | None
    customer: LegStage | None
    bridge: bool
    bridged: frozenset[Role]
    asterisk_started: str
