"""What an agent does while she talks, measured by what each phone hears."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import phones
from tests.integration.world import Exchange, World, number, world
from tests.store import databases

AGENT, CUSTOMER = 600.0, 1000.0


@dataclass
class Talk:
    """A conversation between two phones, each sending a tone of its own."""

    desk: World
    call_id: str
    agent: phones.Baresip
    customer: phones.Baresip

    async def wish(self, method: str, what: str, **arguments: Any) -> None:
        """A control that must work."""
        status, body = await self.desk.api(method, f"/api/v1/calls/{self.call_id}/{what}", **arguments)
        assert status == 204, body

    async def heard(self, seconds: float = 1.0) -> tuple[phones.Sound, phones.Sound]:
        """What the agent and what the customer hear now."""
        await asyncio.sleep(0.4)
        here, there = await asyncio.gather(self.agent.listen(seconds), self.customer.listen(seconds))
        return here, there


@asynccontextmanager
async def talking(pbx: Exchange, server: databases.Server, transport: str) -> AsyncIterator[Talk]:
    called = number("answers").removeprefix("+")
    async with (
        phones.baresip_phone("speaks", tone=AGENT, answer=True) as agent,
        phones.baresip_phone(called, tone=CUSTOMER, answer=True) as customer,
        world(
            pbx,
            server,
            app=f"talk{transport}",
            transport=transport,
            trunk=f"PJSIP/ctc-phone/sip:{{number}}@127.0.0.1:{customer.port}",
        ) as desk,
    ):
        await desk.hire("speaks", agent.uri)
        call_id = await desk.place("speaks", number("answers"))
        await desk.until(call_id, "talking")
        yield Talk(desk, call_id, agent, customer)
        await desk.api("DELETE", f"/api/v1/calls/{call_id}")
        await desk.nothing_left()


@pytest.fixture(params=["websocket", "http"])
async def talk(request: pytest.FixtureRequest, pbx: Exchange, server: databases.Server) -> AsyncIterator[Talk]:
    """A conversation."""
    async with talking(pbx, server, request.param) as made:
        yield made


def silent(sound: phones.Sound) -> bool:
    return sound.level < 0.002


async def test_muted_agent_is_not_heard_but_hears_the_customer(talk: Talk) -> None:
    for _ in range(2):
        await talk.wish("PUT", "mute")
        assert (await talk.desk.call(talk.call_id))["muted"] is True
    here, there = await talk.heard()
    assert here.has(CUSTOMER)
    assert silent(there), there.level
    for _ in range(2):
        await talk.wish("DELETE", "mute")
    here, there = await talk.heard()
    assert here.has(CUSTOMER)
    assert there.has(AGENT)
    events = [happening.event for happening in talk.desk.heard]
    assert events.count("call.muted") == events.count("call.unmuted") == 1, "repeating is harmless"


async def test_held_customer_hears_music_and_nobody_hears_the_other(talk: Talk) -> None:
    for _ in range(2):
        await talk.wish("PUT", "hold")
        assert (await talk.desk.call(talk.call_id))["held"] is True
    here, there = await talk.heard(3.0)
    assert silent(here), here.level
    assert not silent(there), "music"
    assert not there.has(AGENT, share=0.2), "the agent's voice is not in the music"
    for _ in range(2):
        await talk.wish("DELETE", "hold")
    here, there = await talk.heard()
    assert here.has(CUSTOMER)
    assert there.has(AGENT)
    events = [happening.event for happening in talk.desk.heard]
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
    await asyncio.sleep(0.3)
    headers = {"Authorization": f"Bearer {talk.desk.token}"}
    async with talk.desk.session.get(f"{talk.desk.address}{call['recordings'][0]}", headers=headers) as answer:
        assert (answer.status, answer.content_type) == (200, "audio/wav")
        (tmp_path / "recording.wav").write_bytes(await answer.read())
    recorded = phones.sound.read_wav(tmp_path / "recording.wav")
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
