"""The event socket: on a real Asterisk, and on a line that sends exactly the bytes a test wants."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest

from ctc_ari.ari.failure import AriFailed
from ctc_ari.ari.socket import EventSocket, connect
from tests.ari.conftest import Pbx
from tests.phones import free_port


def login(pbx: Pbx, password: str | None = None) -> str:
    return aiohttp.encode_basic_auth(pbx.node.username, password or pbx.node.password)


def url(pbx: Pbx, app: str = "sock") -> str:
    return f"ws{pbx.node.ari_url.removeprefix('http')}/events?app={app}"


def ignore(_message: bytes) -> None:
    """Nobody listens."""


PING = json.dumps(
    {"type": "RESTRequest", "request_id": "1", "transaction_id": "1", "method": "GET", "uri": "asterisk/ping"}
).encode()


async def first_of(heard: list[bytes], seconds: float = 3.0) -> bytes:
    deadline = time.monotonic() + seconds
    while not heard:
        assert time.monotonic() < deadline, "nothing was heard"
        await asyncio.sleep(0.01)
    return heard[0]


# a real Asterisk


async def test_what_is_sent_is_answered(pbx: Pbx) -> None:
    heard: list[bytes] = []
    socket = await connect(url(pbx), login(pbx), heard.append, 3.0)
    socket.send(PING)
    answer = json.loads(await first_of(heard))
    assert (answer["type"], answer["request_id"], answer["status_code"]) == ("RESTResponse", "1", 200)
    socket.close()


async def test_a_wrong_password_is_refused_with_its_status(pbx: Pbx) -> None:
    with pytest.raises(AriFailed, match="401"):
        await connect(url(pbx), login(pbx, "wrong"), ignore, 3.0)


async def test_nobody_there_is_an_error() -> None:
    with pytest.raises(OSError):
        await connect(f"ws://127.0.0.1:{free_port()}/ari/events?app=sock", "", ignore, 3.0)


async def test_a_silent_asterisk_is_lost_within_seconds_though_nothing_is_sent(pbx: Pbx) -> None:
    socket = await connect(url(pbx, "sockidle"), login(pbx), ignore, 3.0)
    with pbx.frozen():
        async with asyncio.timeout(5):
            with pytest.raises(AriFailed, match="closed"):
                await socket.lost()


async def test_an_idle_socket_is_kept_while_asterisk_gives_signs_of_life(pbx: Pbx) -> None:
    socket = await connect(url(pbx, "sockkept"), login(pbx), ignore, 3.0)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(3.5):
            await socket.lost()
    socket.close()


async def test_closed_by_us_then_it_is_lost_for_our_reason_and_swallows_what_is_sent(pbx: Pbx) -> None:
    socket = await connect(url(pbx), login(pbx), ignore, 3.0)
    socket.close(AriFailed("because"))
    socket.close(AriFailed("something else"))
    with pytest.raises(AriFailed, match="because"):
        await socket.lost()
    socket.send(PING)


# exact bytes


@asynccontextmanager
async def line(heard: Callable[[bytes], None], *, status: str = "101 Switching Protocols") -> AsyncIterator[Wire]:
    """A WebSocket whose far end writes raw frames (RFC 6455 section 5.2)."""
    wire = Wire()
    server = await asyncio.start_server(lambda reader, writer: wire.accept(reader, writer, status), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        wire.socket = await connect(f"ws://127.0.0.1:{port}/", "Basic x", heard, 3.0)
        yield wire
        wire.socket.close()
    finally:
        wire.hang_up()
        server.close()
        await server.wait_closed()


class Wire:
    """Both ends of it."""

    socket: EventSocket

    def __init__(self) -> None:
        self._writer: asyncio.StreamWriter | None = None

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, status: str) -> None:
        self._writer = writer
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = next(text.split(": ")[1] for text in request.splitlines() if text.lower().startswith("sec-websocket-key"))
        digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode(), usedforsecurity=False).digest()
        head = f"HTTP/1.1 {status}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        self.write(f"{head}Sec-WebSocket-Accept: {base64.b64encode(digest).decode()}\r\n\r\n".encode())

    def write(self, data: bytes) -> None:
        assert self._writer is not None
        self._writer.write(data)

    def hang_up(self) -> None:
        if self._writer is not None:
            self._writer.close()


async def test_a_message_in_parts_is_heard_once_and_whole() -> None:
    heard: list[bytes] = []
    async with line(heard.append) as wire:
        wire.write(b"\x01\x03abc")
        await asyncio.sleep(0.05)
        assert heard == []
        wire.write(b"\x89\x00" + b"\x00\x03def" + b"\x80\x01g" + b"\x81\x04next")
        await asyncio.sleep(0.05)
        assert heard == [b"abcdefg", b"next"]


async def test_a_long_list_is_one_message() -> None:
    heard: list[bytes] = []
    size = 20 * 2**20
    async with line(heard.append) as wire:
        wire.write(b"\x81\x7f" + size.to_bytes(8, "big") + b"x" * size)
        assert len(await first_of(heard)) == size


@pytest.mark.parametrize("farewell", [b"\x88\x00", b"\x88\x02\x03\xe9"])
async def test_a_farewell_is_a_loss(farewell: bytes) -> None:
    async with line(ignore) as wire:
        wire.write(farewell)
        with pytest.raises(AriFailed, match="closed"):
            await wire.socket.lost()


async def test_a_cut_line_is_a_loss() -> None:
    async with line(ignore) as wire:
        wire.hang_up()
        with pytest.raises(AriFailed, match="closed"):
            await wire.socket.lost()


async def test_whoever_hears_may_end_it_with_a_reason() -> None:
    def refuses(message: bytes) -> None:
        raise AriFailed(message.decode())

    async with line(refuses) as wire:
        wire.write(b"\x81\x03why")
        with pytest.raises(AriFailed, match="why"):
            await wire.socket.lost()


async def test_what_is_no_web_socket_is_named() -> None:
    with pytest.raises(AriFailed, match="404"):
        async with line(ignore, status="404 Not Found"):
            pass
