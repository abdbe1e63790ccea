"""What an agent does while she talks, measured by what each phone hears."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.talk import AGENT, CUSTOMER, Talk, hear_each_other, hears, hears_music, talking
from tests.integration.world import TRANSPORTS, Exchange, World, number
from tests.store import databases

pytestmark = pytest.mark.parametrize("transport", TRANSPORTS, scope="session")


@pytest.fixture
async def talk(transport: str, pbx: Exchange, server: databases.Server) -> AsyncIterator[Talk]:
    """A conversation."""
    async with talking(pbx, server, f"talk{transport}", transport) as made:
        yield made


async def test_muted_agent_is_not_heard_but_hears_the_customer(talk: Talk) -> None:
    for _ in range(2):
        await talk.wish("PUT", "mute")
        assert (await talk.desk.call(talk.call_id))["muted"] is True
    await asyncio.gather(hears(talk.agent, CUSTOMER), hears(talk.customer))
    for _ in range(2):
        await talk.wish("DELETE", "mute")
    await hear_each_other(talk.agent, talk.customer)
    events = talk.events()
    assert events.count("call.muted") == events.count("call.unmuted") == 1, "repeating is harmless"


async def test_held_customer_hears_music_and_nobody_hears_the_other(talk: Talk) -> None:
    for _ in range(2):
        await talk.wish("PUT", "hold")
        assert (await talk.desk.call(talk.call_id))["held"] is True
    await asyncio.gather(hears(talk.agent), hears_music(talk.customer))
    for _ in range(2):
        await talk.wish("DELETE", "hold")
    await hear_each_other(talk.agent, talk.customer)
    events = talk.events()
    assert events.count("call.held") == events.count("call.resumed") == 1


async def test_recording_has_both_sides_in_one_file_and_leaves_out_the_pause(talk: Talk, tmp_path: Path) -> None:
    await talk.wish("PUT", "recording")
    await talk.wish("PUT", "recording")
    call = await talk.desk.call(talk.call_id)
    assert call["recording"] is True
    status, problem = await talk.desk.api("GET", call["recordings"][0])
    assert (status, problem["code"]) == (404, "recording_not_found"), "it has not ended"
    await asyncio.sleep(1.0)
    await talk.wish("PUT", "recording", json={"paused": True})
    assert (await talk.desk.call(talk.call_id))["recording"] is False
    await asyncio.sleep(1.0)
    await talk.wish("PUT", "recording", json={"paused": False})
    await asyncio.sleep(0.5)
    await talk.wish("DELETE", "recording")
    await talk.wish("DELETE", "recording")
    recorded = await talk.recorded(call["recordings"][0], tmp_path)
    assert recorded.has(AGENT, CUSTOMER), f"{recorded.frequency} Hz at {recorded.level}"
    assert 1.0 < recorded.seconds < 2.2, recorded.seconds


async def test_keys_reach_the_customers_side(talk: Talk) -> None:
    await talk.wish("POST", "dtmf", json={"digits": "12#"})
    await talk.customer.wait("CALL_DTMF_START", 3)
    digits = [event.param for event in talk.customer.events if event.type == "CALL_DTMF_START"]
    assert digits == ["1", "2", "#"]


async def test_controls_outside_a_conversation_are_in_the_wrong_state(desk: World) -> None:
    call_id = await desk.place("rings", number("answers"))
    wishes = [("PUT", what, None) for what in ("mute", "hold", "recording")]
    wishes += [("DELETE", what, None) for what in ("mute", "hold", "recording")]
    wishes.append(("POST", "dtmf", {"digits": "1"}))  # type: ignore[arg-type]
    for state in ("ringing", "ended"):
        for method, what, body in wishes:
            status, problem = await desk.api(method, f"/api/v1/calls/{call_id}/{what}", json=body)
            assert (status, problem["code"]) == (409, "wrong_state"), f"{method} {what} while {state}"
        await desk.api("DELETE", f"/api/v1/calls/{call_id}")
        await desk.until(call_id, "ended")
    await desk.nothing_left()
    status, problem = await desk.api("PUT", "/api/v1/calls/nobody/mute")
    assert (status, problem["code"]) == (404, "call_not_found")
