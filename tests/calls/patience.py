"""What must never be however calls go: somebody alone or waiting for ever, or hearing what he should not."""

from __future__ import annotations

from collections.abc import Iterable

from ctc_ari.calls.leg import Role
from ctc_ari.calls.model import Call, Phase
from tests.calls.switchboard import Channel, Switchboard

__all__ = ["Patience", "assert_heard"]

#: Seconds somebody may be alone in a bridge: a tone, and hanging up tried twice.
ALONE_SECONDS = 5.0
#: Seconds somebody on the line may have nobody to talk to: two phones rung in vain, one after the other, and grace.
WAITING_SECONDS = 2 * (45.0 + 2.0) + 2 * ALONE_SECONDS


class Patience:
    """For how long each has been alone in a bridge, or on the line with nobody to talk to."""

    def __init__(self) -> None:
        self._alone: dict[str, float] = {}
        self._waiting: dict[str, float] = {}

    def measure(self, exchange: Switchboard, calls: Iterable[Call], now: float) -> None:
        """Time spent without a connection is nobody's fault."""
        alone = {name for members in exchange.bridges.values() if len(members) == 1 for name in members}
        waiting = {name for name, channel in exchange.channels.items() if channel.state == "up"}
        for members in exchange.bridges.values():
            company = {name for name in members if exchange.channels[name].state == "up"}
            waiting -= company if len(company) > 1 else set()
        for call in calls:
            if call.phase is Phase.CONSULTING and call.transfers[-1].state == "talking":
                waiting -= {leg.channel for _, leg in call.legs}
        self._alone = {name: self._alone.get(name, now) for name in alone if exchange.connected}
        self._waiting = {name: self._waiting.get(name, now) for name in waiting if exchange.connected}
        for name, since in self._alone.items():
            assert now - since <= ALONE_SECONDS, f"{name} is alone in a bridge"
        for name, since in self._waiting.items():
            assert now - since <= WAITING_SECONDS, f"{name} waits for nobody"


def assert_heard(exchange: Switchboard, call: Call) -> None:
    """Who talks hears the other, and who waits hears that; only when nothing is on its way."""
    customer = exchange.channels.get(call.customer_leg.channel)
    if customer is None or call.answered_at is None:
        return
    inside = exchange.bridges.get(call.bridge_id, set())
    told = f"{call.phase} {[(role, str(leg.stage)) for role, leg in call.legs]} in {inside}: {customer}"

    def within(*roles: Role) -> bool:
        return {call.leg(role).channel for role in roles} <= inside

    match call.phase:
        case Phase.TALKING:
            assert within("agent", "customer"), told
            _assert_talking(call, exchange.channels[call.agent_leg.channel], customer, told)
        case Phase.TRANSFERRING if call.transfers[-1].parked:
            assert not within("customer"), told
            assert not (call.agent_leg.exists and within("agent")), told
            assert (customer.ringback, customer.music, customer.muted) == (True, False, False), told
        case Phase.RECALLING:
            assert not within("customer"), told
            assert (customer.ringback, customer.music, customer.muted) == (True, False, False), told
        case Phase.CONSULTING if call.transfers[-1].parked:
            transfer = call.transfers[-1]
            waiting = "customer" if transfer.with_ == "target" else "target"
            assert within("second" if call.leg("second").exists else "agent", transfer.with_), told
            assert not within(waiting), told
            assert exchange.channels[call.leg(waiting).channel].music, told


def _assert_talking(call: Call, agent: Channel, customer: Channel, told: str) -> None:
    assert not customer.ringback, told
    assert not agent.ringback, told
    if call.held or not (call.held_by_phone or agent.holds):
        #: That her phone holds may have been told while nobody listened.
        assert customer.music == call.held, told
    assert customer.muted == call.held, told
    assert agent.muted == call.silenced, told
