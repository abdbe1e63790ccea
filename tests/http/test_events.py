"""/api/v1/events over real sockets: what is said first, and what follows."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ctc_ari.calls.model import Phase
from ctc_ari.calls.ports import Happening, Logged
from ctc_ari.http import encode_event, events
from tests.http.conftest import Client, Wire, World
from tests.http.fakes import ANNA, ANNAS_SESSION, ANNAS_TOKEN, BORIS, TOKEN, a_call
from tests.http.listening import EVENTS, HANDSHAKE, OF_ANNA, closed, happen, nothing, until

pytestmark = pytest.mark.usefixtures("nothing_is_left")


async def test_first_a_snapshot_then_every_event(client: Client, world: World) -> None:
    world.desk.put(a_call("gone"), phase=Phase.ENDED)
    before = happen(world)
    async with client.ws_connect(EVENTS) as listener:
        call = await (await client.get("/api/v1/calls/call-1")).json()
        assert await listener.receive_json() == {
            "type": "snapshot",
            "resumed": False,
            "last_event_id": before,
            "data": {"calls": [call]},
        }
        first, second = happen(world, "call.muted"), happen(world, "call.ended")
        assert await listener.receive_json() == {
            "id": first,
            "type": "call.muted",
            "timestamp": "2026-03-01T09:30:01.125Z",
            "data": call,
        }
        assert (await listener.receive_json())["id"] == second == first + 1 == before + 2
        await nothing(listener)


async def test_a_session_and_a_bound_token_hear_of_their_own_agents_calls_only(client: Client, world: World) -> None:
    for agent in (ANNA, BORIS):
        happen(world, agent=agent, call_id=agent.email)
    for token in (ANNAS_SESSION, ANNAS_TOKEN):
        async with client.ws_connect(EVENTS, headers={"Authorization": f"Bearer {token}"}) as listener:
            snapshot = await listener.receive_json()
            assert [call["id"] for call in snapshot["data"]["calls"]] == [ANNA.email]
            happen(world, agent=BORIS, call_id=BORIS.email)
            annas = happen(world, call_id=ANNA.email)
            happen(world, agent=BORIS, call_id=BORIS.email)
            assert (await listener.receive_json())["id"] == annas
            await nothing(listener)


async def test_nothing_is_missed_and_nothing_doubled_while_a_listener_joins(client: Client, world: World) -> None:
    async def happens() -> None:
        for _ in range(300):
            happen(world)
            await asyncio.sleep(0)

    happening = asyncio.create_task(happens())
    listeners = [await client.ws_connect(EVENTS, autoping=True) for _ in range(10)]
    await happening
    for listener in listeners:
        heard = (await listener.receive_json())["last_event_id"]
        while heard != world.events.newest:
            event = (await listener.receive_json(timeout=5))["id"]
            assert event == heard + 1
            heard = event
        await nothing(listener)
        await listener.close()
    await until(lambda: world.events.listeners == 0)


@pytest.mark.parametrize("size", [0, 125, 126, 127, 65_535, 65_536, 200_000])
async def test_a_message_of_any_length_is_one_frame(size: int) -> None:
    text = b"x" * size
    reader = asyncio.StreamReader()
    reader.feed_data(events.frame(text) + b"next")
    first, second = await reader.readexactly(2)
    length = {126: 2, 127: 8}.get(second)
    assert (first, second & 0x80) == (0x81, 0)
    assert (int.from_bytes(await reader.readexactly(length)) if length else second) == size
    assert await reader.readexactly(size) == text
    assert await reader.readexactly(4) == b"next"


async def test_a_snapshot_larger_than_all_buffers_arrives(client: Client, world: World) -> None:
    for number in range(1500):
        world.desk.put(a_call(f"call-{number}"))
    async with client.ws_connect(EVENTS) as listener:
        await asyncio.sleep(0.2)
        happen(world)
        assert len((await listener.receive_json())["data"]["calls"]) == 1500
        assert (await listener.receive_json())["type"] == "call.answered"


async def test_what_a_listener_says_is_ignored(client: Client, world: World) -> None:
    async with client.ws_connect(EVENTS) as listener:
        await listener.receive_json()
        await listener.send_str("{")
        await listener.send_bytes(b"\x00")
        happen(world)
        assert (await listener.receive_json())["type"] == "call.answered"


async def test_what_a_listener_says_at_length_ends_it(client: Client, world: World) -> None:
    async with client.ws_connect(EVENTS) as listener:
        await listener.receive_json()
        await listener.send_str("x" * 5000)
        assert (await closed(listener))[0] == 1009


async def test_one_who_comes_back_is_told_what_he_missed_and_then_what_happens(client: Client, world: World) -> None:
    async with client.ws_connect(EVENTS) as listener:
        start = (await listener.receive_json())["last_event_id"]
    missed = [happen(world, agent=agent, call_id=agent.email) for agent in (ANNA, BORIS, ANNA)]
    asked: list[dict[str, Any]] = [
        {"params": {"last_event_id": str(missed[0])}},
        {"headers": {"Last-Event-ID": str(missed[0])}},
    ]
    for how in asked:
        async with client.ws_connect(EVENTS, **how) as listener:
            assert await listener.receive_json() == {"type": "resumed", "resumed": True, "last_event_id": missed[0]}
            assert [(await listener.receive_json())["id"] for _ in missed[1:]] == missed[1:]
            following = happen(world)
            assert (await listener.receive_json())["id"] == following
            missed.append(following)
    async with client.ws_connect(EVENTS, params={"last_event_id": str(start)}, headers=OF_ANNA) as listener:
        await listener.receive_json()
        assert [(await listener.receive_json())["id"] for _ in range(4)] == [missed[0], *missed[2:]]
        await nothing(listener)


async def test_one_who_missed_nothing_is_told_so(client: Client, world: World) -> None:
    newest = happen(world)
    async with client.ws_connect(EVENTS, params={"last_event_id": str(newest)}) as listener:
        assert await listener.receive_json() == {"type": "resumed", "resumed": True, "last_event_id": newest}
        happen(world)
        assert (await listener.receive_json())["id"] == newest + 1


async def test_one_who_was_away_too_long_or_before_a_restart_gets_a_new_snapshot(client: Client, world: World) -> None:
    newest = happen(world)
    for unknown in (0, 1, newest - 1, newest + 1, 10**20 - 1):
        async with client.ws_connect(EVENTS, params={"last_event_id": str(unknown)}) as listener:
            first = await listener.receive_json()
            assert (first["type"], first["resumed"], first["last_event_id"]) == ("snapshot", False, newest)
            assert len(first["data"]["calls"]) == 1


async def test_much_that_was_missed_arrives_whole_while_more_happens(client: Client, world: World) -> None:
    async with client.ws_connect(EVENTS) as listener:
        start = (await listener.receive_json())["last_event_id"]
    for _ in range(2500):
        happen(world)
    async with client.ws_connect(EVENTS, params={"last_event_id": str(start)}) as listener:
        assert (await listener.receive_json())["resumed"]
        for number in range(2600):
            if number < 100:
                happen(world)
            assert (await listener.receive_json(timeout=5))["id"] == start + 1 + number
        await nothing(listener)


@pytest.mark.parametrize("text", ["x", "-1", "1.5", "1" * 21, "%C2%B2", "%00", "1 2"])
async def test_an_unreadable_id_is_refused(wire: Wire, text: str) -> None:
    target = f"{EVENTS}?last_event_id={text.replace(' ', '%20')}"
    answer = await wire.request("GET", target, f"Authorization: Bearer {TOKEN}", *HANDSHAKE)
    assert (answer.status, answer.json["code"]) == (400, "malformed")


async def test_an_event_is_the_same_bytes_for_everybody(client: Client, world: World) -> None:
    encoded: list[bytes] = []

    def encode(event_id: int, happening: Happening | Logged) -> bytes:
        encoded.append(encode_event(event_id, happening))
        return encoded[-1]

    world.events._encode = encode
    listeners = [await client.ws_connect(EVENTS) for _ in range(20)]
    await until(lambda: world.events.listeners == 20)
    happen(world)
    heard = set()
    for listener in listeners:
        await listener.receive_json()
        heard.add((await listener.receive()).data)
        await listener.close()
    assert len(encoded) == len(heard) == 1
