"""One placed call as the phones saw it, and the clocks around it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Protocol

import aiohttp
from aiohttp.tracing import TraceConfig

from .legs import Leg
from .stage import INSTANT_PREFIX, LEAVING_NUMBER, RINGING_PREFIX, STAYING_NUMBER, Stage

__all__ = ["Order", "Outcome", "System", "outcomes", "sending_clock"]


@dataclass
class Order:
    """A call to be placed: which agent, which number."""

    agent: str
    number: str
    #: Just before the request was written, Unix seconds.
    sent: float = 0.0
    #: Seconds until its answer was there.
    took: float = 0.0
    status: int = 0
    retry_after: str | None = None
    call_id: str = ""

    @classmethod
    def make(cls, slot: int, *, rings: bool, stays: bool = False) -> Order:
        """`rings`: the agent lets it ring first. `stays`: the customer does not hang up."""
        prefix = RINGING_PREFIX if rings else INSTANT_PREFIX
        return cls(f"{prefix}{slot:04}", f"{STAYING_NUMBER if stays else LEAVING_NUMBER}{slot:03}")


class System(Protocol):
    """What is measured."""

    name: str

    async def place(self, order: Order) -> None:
        """Send the request that starts the call, and fill in what came of it."""
        ...


@dataclass(frozen=True)
class Outcome:
    """An order and its two legs; a leg that never was is None."""

    order: Order
    agent: Leg | None
    customer: Leg | None

    @property
    def connected(self) -> bool:
        """Both phones answered, and know that the other side knows."""
        return bool(self.agent and self.agent.connected and self.customer and self.customer.connected)

    @property
    def complete(self) -> bool:
        """The customer hung up, and the agent was released for it."""
        return bool(self.connected and self.agent and self.agent.released and self.customer and self.customer.over)

    @property
    def click_to_agent(self) -> float | None:
        """From the request to the agent's INVITE."""
        return self.agent.invited - self.order.sent if self.agent else None

    @property
    def answer_to_customer(self) -> float | None:
        """From the agent's 200 OK to the customer's INVITE."""
        if self.agent and self.agent.answered and self.customer:
            return self.customer.invited - self.agent.answered
        return None

    @property
    def click_to_connected(self) -> float | None:
        """From the request to the later of both ACKs."""
        if self.agent and self.agent.connected and self.customer and self.customer.connected:
            return max(self.agent.connected, self.customer.connected) - self.order.sent
        return None


def outcomes(stage: Stage, orders: list[Order]) -> list[Outcome]:
    """Each order with its legs, found by the agent's user and the customer's number; they are in the same order."""
    agents, customers = stage.agents.log.by_user(), stage.customers.log.by_user()
    for legs in (*agents.values(), *customers.values()):
        legs.sort(key=lambda leg: -leg.invited)
    found = []
    for order in orders:
        if order.status >= 300:
            found.append(Outcome(order, None, None))
            continue
        mine, theirs = agents.get(order.agent), customers.get(order.number)
        found.append(Outcome(order, mine.pop() if mine else None, theirs.pop() if theirs else None))
    return found


def sending_clock() -> TraceConfig:
    """Stamps an Order passed as `trace_request_ctx` when its connection was chosen and nothing is written yet."""

    async def about_to_write(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: object) -> None:
        order = context.trace_request_ctx
        if isinstance(order, Order):
            order.sent = time.time()

    config = TraceConfig()
    config.on_connection_reuseconn.append(about_to_write)
    config.on_connection_create_end.append(about_to_write)
    return config
