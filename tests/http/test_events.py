"""/api/v1/events over real sockets: what is said first, what follows, and why it ends."""

from __future__ import annotations

import asyncio
import base64
import logging
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType

from ctc_ari.calls.commands import PlaceCall
from ctc_ari.calls.model import Agent, Phase
from ctc_ari.calls.ports import Happening, Logged
from ctc_ari.http import encode_event, events
from tests.http.conftest import Client, Lines, Server, Wire, World
from tests.http.fakes import ANNA, ANNAS_SESSION, ANNAS_TOKEN, BORIS, CREATED, NUMBER, TOKEN, a_call

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


async def until(condition: Callable[[], bool], timeout: float = 5.0) -> None:
    async with asyncio.timeout(timeout):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def nothing(listener: ClientWebSocketResponse) -> None:
    """Nothing more is said to him for a while."""
    with pytest.raises(TimeoutError):
        await listener.receive(timeout=0.1)


async def closed(listener: ClientWebSocketResponse) -> tuple[int | None, str]:
    """With which code and which words the service ends it."""
    message = await listener.receive(timeout=5)
    assert message.type is WSMsgType.CLOSE, message
    await listener.close()
    return message.data, message.extra or ""


@pytest.fixture
async def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens are looked at more often than usual."""
    monkeypatch.setattr(events, "CHECK_SECONDS", 0.05)


# what is said


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


# coming back


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


# who may listen


async def test_a_browser_sends_its_token_as_a_subprotocol(server: Server, world: World) -> None:
    async with (
        aiohttp.ClientSession() as browser,
        browser.ws_connect(
            server.make_url(EVENTS), protocols=("ctc.events", f"ctc.bearer.{ANNAS_SESSION}")
        ) as listener,
    ):
        assert listener.protocol == "ctc.events", "never the token"
        assert (await listener.receive_json())["type"] == "snapshot"
        happen(world, agent=BORIS)
        annas = happen(world)
        assert (await listener.receive_json())["id"] == annas


async def test_a_browser_with_a_wrong_token_is_told_by_the_close_code(server: Server, world: World) -> None:
    async with (
        aiohttp.ClientSession() as browser,
        browser.ws_connect(server.make_url(EVENTS), protocols=("ctc.events", "ctc.bearer.ctcs_0_wrong")) as listener,
    ):
        assert await closed(listener) == (4401, "the token or session is not valid, or not any more")
    assert world.events.listeners == 0


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ((), 401),
        (("Authorization: Bearer ctc_unknown_token",), 401),
        (("Authorization: Basic YTpi",), 401),
        ((f"Authorization: Bearer {TOKEN}", f"Authorization: Bearer {ANNAS_TOKEN}"), 401),
        ((f"Authorization: Bearer {TOKEN}", f"Sec-WebSocket-Protocol: ctc.events, ctc.bearer.{ANNAS_TOKEN}"), 401),
        ((f"Sec-WebSocket-Protocol: ctc.events, ctc.bearer.{TOKEN}, ctc.bearer.{TOKEN}",), 401),
        (("Sec-WebSocket-Protocol: ctc.events",), 401),
        (("Sec-WebSocket-Protocol: ctc.events, ctc.bearer.",), 401),
        ((f"Sec-WebSocket-Protocol: ctc.bearer.{TOKEN}",), 400),
        ((f"Authorization: Bearer {TOKEN}", "Sec-WebSocket-Protocol: something"), 400),
    ],
)
async def test_without_one_good_token_and_our_subprotocol_nobody_listens(
    wire: Wire, lines: tuple[str, ...], status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = await wire.request("GET", EVENTS, *HANDSHAKE, *lines)
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert TOKEN not in caplog.text


@pytest.mark.parametrize("missing", range(len(HANDSHAKE)))
async def test_what_is_no_websocket_is_a_problem(wire: Wire, missing: int) -> None:
    lines = [line for number, line in enumerate(HANDSHAKE) if number != missing]
    answer = await wire.request("GET", EVENTS, f"Authorization: Bearer {TOKEN}", *lines)
    assert (answer.status, answer.json["detail"]) == (400, "Open this as a WebSocket.")


async def test_a_plain_request_is_refused_for_its_token_first(wire: Wire) -> None:
    assert (await wire.request("GET", EVENTS)).status == 401
    assert (await wire.request("GET", EVENTS, f"Authorization: Bearer {TOKEN}")).status == 400


async def test_a_connection_is_logged_once_when_it_is_over_and_without_its_token(
    server: Server, world: World, lines: Lines, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with (
        aiohttp.ClientSession() as browser,
        browser.ws_connect(
            server.make_url(EVENTS).with_query(last_event_id=5),
            protocols=("ctc.events", f"ctc.bearer.{ANNAS_SESSION}"),
        ) as listener,
    ):
        await listener.receive_json()
        assert lines == []
    await until(lambda: bool(lines))
    assert [(line["route"], line["status"]) for line in lines] == [(EVENTS, 101)]
    assert ANNAS_SESSION not in repr(lines) + caplog.text


# how it ends


@pytest.mark.usefixtures("quickly")
async def test_signing_out_ends_the_sessions_streams_and_nobody_elses(client: Client, world: World) -> None:
    made = (await (await client.post("/api/v1/sessions", json={"email": ANNA.email})).json())["session"]
    session = {"Authorization": f"Bearer {made}"}
    async with (
        client.ws_connect(EVENTS, headers=session) as one,
        client.ws_connect(EVENTS, headers=session) as two,
        client.ws_connect(EVENTS, headers=OF_ANNA) as other,
    ):
        for listener in (one, two, other):
            await listener.receive_json()
        await client.delete("/api/v1/sessions/current", headers=session)
        for listener in (one, two):
            assert (await closed(listener))[0] == 4401
        await asyncio.sleep(0.2)
        happen(world)
        assert (await other.receive_json())["type"] == "call.answered"


@pytest.mark.usefixtures("quickly")
async def test_whose_token_may_see_less_than_before_must_come_back(client: Client, world: World) -> None:
    async with client.ws_connect(EVENTS) as listener:
        await listener.receive_json()
        world.directory.tokens[TOKEN] = world.directory.tokens[ANNAS_TOKEN]
        assert (await closed(listener))[0] == 4401


async def test_a_listener_that_goes_is_forgotten(client: Client, world: World) -> None:
    for ending in ("close", "abort"):
        listener = await client.ws_connect(EVENTS)
        await listener.receive_json()
        await until(lambda: world.events.listeners == 1)
        if ending == "close":
            await listener.close()
        else:
            assert listener._conn is not None
            assert listener._conn.transport is not None
            listener._conn.transport.abort()
        await until(lambda: world.events.listeners == 0)


async def test_a_listener_that_answers_no_ping_is_forgotten(
    server: Server, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT", 0.2)
    async with Deaf(server), aiohttp.ClientSession() as session:
        alive = await session.ws_connect(server.make_url(EVENTS), headers=OF_ANNA)
        await alive.receive_json()
        listening = asyncio.create_task(alive.receive_json())
        await until(lambda: world.events.listeners == 2)
        await until(lambda: world.events.listeners == 1)
        await asyncio.sleep(0.5)
        assert world.events.listeners == 1, "the other one answers"
        happen(world)
        assert (await listening)["type"] == "call.answered"
        await alive.close()


class Deaf:
    """A listener that opens the connection and reads nothing more, with a small window."""

    def __init__(self, server: Server, *lines: str) -> None:
        self._port = server.port
        self._lines = lines

    async def __aenter__(self) -> Deaf:
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(self.socket, ("127.0.0.1", self._port))
        lines = (f"GET {EVENTS} HTTP/1.1", "Host: test", f"Authorization: Bearer {TOKEN}", *HANDSHAKE, *self._lines)
        await loop.sock_sendall(self.socket, "".join(f"{line}\r\n" for line in (*lines, "")).encode())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.socket.close()

    async def everything(self) -> bytes:
        """What was sent after all, to the end."""
        loop = asyncio.get_running_loop()
        got = b""
        try:
            while data := await asyncio.wait_for(loop.sock_recv(self.socket, 65536), 5):
                got += data
        except ConnectionResetError:
            pass
        return got


async def overwhelm(world: World, limit: int = 20_000) -> int:
    """So many events that whoever does not read is cut off; how many."""
    for number in range(limit):
        if not world.events.listeners:
            return number
        happen(world)
        if not number % 50:
            await asyncio.sleep(0.005)
    raise AssertionError("never cut off")


async def test_one_who_does_not_read_is_cut_off_with_1013_and_reads_it_when_he_looks(
    server: Server, world: World
) -> None:
    async with Deaf(server) as deaf:
        await until(lambda: world.events.listeners == 1)
        assert 300 < await overwhelm(world) < 5000
        got = await deaf.everything()
        assert got.endswith(b"\x03\xf5" + events.TOO_SLOW.reason), "1013 and why"


async def test_one_who_never_looks_is_gone_seconds_later(
    server: Server, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "CLOSE_SECONDS", 0.3)
    async with Deaf(server) as deaf:
        await until(lambda: world.events.listeners == 1)
        await overwhelm(world)
        await asyncio.sleep(0.6)
        assert not (await deaf.everything()).endswith(events.TOO_SLOW.reason)


async def test_one_who_does_not_read_delays_nobody(client: Client, server: Server, world: World) -> None:
    async with Deaf(server), client.ws_connect(EVENTS) as listener:
        await until(lambda: world.events.listeners == 2)
        heard = (await listener.receive_json())["last_event_id"]
        for number in range(2000):
            happen(world)
            if number % 50 == 49:
                for _ in range(50):
                    heard += 1
                    assert (await listener.receive_json(timeout=1))["id"] == heard
        assert world.events.listeners == 1


async def test_one_who_does_not_read_what_he_missed_is_cut_off(
    server: Server, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "CATCH_UP_SECONDS", 0.3)
    for number in range(1500):
        world.desk.put(a_call(f"call-{number}"))
    async with Deaf(server) as deaf:
        await asyncio.sleep(0.6)
        assert world.events.listeners == 0
        assert (await deaf.everything()).endswith(events.TOO_SLOW.reason)


async def test_when_the_service_stops_everybody_is_told_and_it_does_not_wait(world: World) -> None:
    server = Server(world.services())
    await server.start_server()
    async with Deaf(server), aiohttp.ClientSession() as session:
        listener = await session.ws_connect(server.make_url(EVENTS), headers=OF_ANNA)
        await listener.receive_json()
        await until(lambda: world.events.listeners == 2)
        goodbye = asyncio.create_task(closed(listener))
        async with asyncio.timeout(events.CLOSE_SECONDS + 1):
            await server.close()
        assert (await goodbye)[0] == 1001
    assert world.events.listeners == 0


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


@pytest.fixture(autouse=True)
async def nothing_is_left() -> AsyncIterator[None]:
    """No task of a connection outlives its test."""
    before = asyncio.all_tasks()
    yield
    await asyncio.sleep(0)
    left: list[Any] = [task for task in asyncio.all_tasks() - before if "_read" in repr(task) or "_tell" in repr(task)]
    assert left == []
