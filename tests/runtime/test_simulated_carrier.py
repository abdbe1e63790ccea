"""What the numbers of the demo's carrier do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ctc_ari.runtime import asterisk
from ctc_ari.runtime.asterisk import Installation
from tests.phones import free_port
from tests.runtime.conftest import MakeConfig
from tests.runtime.pbx import ALICE, ari, complaints

#: A slow number answers after eight seconds, one that never does is given up by us later, and none takes longer.
ASKED_AFTER, LONGEST = 4.0, 20.0
#: Asterisk complains of a socket that is closed before it has said goodbye, too.
CLOSING = aiohttp.ClientWSTimeout(ws_close=20.0)


@asynccontextmanager
async def calling(session: aiohttp.ClientSession, app: str, endpoint: str) -> AsyncIterator[asyncio.Queue[str]]:
    """A call through ARI and what becomes of it: `answered`, then the cause it ended with; or only that."""
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def listen(events: aiohttp.ClientWebSocketResponse) -> None:
        async for message in events:
            event: dict[str, Any] = json.loads(message.data)
            if event.get("channel", {}).get("id") != app:
                continue
            if event["type"] == "StasisStart":
                heard.put_nowait("answered")
            if event["type"] == "ChannelDestroyed":
                heard.put_nowait(str(event["cause"]))

    async with session.ws_connect(f"ari/events?app={app}", timeout=CLOSING) as events:
        listening = asyncio.create_task(listen(events))
        query = {"endpoint": endpoint, "app": app, "channelId": app, "timeout": "60"}
        async with session.post("ari/channels", params=query) as answer:
            assert answer.status == 200, await answer.text()
        yield heard
        async with session.delete(f"ari/channels/{app}"):
            pass
        await events.close()
        await listening


@pytest.fixture
async def session(
    installation: Installation, make_config: MakeConfig, tmp_path: Path
) -> AsyncIterator[aiohttp.ClientSession]:
    """ARI of an Asterisk with the carrier in it; it complains of nothing."""
    carrier = f"127.0.0.1:{free_port()}"
    agent = {**ALICE, "contact": f"sip:agent-alice@{carrier}"}
    config = make_config(trunk_contact=f"sip:{carrier}", agents=[agent])
    async with asterisk.running(config, tmp_path / "out", installation, carrier_bind=carrier), ari(config) as opened:
        yield opened
    assert complaints(tmp_path / "out") == []


async def test_each_number_does_what_it_says(session: aiohttp.ClientSession) -> None:
    async def outcome(number: int, endpoint: str, then: bool) -> str:
        """What happened first; with `then` also what happened after it."""
        #: No channel's id may begin with another's.
        async with calling(session, f"test-{number:02}", endpoint) as heard:
            try:
                first = await asyncio.wait_for(heard.get(), ASKED_AFTER)
            except TimeoutError:
                first = "ringing"
            return f"{first}, {await asyncio.wait_for(heard.get(), LONGEST)}" if then else first

    expected = {
        "442079460001@trunk": "answered",
        "442079460002@trunk": "17",
        "442079460003@trunk": "ringing",
        "442079460004@trunk": "21",
        "442079460005@trunk": "ringing, answered",
        "442079460006@trunk": "1",
        "442079460007@trunk": "answered, 16",
        "442079460008@trunk": "answered",
        "447700900123@trunk": "answered",
        "+442079460001@trunk": "answered",
        "1001": "answered",
    }
    outcomes = await asyncio.gather(
        *(outcome(number, f"PJSIP/{endpoint}", "," in told) for number, (endpoint, told) in enumerate(expected.items()))
    )
    assert dict(zip(expected, outcomes, strict=True)) == expected


async def test_a_customer_calls_in_on_the_trunk(session: aiohttp.ClientSession) -> None:
    query = {"endpoint": "PJSIP/+442079460100@carrier", "callerId": "+442079460001"}
    query |= {"context": "customer", "extension": "talks", "priority": "1"}
    async with session.ws_connect("ari/events?app=ctc", timeout=CLOSING) as events:
        async with session.post("ari/channels", params=query) as answer:
            assert answer.status == 200, await answer.text()
            placed = (await answer.json())["id"]
        async with asyncio.timeout(LONGEST):
            event: dict[str, Any] = await events.receive_json()
        async with session.delete(f"ari/channels/{placed}"):
            pass
    assert (event["type"], event["args"][0]) == ("StasisStart", "inbound")
    assert event["channel"]["name"].startswith("PJSIP/trunk-")
    assert event["channel"]["caller"]["number"] == "+442079460001"
