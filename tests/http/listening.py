"""Listeners to /api/v1/events: what happens to them, and how they see that it is over."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType

from ctc_ari.calls.commands import PlaceCall
from ctc_ari.calls.model import Agent, Phase
from ctc_ari.calls.ports import Happening
from tests.http.conftest import World
from tests.http.fakes import ANNA, ANNAS_SESSION, CREATED, NUMBER, a_call

EVENTS = "/api/v1/events"

OF_ANNA = {"Authorization": f"Bearer {ANNAS_SESSION}"}

HANDSHAKE = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    f"Sec-WebSocket-Key: {base64.b64encode(bytes(16)).decode()}",
)


def happen(world: World, event: str = "call.answered", agent: Agent = ANNA, call_id: str = "call-1") -> int:
    """Something happens to a call; the event's id."""
    call = world.desk.put(a_call(call_id, PlaceCall(agent, NUMBER)), phase=Phase.TALKING)
    world.events.heard(Happening(call, event, CREATED + 1, 1))
    return world.events.newest


async def until(condition: Callable[[], bool], timeout: float = 20.0) -> None:
    async with asyncio.timeout(timeout):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def nothing(listener: ClientWebSocketResponse) -> None:
    """Nothing more is said to him for a while."""
    with pytest.raises(TimeoutError):
        await listener.receive(timeout=0.1)


async def closed(listener: ClientWebSocketResponse) -> tuple[int | None, str]:
    """With which code and which words the service ends it."""
    message = await listener.receive(timeout=20)
    assert message.type is WSMsgType.CLOSE, message
    await listener.close()
    return message.data, message.extra or ""
