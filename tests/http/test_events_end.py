"""Why a listener to /api/v1/events is given up: he goes, is deaf, or does not read; or the service stops."""

from __future__ import annotations

import asyncio
import socket

import aiohttp
import pytest

from ctc_ari.http import events
from tests.http.conftest import Client, Server, World
from tests.http.fakes import TOKEN, a_call
from tests.http.listening import EVENTS, HANDSHAKE, OF_ANNA, closed, happen, until

pytestmark = pytest.mark.usefixtures("nothing_is_left")


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
