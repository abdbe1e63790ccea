"""A desk on an exchange and a store in memory, and a clock that a test sets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from ctc_ari.calls.commands import PlaceCall
from ctc_ari.calls.desk import Desk
from ctc_ari.calls.effects import (
    Music,
    Mute,
    RecordBridge,
    Request,
)
from ctc_ari.calls.ids import channel_id
from ctc_ari.calls.inputs import (
    LegAnswered,
    LegGone,
    LegReady,
    LegRinging,
)
from ctc_ari.calls.model import Phase
from ctc_ari.calls.ports import DialAnswered, Happening
from ctc_ari.config import Asterisk, Limits
from tests.calls.builders import ALICE, NOW, a_dialling
from tests.calls.fakes import FakeStore, FakeTelephony

__all__ = ["CLICK", "GENEROUS", "NUMBER", "OTHER", "Opener", "Room", "consulting", "turns"]

#: What Asterisk tells of the agent's or the customer's channel.
Told = LegReady | LegRinging | LegAnswered | LegGone
NUMBER = "+442079460001"
OTHER = "+442079460002"
CLICK = PlaceCall(ALICE, NUMBER)
GENEROUS = Limits(agent_calls_per_minute=1000, concurrent_calls=100, calls_per_second=1000, duplicate_window=10)


@dataclass
class Room:
    """A desk with its fakes and a clock that a test sets."""

    asterisk: Asterisk = field(default_factory=Asterisk)
    limits: Limits = GENEROUS
    routes: dict[str, str | list[str]] = field(default_factory=dict)
    now: float = NOW

    def __post_init__(self) -> None:
        self.story: list[str] = []
        self.heard: list[Happening] = []
        self.telephony = FakeTelephony(self.story)
        self.store = FakeStore(self.story)
        self.desk = Desk(
            self.telephony,
            self.store,
            asterisk=self.asterisk,
            dialling=a_dialling(self.routes),
            limits=self.limits,
            clock=lambda: self.now,
            listeners=(self.heard.append,),
        )

    async def call_in(self, phase: Phase, command: PlaceCall = CLICK) -> str:
        """Place a call and let it get as far as this phase; its id."""
        call_id = (await self.desk.place(command)).call.id
        await turns()
        ways: dict[Phase, list[Told]] = {
            Phase.RINGING_AGENT: [LegReady("customer"), LegRinging("agent")],
            Phase.RINGING_CUSTOMER: [LegAnswered("agent"), LegRinging("customer")],
            Phase.TALKING: [LegAnswered("customer")],
            Phase.ANNOUNCING: [LegGone("customer", 17, 486)],
        }
        order = [Phase.RINGING_AGENT, Phase.RINGING_CUSTOMER, phase]
        for step in dict.fromkeys(order[: order.index(phase) + 1]):
            for happened in ways[step]:
                self.tell(call_id, happened)
        await turns()
        assert (await self.desk.find(call_id)).phase is phase
        return call_id

    def tell(self, call_id: str, happened: Told) -> None:
        """Let the call's agent or customer, whichever the role names, tell this."""
        self.desk.hear(channel_id(call_id, "agent" if happened.role == "agent" else "customer"), happened)

    async def end(self, call_id: str) -> None:
        """Hang up, and let both channels go."""
        await self.desk.hang_up(call_id)
        for role in ("agent", "customer"):
            self.tell(call_id, LegGone(role))
        await turns()

    def events(self, call_id: str) -> list[str]:
        return [happening.event for happening in self.heard if happening.call.id == call_id]

    def controls(self) -> list[Request]:
        return [request for _, request in self.telephony.requests if isinstance(request, Mute | Music | RecordBridge)]


async def turns(count: int = 5) -> None:
    """Let the loop go round: what was answered is handled."""
    for _ in range(count):
        await asyncio.sleep(0)


Opener = Callable[..., Room]


async def consulting(room: Room, *, answered: bool = True) -> str:
    """Alice consults Bob; her call's id."""
    call_id = await room.call_in(Phase.TALKING)
    await room.desk.transfer(call_id, "bob@example.com", "attended")
    room.desk.hear(f"{call_id}.x001", LegReady(""))
    if answered:
        room.desk.hear(f"{call_id}.x001", DialAnswered())
    await turns()
    return call_id
