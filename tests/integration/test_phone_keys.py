"""The keys of the agent's own phone: hold by re-INVITE, transfers by REFER. The service follows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from ctc_ari.config import RingTimeout
from tests import phones
from tests.integration.talk import (
    AGENT,
    COLLEAGUE,
    CUSTOMER,
    RINGBACK,
    Talk,
    ended,
    hear_each_other,
    hears,
    hears_music,
    join_lines,
    successor,
    talking,
)
from tests.integration.world import Exchange, at_once, number, world
from tests.store import databases


@pytest.fixture
async def talk(transport: str, pbx: Exchange, server: databases.Server) -> AsyncIterator[Talk]:
    """The agent and the customer talk."""
    async with talking(pbx, server, f"keys{transport}", transport) as made:
        yield made


async def test_hold_key_plays_music_to_the_customer_and_is_seen_as_held(talk: Talk) -> None:
    await talk.agent.hold()
    await talk.becomes(held=True)
    await hears_music(talk.customer)
    await talk.agent.resume()
    await talk.becomes(held=False)
    await hears(talk.customer, AGENT)
    assert [event for event in talk.events() if event in ("call.held", "call.resumed")] == ["call.held", "call.resumed"]


async def test_hold_by_key_and_by_api_at_once_lasts_until_both_have_ended(talk: Talk) -> None:
    await talk.wish("PUT", "hold")
    await talk.agent.hold()
    await asyncio.sleep(0.5)
    await hears_music(talk.customer)
    await talk.agent.resume()
    await asyncio.sleep(0.5)
    await talk.becomes(held=True)
    await hears_music(talk.customer)
    await talk.agent.hold()
    await asyncio.sleep(0.5)
    await talk.wish("DELETE", "hold")
    await talk.becomes(held=True)
    await hears_music(talk.customer)
    await talk.agent.resume()
    await talk.becomes(held=False)
    await hears(talk.customer, AGENT)
    assert talk.events().count("call.held") == talk.events().count("call.resumed") == 1


async def test_blind_transfer_key_hands_the_customer_over(talk: Talk) -> None:
    await talk.agent.transfer(f"sip:{talk.desk.extensions['helps']}@127.0.0.1")
    await talk.colleague.wait_incoming()
    transfer = (await talk.desk.call(talk.call_id))["transfer"]
    assert (transfer["mode"], transfer["by"]) == ("blind", "phone")
    await hears(talk.customer, *RINGBACK)
    await talk.colleague.accept()
    await successor(talk)
    await ended(talk, "transferred")
    await talk.agent.wait_closed()
    await hear_each_other(talk.customer, talk.colleague)


async def test_blind_transfer_key_to_one_who_rejects_brings_the_customer_back(talk: Talk) -> None:
    await talk.agent.transfer(f"sip:{talk.desk.extensions['helps']}@127.0.0.1")
    await talk.colleague.wait_incoming()
    await talk.colleague.reject()
    assert (await talk.transfer_is("failed"))["reason"] == "busy"
    # This phone hangs up when its transfer fails, and is rung again; others just go on.
    await talk.agent.wait_established(2)
    await hear_each_other(talk.customer, talk.agent)


async def test_blind_transfer_key_to_a_number_that_may_not_be_called_is_declined(talk: Talk) -> None:
    await talk.agent.transfer("sip:999@127.0.0.1")
    await talk.agent.wait("TRANSFER_FAILED")
    transfer = await talk.transfer_is("failed")
    assert (transfer["reason"], transfer["to"]) == ("unreachable", "999")
    # This phone hangs up when its transfer fails, and is rung again.
    await talk.agent.wait_established(2)
    await hears(talk.customer, AGENT)


@dataclass
class Registered:
    """The agent's phone is registered, so that she can dial on it."""

    talk: Talk
    extension: str

    async def second_call(self, to: str) -> None:
        """She puts the customer on hold and dials somebody else on her second line."""
        await self.talk.agent.hold()
        await self.talk.becomes(held=True)
        await self.talk.agent.dial(f"sip:{to}@{self.talk.desk.exchange.config.asterisk.sip_bind}")

    async def first_line(self) -> None:
        """Back to the customer."""
        await self.talk.agent.command("line", "1")
        await self.talk.agent.resume()
        await self.talk.becomes(held=False)

    async def join(self) -> None:
        """The transfer key while both lines are in use."""
        await join_lines(self.talk.desk.exchange, self.talk.agent, self.extension, self.talk.call_id)


@pytest.fixture
async def registered(transport: str, pbx: Exchange, server: databases.Server) -> AsyncIterator[Registered]:
    """An agent whose phone has registered talks with a customer."""
    extension = "3002"
    called = number("answers").removeprefix("+")
    bind = pbx.config.asterisk.sip_bind
    port = phones.free_port()
    async with AsyncExitStack() as stack:
        agent, customer, colleague, desk = await at_once(
            stack,
            phones.baresip_phone(extension, registrar=bind, password="a-password", tone=AGENT, answer=True),
            phones.baresip_phone(called, tone=CUSTOMER, answer=True, port=port),
            phones.baresip_phone("helps", tone=COLLEAGUE),
            world(
                pbx,
                server,
                app=pbx.config.asterisk.app,
                transport=transport,
                ring_timeout=RingTimeout(agent=6, customer=6),
                trunk=f"PJSIP/ctc-phone/sip:{{number}}@127.0.0.1:{port}",
            ),
        )
        await desk.hire("helps", colleague.uri)
        call_id = await desk.place("registers", number("answers"))
        await desk.until(call_id, "talking")
        yield Registered(Talk(desk, call_id, agent, customer, colleague), extension)
        await desk.hang_up_all()


async def test_attended_transfer_by_keys_joins_the_two_lines(registered: Registered) -> None:
    talk = registered.talk
    await registered.second_call(talk.desk.extensions["helps"])
    await talk.colleague.wait_incoming()
    transfer = (await talk.desk.call(talk.call_id))["transfer"]
    assert (transfer["mode"], transfer["by"], transfer["state"]) == ("attended", "phone", "ringing")
    await talk.colleague.accept()
    await talk.transfer_is("talking")
    await hears(talk.colleague, AGENT, but_not=CUSTOMER)
    await hears_music(talk.customer)
    await registered.join()
    await successor(talk)
    await ended(talk, "transferred")
    await hear_each_other(talk.customer, talk.colleague)
    await talk.agent.wait_closed(2)


async def test_second_line_to_one_who_is_busy_leaves_the_customer_on_hold_with_the_agent(
    registered: Registered,
) -> None:
    talk = registered.talk
    await registered.second_call(talk.desk.extensions["helps"])
    await talk.colleague.wait_incoming()
    await talk.colleague.reject()
    assert (await talk.transfer_is("failed"))["reason"] == "busy"
    await talk.agent.wait_closed()
    await hears_music(talk.customer)
    await registered.first_line()
    await hears(talk.customer, AGENT)


async def test_second_line_hung_up_gives_the_customer_back(registered: Registered) -> None:
    talk = registered.talk
    await registered.second_call(talk.desk.extensions["helps"])
    await talk.colleague.wait_incoming()
    await talk.colleague.accept()
    await talk.transfer_is("talking")
    await talk.agent.hang_up()
    assert (await talk.transfer_is("cancelled"))["reason"] is None
    await talk.colleague.wait_closed()
    await registered.first_line()
    await hears(talk.customer, AGENT)


async def test_calls_dialled_on_the_phone_without_a_customer_are_refused(
    pbx: Exchange, server: databases.Server
) -> None:
    bind = pbx.config.asterisk.sip_bind
    async with (
        phones.baresip_phone("3002", registrar=bind, password="a-password") as agent,
        world(pbx, server, app=pbx.config.asterisk.app),
    ):
        await agent.dial(f"sip:2000@{bind}")
        closed = await agent.wait_closed()
        assert closed.param.startswith("403"), closed.param
