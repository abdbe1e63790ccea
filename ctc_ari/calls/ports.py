"""What the desk needs of the world: a telephone exchange, a store, and somebody to tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from ctc_ari.calls.effects import Request
from ctc_ari.calls.inputs import Input
from ctc_ari.calls.leg import LegStage
from ctc_ari.calls.model import Call, Contact
from ctc_ari.log.row import LogRow

__all__ = [
    "NOT_SENT",
    "Arrived",
    "CallStore",
    "DialAnswered",
    "Feed",
    "Happening",
    "Heard",
    "Left",
    "Listener",
    "Logged",
    "Referred",
    "Replied",
    "Snapshot",
    "Telephony",
]

#: A status that says that the request never left: Asterisk knows nothing of it.
NOT_SENT = 503
#: Told of every answer: the request and its HTTP status, None when no answer came in time.
Replied = Callable[[Request, int | None], None]


class Happening(msgspec.Struct, frozen=True):
    """Something that is told to listeners and kept in the journal; `at` is Unix time in seconds."""

    call: Call
    event: str
    at: float
    #: Its position in the call's journal, from 1.
    seq: int
    #: The only agent it concerns; None: whoever has to do with the call.
    to: str | None = None

    @property
    def call_id(self) -> str:
        """Whose journal that is."""
        return self.call.id

    @property
    def audience(self) -> tuple[str, ...]:
        """The agents who are told."""
        if self.to is not None:
            return (self.to,)
        transfer = self.call.transfer
        if transfer and transfer.target.agent.email and self.event.startswith("call.transfer_"):
            return self.call.agent.email, transfer.target.agent.email
        return (self.call.agent.email,)


class Logged(msgspec.Struct, frozen=True):
    """A call's row in the log is written: final, complete, told once; `call_id` and `seq` place it in the journal."""

    row: LogRow
    call_id: str
    #: Unix seconds.
    at: float
    seq: int
    event: str = "call.logged"

    @property
    def audience(self) -> tuple[str, ...]:
        """The agents who are told: all whose call it was."""
        return self.row.agent_emails


#: Must not block and must not raise.
Listener = Callable[[Happening], None]


class Arrived(msgspec.Struct, frozen=True):
    """The dialplan handed us a channel that we did not make: a caller, or a call dialled on a phone."""

    channel: str
    kind: Literal["inbound", "dialled"]
    #: What was called: a DID, or whatever the agent dialled.
    dialled: str
    #: Who calls, as the carrier or the phone says; empty when that is withheld.
    number: str = ""
    name: str = ""
    #: The phone's endpoint, as in `PJSIP/1001`.
    endpoint: str = ""


class Referred(msgspec.Struct, frozen=True):
    """A phone asked for a transfer by its own keys (RFC 3515): to `to`, or of its two calls to each other."""

    to: str
    #: The other call of that phone; None: a blind transfer.
    other: str | None = None
    #: It named another call (RFC 3891, Replaces), and there is none.
    lost: bool = False


class DialAnswered(msgspec.Struct, frozen=True):
    """A dialled channel was answered; one that was originated comes to the application a moment later."""


class Left(msgspec.Struct, frozen=True):
    """A channel has left the application; right after that it is told that the channel is gone, and why."""


#: What a channel can tell; an input's role is filled in by the desk, which knows whose channel it is.
Heard = Input | Arrived | Referred | DialAnswered | Left


class Snapshot(msgspec.Struct, frozen=True):
    """What a node has, listed after its connection came up."""

    node: str
    asterisk_started: str
    #: Channels of ours, by our ids or in our application, and how far they have come.
    channels: Mapping[str, LegStage]
    #: Our bridges and the channels in them.
    bridges: Mapping[str, frozenset[str]]


class Telephony(Protocol):
    """One Asterisk node."""

    @property
    def node(self) -> str:
        """Its name in the configuration."""
        ...

    @property
    def app(self) -> str:
        """The Stasis application's name; call ids start with it, so that ours are told from other channels."""
        ...

    @property
    def connected(self) -> bool:
        """Whether calls can be placed: the event socket is up, ours, and reconciled."""
        ...

    @property
    def behind(self) -> float:
        """For how many seconds the oldest unanswered request has been waiting."""
        ...

    @property
    def started(self) -> str:
        """When this Asterisk started, in its own words."""
        ...

    def perform(self, call: Call, requests: Sequence[Request], replied: Replied) -> None:
        """Carry the requests out in this order. Does not block; `replied` is called once for each."""
        ...

    def discard(self, channels: Sequence[str], bridges: Sequence[str] = ()) -> None:
        """Remove channels and bridges of ours that belong to no call."""
        ...

    def leave(self, channel: str) -> None:
        """Let the dialplan go on with a channel that it handed to us."""
        ...


class CallStore(Protocol):
    """The rows of calls and their journal."""

    @property
    def writable(self) -> bool:
        """Whether the last attempt to write succeeded."""
        ...

    async def add(self, call: Call) -> Contact | None:
        """Commit a new call; returns the contact its number belongs to.

        Raises AgentBusy when the agent has a live call already, DatabaseUnreachable.
        """
        ...

    def save(self, call: Call, happenings: Sequence[Happening], *, urgent: bool = False, wished: bool = False) -> None:
        """Write this state, at once or within moments, in order; kept and tried again while the database is away."""
        ...

    async def load_live(self, node: str) -> list[tuple[Call, int]]:
        """The calls of this node whose outcome was open when they were last written, each with its journal's last seq.

        Raises DatabaseUnreachable.
        """
        ...

    async def load_recent(self, node: str, since: float) -> list[Call]:
        """Ended calls created since. Raises DatabaseUnreachable."""
        ...

    async def find(self, call_id: str) -> Call | None:
        """Any call. Raises DatabaseUnreachable."""
        ...


#: Takes what a channel told.
Feed = Callable[[str, Heard], None]
