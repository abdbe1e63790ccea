"""A live call moves between the agent's two devices; another phone stands in for her browser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from ctc_ari.config import RingTimeout
from tests import phones
from tests.integration.talk import AGENT, CUSTOMER, Talk, hear_each_other, hears
from tests.integration.world import STAND_IN, Exchange, at_once, number, world
from tests.store import databases

BROWSER = 1800.0


@pytest.fixture
async def talk(transport: str, pbx: Exchange, server: databases.Server) -> AsyncIterator[Talk]:
    """The agent talks on her desk phone; `colleague` is the phone that stands in for her browser."""
    called = number("answers").removeprefix("+")
    bind = pbx.config.asterisk.sip_bind
    port = phones.free_port()
    async with AsyncExitStack() as stack:
        agent, customer, browser, desk = await at_once(
            stack,
            phones.baresip_phone("moves", tone=AGENT, answer=True),
            phones.baresip_phone(called, tone=CUSTOMER, answer=True, port=port),
            phones.baresip_phone(f"web-{STAND_IN}", registrar=bind, password="a-password", tone=BROWSER),
            world(
                pbx,
                server,
                app=f"moves{transport}",
                transport=transport,
                ring_timeout=RingTimeout(agent=3, customer=6),
                trunk=f"PJSIP/ctc-phone/sip:{{number}}@127.0.0.1:{port}",
            ),
        )
        await desk.hire("moves", agent.uri, extension=STAND_IN)
        call_id = await desk.place("moves", number("answers"))
        await desk.until(call_id, "talking")
        yield Talk(desk, call_id, agent, customer, browser)
        await desk.api("DELETE", f"/api/v1/calls/{call_id}")
        await desk.nothing_left()


async def test_call_moves_to_the_browser_and_back_and_the_customer_hears_hardly_a_gap(talk: Talk) -> None:
    call = await talk.wish("POST", "device", 202, json={"device": "web"})
    assert (call["device"], call["moving_to"]) == ("desk", "web")
    await talk.colleague.wait_incoming()
    await hears(talk.customer, AGENT)
    listening = asyncio.create_task(talk.customer.listen(2.0))
    await asyncio.sleep(0.5)
    await talk.colleague.accept()
    await talk.becomes(device="web")
    heard = await listening
    silence = max((length for on, length in heard.cadence() if not on), default=0.0)
    assert silence < 0.5, heard.cadence()
    await talk.agent.wait_closed()
    await hears(talk.customer, BROWSER)
    await hears(talk.colleague, CUSTOMER)
    await talk.wish("POST", "device", 202, json={"device": "desk"})
    await talk.becomes(device="desk")
    await talk.colleague.wait_closed()
    await hear_each_other(talk.customer, talk.agent)
    assert talk.events().count("call.device_changed") == 2
    assert (await talk.desk.call(talk.call_id))["state"] == "talking"


async def test_muted_and_held_stay_so_on_the_other_device(talk: Talk) -> None:
    await talk.wish("PUT", "mute")
    await talk.wish("POST", "device", 202, json={"device": "web"})
    await talk.colleague.wait_incoming()
    await talk.colleague.accept()
    await talk.becomes(device="web")
    await hears(talk.customer)
    await talk.wish("DELETE", "mute")
    await hears(talk.customer, BROWSER)


async def test_device_that_is_not_answered_or_not_there_changes_nothing(talk: Talk) -> None:
    await talk.wish("POST", "device", 202, json={"device": "web"})
    await talk.colleague.wait_incoming()
    await talk.colleague.reject()
    await talk.becomes(device="desk", moving_to=None, state="talking")
    assert "call.device_failed" in talk.events()
    await talk.colleague.command("uadelall")
    await talk.desk.exchange.offline(f"web-{STAND_IN}")
    problem = await talk.wish("POST", "device", 422, json={"device": "web"})
    assert problem["code"] == "agent_offline"
    await hear_each_other(talk.customer, talk.agent)


async def test_naming_the_device_that_has_the_call_is_harmless(talk: Talk) -> None:
    call = await talk.wish("POST", "device", 202, json={"device": "desk"})
    assert (call["device"], call["moving_to"]) == ("desk", None)
