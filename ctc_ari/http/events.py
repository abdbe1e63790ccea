"""/api/v1/events: a WebSocket that tells first what there is and then what happens, with nothing in between.

A browser cannot send headers with a WebSocket, so its token may come as a subprotocol beside our own:
`new WebSocket(url, ["ctc.events", "ctc.bearer." + session])`. A token is never sent by a browser of itself, as a cookie
is, so that no other site can open this with a visitor's rights; whoever adds cookies must check Origin here.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import NamedTuple

import msgspec
from aiohttp import hdrs, web

from ctc_ari.calls.model import Call
from ctc_ari.calls.ports import Happening, Logged
from ctc_ari.directory import Principal
from ctc_ari.errors import BadRequest, CtcError, Unauthorized
from ctc_ari.http.calls import CallList, CallView, view
from ctc_ari.http.log_view import LogView, log_view
from ctc_ari.http.moments import moment
from ctc_ari.http.services import LONGEST_TOKEN, Services, bearer_tokens, is_plain

__all__ = [
    "Event",
    "Events",
    "LoggedEvent",
    "LoggedNotice",
    "Notice",
    "Resumed",
    "Snapshot",
    "encode_event",
    "encode_notice",
]

PATH = "/api/v1/events"
SUBPROTOCOL = "ctc.events"
BEARER = "ctc.bearer."

#: Seconds between two pings; a listener that answers none for half as long is gone.
HEARTBEAT = 20.0
#: Seconds between two looks whether the tokens of those who listen are still good.
CHECK_SECONDS = 2.0
#: Seconds a listener may take for the snapshot and what it has missed, and for the farewell.
CATCH_UP_SECONDS, CLOSE_SECONDS = 30.0, 1.0
#: Bytes that are sent ahead to one who catches up; he is looked at again after so many seconds.
AHEAD, AHEAD_SECONDS = 64 * 1024, 0.02
#: Bytes the kernel may keep for one listener; left to itself it would take megabytes.
KERNEL_BUFFER = 128 * 1024
#: Bytes; nobody has anything to say here.
LARGEST_MESSAGE = 4096


class Event(msgspec.Struct, frozen=True):
    """Something that happened, with the call as it was then."""

    id: int
    type: str
    timestamp: str
    data: CallView


class LoggedEvent(msgspec.Struct, frozen=True):
    """A call's row in the log is written: `call.logged`."""

    id: int
    type: str
    timestamp: str
    data: LogView


class Notice(msgspec.Struct, frozen=True):
    """An event for a webhook (Standard Webhooks): its id travels in a header."""

    type: str
    timestamp: str
    data: CallView


class LoggedNotice(msgspec.Struct, frozen=True):
    """The same of a row in the log."""

    type: str
    timestamp: str
    data: LogView


class Snapshot(msgspec.Struct, frozen=True):
    """The first message: the live calls, after the event `last_event_id`."""

    type: str
    resumed: bool
    last_event_id: int
    data: CallList


class Resumed(msgspec.Struct, frozen=True):
    """The first message to one who came back in time: what he has missed follows."""

    type: str
    resumed: bool
    last_event_id: int


class Close(NamedTuple):
    """Why the service ends a connection (RFC 6455, 7.4)."""

    code: int
    reason: bytes


DONE = Close(1000, b"")
STOPPING = Close(1001, b"the service stops; come back with last_event_id")
TOO_SLOW = Close(1013, b"too slow; come back with last_event_id")
SIGNED_OUT = Close(4401, b"the token or session is not valid, or not any more")

_encode = msgspec.json.encode


def encode_event(event_id: int, happening: Happening | Logged) -> bytes:
    """The event as a frame, the same for everybody who hears it."""
    if isinstance(happening, Logged):
        return frame(_encode(LoggedEvent(event_id, happening.event, moment(happening.at), log_view(happening.row))))
    return frame(_encode(Event(event_id, happening.event, moment(happening.at), view(happening.call))))


def encode_notice(happening: Happening | Logged) -> str:
    """What a webhook is sent of it."""
    if isinstance(happening, Logged):
        return _encode(LoggedNotice(happening.event, moment(happening.at), log_view(happening.row))).decode()
    return _encode(Notice(happening.event, moment(happening.at), view(happening.call))).decode()


def frame(text: bytes) -> bytes:
    """A text message in one frame; a server's frames are not masked (RFC 6455, 5.2)."""
    size = len(text)
    if size < 126:
        return bytes((0x81, size)) + text
    if size < 0x10000:
        return b"\x81\x7e" + size.to_bytes(2, "big") + text
    return b"\x81\x7f" + size.to_bytes(8, "big") + text


class Connection:
    """One listener's way out; implements `Outlet`. Frames go straight to the transport: nobody waits for anybody."""

    def __init__(self, token: str, principal: Principal, transport: asyncio.Transport) -> None:
        self.token = token
        self.principal = principal
        self.over: asyncio.Future[Close] = asyncio.get_running_loop().create_future()
        self._transport = transport

    @property
    def unsent(self) -> int:
        """Bytes in this process; the kernel has some more."""
        return self._transport.get_write_buffer_size()

    def send(self, encoded: bytes) -> None:
        """Whole frames, one or more."""
        if not self._transport.is_closing():
            self._transport.write(encoded)

    def cut_off(self) -> None:
        """It does not read fast enough."""
        self.end(TOO_SLOW)

    def end(self, close: Close) -> None:
        """Say goodbye; the first reason counts."""
        if not self.over.done():
            self.over.set_result(close)

    async def has_read(self) -> None:
        """Let others have their turn, and until the other side has read most of what it was sent."""
        pause = 0.0
        while True:
            await asyncio.sleep(pause)
            if self.unsent <= AHEAD or self._transport.is_closing():
                return
            pause = AHEAD_SECONDS


class Events:
    """The handler, and the look whether those who listen still may."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._open: set[Connection] = set()

    def routes(self) -> list[web.RouteDef]:
        """GET, as every WebSocket begins."""
        return [web.get(PATH, self.listen, allow_head=False)]

    async def running(self, app: web.Application) -> AsyncIterator[None]:
        """A `cleanup_ctx`."""
        checking = asyncio.create_task(self._check(), name="events")
        yield
        checking.cancel()

    async def stop(self, app: web.Application) -> None:
        """An `on_shutdown`: everybody is told, and nobody keeps the service from stopping."""
        for connection in self._open:
            connection.end(STOPPING)

    async def listen(self, request: web.Request) -> web.StreamResponse:
        """101, and then messages until either side goes."""
        token, by_subprotocol = _token_of(request)
        try:
            principal = self._services.directory.authenticate(token)
        except Unauthorized:
            #: A browser's script sees no status, but it does see why a connection was closed.
            if not by_subprotocol:
                raise
            principal = None
        since = _last_event_id(request)
        socket_ = web.WebSocketResponse(
            protocols=(SUBPROTOCOL,),
            heartbeat=HEARTBEAT,
            timeout=CLOSE_SECONDS,
            compress=False,
            max_msg_size=LARGEST_MESSAGE,
        )
        if not socket_.can_prepare(request):
            raise BadRequest("Open this as a WebSocket.")
        await socket_.prepare(request)
        transport = request.transport
        if principal is None or transport is None:
            await socket_.close(code=SIGNED_OUT.code, message=SIGNED_OUT.reason)
            return socket_
        _bound_kernel(transport)
        await self._serve(Connection(token, principal, transport), socket_, since)
        if transport.get_write_buffer_size():
            transport.abort()
        return socket_

    async def _serve(self, connection: Connection, socket_: web.WebSocketResponse, since: int | None) -> None:
        reading = asyncio.create_task(_read(socket_))
        self._open.add(connection)
        try:
            await self._tell(connection, since)
            await asyncio.wait((reading, connection.over), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._open.discard(connection)
            self._services.events.leave(connection)
            reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        close = connection.over.result() if connection.over.done() else DONE
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await socket_.close(code=close.code, message=close.reason)
        except TimeoutError:
            pass

    async def _tell(self, connection: Connection, since: int | None) -> None:
        """What there is or what was missed, and from then on what happens."""
        try:
            async with asyncio.timeout(CATCH_UP_SECONDS):
                position = self._begin(connection, since)
                await connection.has_read()
                while position != self._services.events.newest:
                    found = self._services.events.after(position, connection.principal.agents)
                    if found is None or connection.over.done():
                        connection.end(TOO_SLOW)
                        return
                    connection.send(b"".join(found[0]))
                    position = found[1]
                    await connection.has_read()
        except TimeoutError:
            connection.end(TOO_SLOW)
        else:
            self._services.events.join(connection, connection.principal.agents, position)

    def _begin(self, connection: Connection, since: int | None) -> int:
        """The first message, and the event after which the story goes on. No await: both are of one moment."""
        events = self._services.events
        newest = events.expect()
        if since is not None and events.knows(since):
            connection.send(frame(_encode(Resumed("resumed", resumed=True, last_event_id=since))))
            return since
        calls = CallList([view(call) for call in self._services.desk.live() if _concerns(connection.principal, call)])
        connection.send(frame(_encode(Snapshot("snapshot", resumed=False, last_event_id=newest, data=calls))))
        return newest

    async def _check(self) -> None:
        """Whoever was signed out, revoked, removed or has expired hears nothing more."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            for number, connection in enumerate(tuple(self._open), start=1):
                if not self._still_good(connection):
                    connection.end(SIGNED_OUT)
                if not number % 50:
                    await asyncio.sleep(0)

    def _still_good(self, connection: Connection) -> bool:
        try:
            return self._services.directory.authenticate(connection.token) == connection.principal
        except CtcError:
            return False


def _concerns(principal: Principal, call: Call) -> bool:
    """Whether the call is theirs, or is being handed over to them: both are told in events, too."""
    transfer = call.transfer
    target = transfer.target.agent.email if transfer and transfer.open else ""
    return principal.may_act_for(call.agent.email) or (target != "" and principal.may_act_for(target))


async def _read(socket_: web.WebSocketResponse) -> None:
    """Until the other side goes; nothing it says means anything."""
    async for _ in socket_:
        pass


def _token_of(request: web.Request) -> tuple[str, bool]:
    """The token, and whether it came as a subprotocol. Raises Unauthorized, BadRequest."""
    header = request.headers.get(hdrs.SEC_WEBSOCKET_PROTOCOL, "")
    offered = [name.strip() for name in header.split(",")] if header else []
    tokens = [name.removeprefix(BEARER) for name in offered if name.startswith(BEARER)]
    by_subprotocol = bool(tokens)
    tokens += bearer_tokens(request)
    if len(tokens) != 1 or not is_plain(tokens[0], LONGEST_TOKEN):
        raise Unauthorized
    if header and SUBPROTOCOL not in offered:
        #: aiohttp would write what was offered, and the token with it, into the log.
        raise BadRequest(f"Offer the subprotocol `{SUBPROTOCOL}` beside your own.")
    return tokens[0], by_subprotocol


def _last_event_id(request: web.Request) -> int | None:
    """The last event that was received over an earlier connection. Raises BadRequest."""
    text = request.query.get("last_event_id") or request.headers.get("Last-Event-ID")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 20):
        raise BadRequest("last_event_id must be the id of the last event you received.")
    return int(text)


def _bound_kernel(transport: asyncio.Transport) -> None:
    """So that one who does not read is noticed soon, and costs little."""
    there = transport.get_extra_info("socket")
    if there is not None:
        there.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BUFFER)
