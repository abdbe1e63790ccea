"""An exchange and a store that keep everything in memory, and fail or hesitate when they are told to."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ctc_ari.calls.effects import Request
from ctc_ari.calls.model import Call, Contact
from ctc_ari.calls.ports import Happening, Replied
from ctc_ari.errors import AgentBusy

__all__ = ["FakeStore", "FakeTelephony"]


class FakeTelephony:
    """Answers every request a moment later; `status` says how, by kind of request."""

    node = "pbx1"
    app = "ctc"
    started = "once"

    def __init__(self, story: list[str]) -> None:
        self.connected = True
        self.behind = 0.0
        #: Answered with 204 if not named here.
        self.status: dict[type[Request], int | None] = {}
        #: While set, nothing is answered by itself; see `answer`.
        self.hesitates = False
        self.requests: list[tuple[str, Request]] = []
        self.discarded: list[str] = []
        #: Channels that the dialplan goes on with.
        self.left: list[str] = []
        self._story = story
        self._open: list[tuple[Request, Replied]] = []

    def perform(self, call: Call, requests: Sequence[Request], replied: Replied) -> None:
        """Remember the requests in this order, and answer them in this order."""
        for request in requests:
            self.requests.append((call.id, request))
            self._story.append(type(request).__name__)
            self._open.append((request, replied))
        if not self.hesitates:
            asyncio.get_running_loop().call_soon(self.answer)

    def answer(self, count: int | None = None) -> None:
        """Answer the oldest open requests, all if no count is given."""
        now, self._open = self._open[:count], self._open[count:] if count is not None else []
        for request, replied in now:
            replied(request, self.status.get(type(request), 204))

    def discard(self, channels: Sequence[str], bridges: Sequence[str] = ()) -> None:
        """Remember what was thrown away."""
        self.discarded += [*channels, *bridges]

    def leave(self, channel: str) -> None:
        """Remember what was left to the dialplan."""
        self.left.append(channel)

    def asked(self, kind: type[Request]) -> list[str]:
        """The calls for which this was asked."""
        return [call_id for call_id, request in self.requests if isinstance(request, kind)]


def _clicked(call: Call) -> bool:
    return call.live and call.direction == "outbound" and not call.transferred_from


class FakeStore:
    """Rows and journal in dictionaries; `failure` is raised by `add`, `gate` holds it up."""

    def __init__(self, story: list[str]) -> None:
        self.writable = True
        self.failure: BaseException | None = None
        self.gate: asyncio.Event | None = None
        self.contact: Contact | None = None
        self.rows: dict[str, Call] = {}
        self.journal: list[Happening] = []
        #: Every save: the call, and whether it was urgent.
        self.saves: list[tuple[Call, bool]] = []
        self.live: list[tuple[Call, int]] = []
        self._story = story

    async def add(self, call: Call) -> Contact | None:
        """Commit it a turn of the loop later, when the gate is open."""
        await asyncio.sleep(0)
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        if _clicked(call) and any(_clicked(row) and row.agent == call.agent for row in self.rows.values()):
            raise AgentBusy
        self.rows[call.id] = call
        self._story.append("committed")
        return self.contact

    def save(self, call: Call, happenings: Sequence[Happening], *, urgent: bool = False, wished: bool = False) -> None:
        """Keep the newest state."""
        self.rows[call.id] = call
        self.journal.extend(happenings)
        self.saves.append((call, urgent))

    async def load_live(self, node: str) -> list[tuple[Call, int]]:
        """What a test put there."""
        return [(call, seq) for call, seq in self.live if call.node == node]

    async def load_recent(self, node: str, since: float) -> list[Call]:
        """Ended calls of that node."""
        return [row for row in self.rows.values() if row.node == node and not row.live and row.created_at >= since]

    async def find(self, call_id: str) -> Call | None:
        """As last saved."""
        return self.rows.get(call_id)
