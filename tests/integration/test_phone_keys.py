"""The keys of the agent's own phone: hold by re-INVITE, transfers by REFER. The service follows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.integration.talk import AGENT, COLLEAGUE, CUSTOMER, Talk, hears, talking
from tests.integration.test_transfers import RINGBACK, ended, successor
from tests.integration.world import Exchange
from tests.store import databases


@pytest.fixture(params=["websocket", "http"])
async def talk(request: pytest.FixtureRequest, pbx: Exchange, server: databases.Server) -> AsyncIterator[Talk]:
    """The agent and the customer talk."""
    async with talking(pbx, server, f"keys{request.param}", request.param) as made:
        yield made


async def colleague_extension(talk: Talk) -> str:
    own = (await talk.desk.call(talk.call_id))["agent"]["extension"]
    return str(int(own) + 1)


async def music(talk: Talk) -> None:
    await asyncio.sleep(0.4)
    sound = await talk.customer.listen(2.0)
    assert sound.level > 0.002, "music"
    assert not sound.has(AGENT, share=0.2)


async def test_hold_key_plays_music_to_the_customer_and_is_seen_as_held(talk: Talk) -> None:
    await talk.agent.hold()
    await talk.held_is(True)
    await music(talk)
    await talk.agent.resume()
    await talk.held_is(False)
    await hears(talk.customer, AGENT)
    assert [event for event in talk.events() if event in ("call.held", "call.resumed")] == ["call.held", "call.resumed"]


async def test_hold_by_key_and_by_api_at_once_lasts_until_both_have_ended(talk: Talk) -> None:
    await talk.wish("PUT", "hold")
    await talk.agent.hold()
    await asyncio.sleep(0.5)
    await music(talk)
    await talk.agent.resume()
    await asyncio.sleep(0.5)
    await talk.held_is(True)
    await music(talk)
    await talk.agent.hold()
    await asyncio.sleep(0.5)
    await talk.wish("DELETE", "hold")
    await talk.held_is(True)
    await music(talk)
    await talk.agent.resume()
    await talk.held_is(False)
    await hears(talk.customer, AGENT)
    assert talk.events().count("call.held") == talk.events().count("call.resumed") == 1


async def test_blind_transfer_key_hands_the_customer_over(talk: Talk) -> None:
    await talk.agent.transfer(f"sip:{await colleague_extension(talk)}@127.0.0.1")
    await talk.colleague.wait_incoming()
    transfer = (await talk.desk.call(talk.call_id))["transfer"]
    assert (transfer["mode"], transfer["by"]) == ("blind", "phone")
    await hears(talk.customer, *RINGBACK, seconds=3.0)
    await talk.colleague.accept()
    await successor(talk)
    await ended(talk, "transferred")
    await talk.agent.wait_closed()
    await hears(talk.customer, COLLEAGUE)
    await hears(talk.colleague, CUSTOMER)


async def test_blind_transfer_key_to_one_who_rejects_brings_the_customer_back(talk: Talk) -> None:
    await talk.agent.transfer(f"sip:{await colleague_extension(talk)}@127.0.0.1")
    await talk.colleague.wait_incoming()
    await talk.colleague.reject()
    assert (await talk.transfer_is("failed"))["reason"] == "busy"
    # This phone hangs up when its transfer fails, and is rung again; others just go on.
    await talk.agent.wait_established(2)
    await hears(talk.customer, AGENT)
    await hears(talk.agent, CUSTOMER)


async def test_blind_transfer_key_to_a_number_that_may_not_be_called_is_declined(talk: Talk) -> None:
    await talk.agent.transfer("sip:999@127.0.0.1")
    await talk.agent.wait("TRANSFER_FAILED", timeout=3)
    transfer = await talk.transfer_is("failed")
    assert (transfer["reason"], transfer["to"]) == ("unreachable", "999")
    # This phone hangs up when its transfer fails, and is rung again.
    await talk.agent.wait_established(2)
    await hears(talk.customer, AGENT)
