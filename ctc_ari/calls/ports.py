"""What the desk needs of the world: a telephone exchange, a store, and somebody to tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from ctc_ari.calls.effects import Request
from ctc_ari.calls.inputs import Input, Observed
from ctc_ari.calls.model import Call, Contact

__all__ = ["NOT_SENT", "CallStore", "Feed", "Happening", "Listener", "Replied", "Snapshot", "Telephony"]

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


#: Must not block and must not raise.
Listener = Callable[[Happening], None]


class Snapshot(msgspec.Struct, frozen=True):
    """What a node has, listed after its connection came up."""

    node: str
    asterisk_started: str
    #: Call id -> what there is of it; a call that is not named has nothing.
    calls: Mapping[str, Observed]


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

    def discard(self, call_id: str) -> None:
        """Remove whatever there is of a call that nobody knows."""
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

    def save(self, call: Call, happenings: Sequence[Happening], *, urgent: bool = False) -> None:
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


#: Feeds an input to the call with that id.
Feed = Callable[[str, Input], None]
