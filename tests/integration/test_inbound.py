"""Customers who call in, on real phones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from ctc_ari.config import RingTimeout
from tests import phones
from tests.integration.talk import AGENT, COLLEAGUE, CUSTOMER, PATIENCE, hear_each_other, hears
from tests.integration.world import STAND_IN, Exchange, World, at_once, email, number, world
from tests.store import databases

OWN, BOTH, BUSY_FIRST, NOBODY, AWAY, EXTENSION, MANY = (f"+4420794607{digits}" for digits in range(10, 17))
ROUTES: dict[str, str | list[str]] = {
    OWN: email("speaks"),
    BOTH: [email("speaks"), email("helps")],
    BUSY_FIRST: [email("busy"), email("declines"), email("helps")],
    NOBODY: [email("rings"), email("rings2")],
    AWAY: [email("registers"), email("helps")],
    EXTENSION: "2000",
    MANY: email("both"),
}


@dataclass
class Desk:
    """A service with routes, two agents at their phones, and a customer who can call."""

    world: World
    agent: phones.Baresip
    colleague: phones.Baresip
    customer: phones.Baresip

    async def dial(self, did: str) -> str:
        """The customer calls; the id of that call."""
        before = {happening.call.id for happening in self.world.heard}
        await self.customer.dial(self.world.exchange.did(did))
        async with asyncio.timeout(PATIENCE):
            while True:
                for happening in self.world.heard:
                    if happening.call.id not in before:
                        return happening.call.id
                await asyncio.sleep(0.01)

    async def talk(self, call_id: str) -> dict[str, Any]:
        return await self.world.until(call_id, "talking")

    def events(self, call_id: str) -> list[str]:
        return [happening.event for happening in self.world.heard if happening.call.id == call_id]


@asynccontextmanager
async def reception(pbx: Exchange, server: databases.Server, transport: str) -> AsyncIterator[Desk]:
    caller = number("answers").removeprefix("+")
    async with AsyncExitStack() as stack:
        agent, colleague, customer, desk = await at_once(
            stack,
            phones.baresip_phone("speaks", tone=AGENT),
            phones.baresip_phone("helps", tone=COLLEAGUE),
            phones.baresip_phone(caller, tone=CUSTOMER, port=pbx.callers[0], answer=True),
            world(
                pbx,
                server,
                app=pbx.config.asterisk.app,
                transport=transport,
                routes=ROUTES,
                ring_timeout=RingTimeout(agent=2, customer=3),
            ),
        )
        await desk.hire("speaks", agent.uri)
        await desk.hire("helps", colleague.uri)
        await desk.hire("rings2", f"sip:rings@127.0.0.1:{pbx.agents.port}")
        yield Desk(desk, agent, colleague, customer)
        await desk.hang_up_all()


@pytest.fixture
async def desk(transport: str, pbx: Exchange, server: databases.Server) -> AsyncIterator[Desk]:
    """Two agents at their phones, and a customer who may call."""
    async with reception(pbx, server, transport) as made:
        yield made


async def test_caller_rings_the_agent_who_is_told_who_it_is_before_she_answers(desk: Desk) -> None:
    call_id = await desk.dial(OWN)
    ringing = await desk.agent.wait_incoming()
    assert ringing.peer.startswith(f"sip:{number('answers')}@"), ringing.peer
    assert ringing.peer_name == "Grace Hopper"
    offered = [happening for happening in desk.world.heard if happening.event == "call.offered"][-1]
    assert offered.call.contact is not None
    assert (offered.call.id, offered.call.contact.name, offered.call.number) == (
        call_id,
        "Grace Hopper",
        number("answers"),
    )
    call = await desk.world.call(call_id)
    assert (call["direction"], call["state"], call["did"]) == ("inbound", "ringing_agent", OWN)
    assert call["answered_at"] is None
    await desk.agent.accept()
    call = await desk.talk(call_id)
    assert call["agent"]["email"] == email("speaks")
    await desk.customer.wait_established()
    await hear_each_other(desk.agent, desk.customer)
    await desk.customer.hang_up()
    call = await desk.world.until(call_id, "ended")
    assert (call["end_reason"], call["ended_by"], call["missed"]) == ("completed", "customer", False)
    await desk.agent.wait_closed()
    events = desk.events(call_id)
    assert events.index("call.offered") < events.index("call.agent_answered") < events.index("call.ended")


async def test_agent_who_does_not_answer_is_followed_by_the_next_in_the_route(desk: Desk) -> None:
    call_id = await desk.dial(BOTH)
    await desk.agent.wait_incoming()
    await desk.colleague.wait_incoming()
    await desk.agent.wait_closed()
    await desk.colleague.accept()
    call = await desk.talk(call_id)
    assert (call["agent"]["email"], call["rung"]) == (email("helps"), [email("speaks"), email("helps")])
    await hears(desk.colleague, CUSTOMER)
    await desk.colleague.hang_up()
    call = await desk.world.until(call_id, "ended")
    assert (call["end_reason"], call["ended_by"]) == ("completed", "agent")
    await desk.customer.wait_closed()


async def test_busy_and_rejecting_agents_are_passed_over(desk: Desk) -> None:
    call_id = await desk.dial(BUSY_FIRST)
    await desk.colleague.wait_incoming()
    await desk.colleague.accept()
    call = await desk.talk(call_id)
    assert call["rung"] == [email("busy"), email("declines"), email("helps")]


async def test_agent_whose_phone_is_not_registered_is_passed_over(desk: Desk) -> None:
    call_id = await desk.dial(AWAY)
    await desk.colleague.wait_incoming()
    await desk.colleague.accept()
    await desk.talk(call_id)


async def test_nobody_answers_and_the_caller_hears_a_message_and_a_missed_call_is_recorded(desk: Desk) -> None:
    call_id = await desk.dial(NOBODY)
    await desk.customer.wait_established()
    sound = await desk.customer.listen(2.0)
    assert sound.level > 0.005, "a voice"
    await desk.customer.wait_closed()
    call = await desk.world.until(call_id, "ended")
    assert (call["missed"], call["end_reason"]) == (True, "agent_no_answer")
    assert call["rung"] == [email("rings"), email("rings2")]
    assert call["contact"]["name"] == "Grace Hopper"


async def test_caller_who_gives_up_is_a_missed_call_and_the_phone_stops_ringing(desk: Desk) -> None:
    call_id = await desk.dial(OWN)
    await desk.agent.wait_incoming()
    await desk.customer.wait("CALL_RINGING")
    await desk.customer.hang_up()
    await desk.agent.wait_closed()
    call = await desk.world.until(call_id, "ended")
    assert (call["missed"], call["end_reason"], call["rung"]) == (True, "customer_hangup", [email("speaks")])


async def test_caller_to_a_number_of_nobody_is_rejected(desk: Desk) -> None:
    await desk.customer.dial(desk.world.exchange.did("+442079460799"))
    closed = await desk.customer.wait_closed()
    assert closed.param.startswith("404"), closed.param


async def test_agent_rung_by_a_click_is_not_rung_by_a_caller(desk: Desk) -> None:
    clicked = await desk.world.place("speaks", number("sings"))
    await desk.agent.wait_incoming()
    call_id = await desk.dial(BOTH)
    await desk.colleague.wait_incoming()
    call = await desk.world.call(call_id)
    assert call["rung"] == [email("helps")]
    assert len([event for event in desk.agent.events if event.type == "CALL_INCOMING"]) == 1
    await desk.world.api("DELETE", f"/api/v1/calls/{clicked}")


async def test_agent_rung_by_a_caller_is_not_rung_by_a_click(desk: Desk) -> None:
    await desk.dial(OWN)
    await desk.agent.wait_incoming()
    status, body = await desk.world.click("speaks", number("sings"))
    assert (status, body["code"]) == (500, "agent_busy")
    assert len([event for event in desk.agent.events if event.type == "CALL_INCOMING"]) == 1


async def test_declined_through_the_api_goes_to_the_next_in_the_route(desk: Desk) -> None:
    call_id = await desk.dial(BOTH)
    await desk.agent.wait_incoming()
    await desk.world.api("DELETE", f"/api/v1/calls/{call_id}")
    await desk.agent.wait_closed()
    await desk.colleague.wait_incoming()
    await desk.colleague.accept()
    assert (await desk.talk(call_id))["agent"]["email"] == email("helps")


async def test_call_in_can_be_held_muted_and_transferred(desk: Desk) -> None:
    call_id = await desk.dial(OWN)
    await desk.agent.wait_incoming()
    await desk.agent.accept()
    await desk.talk(call_id)
    assert (await desk.world.api("PUT", f"/api/v1/calls/{call_id}/mute"))[0] == 204
    await hears(desk.customer)
    assert (await desk.world.api("DELETE", f"/api/v1/calls/{call_id}/mute"))[0] == 204
    body = {"to": email("helps"), "mode": "blind"}
    status, _ = await desk.world.api("POST", f"/api/v1/calls/{call_id}/transfers", json=body)
    assert status == 201
    await desk.colleague.wait_incoming()
    await desk.colleague.accept()
    call = await desk.world.until(call_id, "ended")
    assert call["end_reason"] == "transferred"
    await hear_each_other(desk.customer, desk.colleague)
    await desk.customer.hang_up()
    ended = await desk.world.until(call["transfer"]["call_id"], "ended")
    assert (ended["end_reason"], ended["ended_by"]) == ("completed", "customer")


async def test_all_devices_of_the_agent_ring_and_the_first_to_answer_wins(desk: Desk) -> None:
    phones_of_sipp = desk.world.exchange.agents
    bind = desk.world.exchange.config.asterisk.sip_bind
    before = len(phones_of_sipp.invites), len(phones_of_sipp.cancels)
    async with phones.baresip_phone(
        f"web-{STAND_IN}", registrar=bind, password="a-password", tone=COLLEAGUE
    ) as browser:
        await desk.world.hire("both", f"sip:rings@127.0.0.1:{phones_of_sipp.port}", extension=STAND_IN)
        call_id = await desk.dial(MANY)
        await phones_of_sipp.wait_invite(before[0] + 1)
        await browser.wait_incoming()
        await browser.accept()
        call = await desk.talk(call_id)
        assert (call["agent"]["email"], call["device"]) == (email("both"), "web")
        await hears(desk.customer, COLLEAGUE)
        await hears(browser, CUSTOMER)
    assert len(phones_of_sipp.cancels) == before[1] + 1
    reasons = ";".join(phones_of_sipp.cancels[-1].headers.getall("Reason", []))
    assert "cause=200" in reasons, "her desk phone shows no missed call"


async def test_route_to_an_extension_rings_the_agent_who_has_it(desk: Desk) -> None:
    call_id = await desk.dial(EXTENSION)
    call = await desk.talk(call_id)
    assert call["agent"]["email"] == email("answers")
