"""One Asterisk node: keeps the event socket, speaks the engine's requests, hands over events and snapshots."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from time import perf_counter

import aiohttp
import msgspec
import structlog

from ctc_ari.ari.failure import AriFailed
from ctc_ari.ari.messages import (
    ALLOWED_EVENTS,
    Application,
    ApplicationReplaced,
    Bridge,
    Channel,
    Event,
    Info,
    RestResponse,
    UserEvent,
    Variable,
    decode_event,
    observe,
    to_input,
)
from ctc_ari.ari.rest import Rest, to_rest
from ctc_ari.ari.socket import EventSocket, connect
from ctc_ari.ari.transport import HttpTransport, Transport, WebSocketTransport
from ctc_ari.calls.effects import Request
from ctc_ari.calls.ids import recording_name
from ctc_ari.calls.model import Call
from ctc_ari.calls.ports import NOT_SENT, Feed, Replied, Snapshot
from ctc_ari.config import Asterisk, Node
from ctc_ari.errors import AsteriskUnreachable, RecordingNotFound

__all__ = ["Gateway"]

log = structlog.get_logger(__name__)

#: Seconds for one answer; a local Asterisk needs milliseconds.
REQUEST_DEADLINE = 2.0
CONNECT_SECONDS = 3.0
#: Below the 15 s after which Asterisk and aiohttp both drop an idle connection.
KEEPALIVE_SECONDS = 10.0
RECORDING_PART = 64 * 1024
#: A long recording takes its time, but not without a byte.
RECORDING_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS, sock_read=10.0)
#: Seconds until an event that we sent ourselves has to be heard.
ECHO_SECONDS = 1.0
RETRY_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.0)
#: How often the owner of the application gives a sign of life, how often one who stands by looks for it, and how many
#: looks in vain make him the next owner.
LIFE_SECONDS = 1.0
STANDBY_SECONDS = 2.0
LOOKS_IN_VAIN = 2
#: REST over the event socket came with this version.
WEBSOCKET_REST_SINCE = (22, 4)


class Gateway:
    """Implements `Telephony` for one node; `run` keeps it connected until it is cancelled."""

    def __init__(
        self,
        node: Node,
        asterisk: Asterisk,
        *,
        feed: Feed,
        reconcile: Callable[[Snapshot], None],
        timed: Callable[[float, bool], None] = lambda _seconds, _answered: None,
    ) -> None:
        """`timed` is told of every request of a call: the seconds it took, and whether an answer came."""
        self._node = node
        self._asterisk = asterisk
        self._feed = feed
        self._reconcile = reconcile
        self._timed = timed
        self._transport: Transport | None = None
        self._ready = False
        self._started = ""
        self._socket: EventSocket | None = None
        self._over_socket: WebSocketTransport | None = None
        self._connections = 0
        #: The owner's sign of life as last seen while standing by, and how often it was looked for in vain since.
        self._sign, self._looks = "", 0
        #: Set when an event comes back that we sent ourselves.
        self._echo = asyncio.Event()
        #: Events that came in while the snapshot was being taken; None: they are told at once.
        self._early: list[Event] | None = None
        #: Why calls cannot be placed, in words for an admin; None: they can.
        self.trouble: str | None = "not connected yet"

    @property
    def node(self) -> str:
        return self._node.name

    @property
    def app(self) -> str:
        return self._asterisk.app

    @property
    def connected(self) -> bool:
        return self._ready

    @property
    def behind(self) -> float:
        return self._transport.behind if self._transport else 0.0

    @property
    def started(self) -> str:
        return self._started

    def perform(self, call: Call, requests: Sequence[Request], replied: Replied) -> None:
        """Send the requests in this order; each answer's status is told to `replied`."""
        transport = self._transport
        if transport is None:
            for request in requests:
                replied(request, NOT_SENT)
            return

        sent = perf_counter()

        def answered(request: Request) -> Callable[[int | None, str], None]:
            def tell(status: int | None, _body: str) -> None:
                replied(request, status)
                self._timed(perf_counter() - sent, status not in (None, NOT_SENT))

            return tell

        caller_id = self._asterisk.caller_id
        transport.send(
            [(to_rest(call, request, self.app, caller_id), answered(request)) for request in requests], call.id
        )

    def discard(self, channels: Sequence[str], bridges: Sequence[str] = ()) -> None:
        """Remove channels, then bridges, that belong to no call."""
        paths = [*(f"channels/{channel}" for channel in channels), *(f"bridges/{bridge}" for bridge in bridges)]
        self._send_unheard([Rest("DELETE", path) for path in paths])

    def leave(self, channel: str) -> None:
        """Let the dialplan go on with it."""
        self._send_unheard([Rest("POST", f"channels/{channel}/continue")])

    def connect_records(self) -> None:
        """Let Asterisk look for its records' database again: one that was away at its start is never asked again."""
        modules = ("cdr_pgsql.so", "cel_pgsql.so")
        self._send_unheard([Rest(verb, f"asterisk/modules/{name}") for name in modules for verb in ("DELETE", "POST")])

    def _send_unheard(self, requests: Sequence[Rest]) -> None:
        if self._transport is not None and requests:
            self._transport.send([(rest, lambda _status, _body: None) for rest in requests], requests[0].path)

    async def stream(self, call_id: str, number: int) -> AsyncIterator[bytes]:
        """A finished recording, over HTTP: the event socket carries no binary data."""
        url = f"{self._node.ari_url.rstrip('/')}/recordings/stored/{recording_name(call_id, number)}/file"
        authorization = aiohttp.encode_basic_auth(self._node.username, self._node.password)
        try:
            async with (
                aiohttp.ClientSession(headers={"Authorization": authorization}, timeout=RECORDING_TIMEOUT) as session,
                session.get(url) as answer,
            ):
                if answer.status != 200:
                    raise RecordingNotFound
                async for part in answer.content.iter_chunked(RECORDING_PART):
                    yield part
        except (aiohttp.ClientError, TimeoutError) as error:
            raise AsteriskUnreachable from error

    async def probe(self) -> str | None:
        """Ask Asterisk something small; None when it answers in time, else what is wrong."""
        transport = self._transport
        if not self._ready or transport is None:
            return self.trouble or "the event socket is being opened"
        try:
            await _ask(transport, Rest("GET", "asterisk/ping"))
        except AriFailed as error:
            return str(error)
        return None

    async def run(self) -> None:
        """Stay connected; after a loss, come back and reconcile."""
        attempt = 0
        while True:
            before = self._connections
            try:
                await self._connection()
            except* (aiohttp.ClientError, OSError, AriFailed, msgspec.MsgspecError) as group:
                self._lost(_words(_first(group)))
            attempt = 0 if self._connections > before else attempt + 1
            await asyncio.sleep(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)])

    def _lost(self, why: str) -> None:
        if self.trouble != why:
            log.warning("asterisk lost", node=self.node, why=why)
        self.trouble = why

    async def _connection(self) -> None:
        """One connection's life, from opening to loss."""
        authorization = aiohttp.encode_basic_auth(self._node.username, self._node.password)
        connector = aiohttp.TCPConnector(limit=50, keepalive_timeout=KEEPALIVE_SECONDS)
        async with aiohttp.ClientSession(headers={"Authorization": authorization}, connector=connector) as session:
            http = HttpTransport(session, self._node.ari_url, REQUEST_DEADLINE, self._silent)
            info = await self._wait_until_ours(http)
            async with asyncio.timeout(CONNECT_SECONDS):
                socket = await connect(self._events_url(), authorization, self._read, CONNECT_SECONDS)
            try:
                await self._serve(socket, http, over_socket=self._use_websocket(info))
            finally:
                socket.close()

    def _events_url(self) -> str:
        root = self._node.ari_url.rstrip("/")
        return f"ws{root.removeprefix('http')}/events?app={self.app}"

    def _use_websocket(self, info: Info) -> bool:
        wanted = self._asterisk.transport
        return wanted == "websocket" or (wanted == "auto" and info.version >= WEBSOCKET_REST_SINCE)

    async def _wait_until_ours(self, http: Transport) -> Info:
        """Another service instance with the same application name keeps it until it stops."""
        while True:
            info = msgspec.json.decode(await _ask(http, Rest("GET", "asterisk/info")), type=Info)
            if self.trouble != _REPLACED or not await self._somebody_listens(http):
                return info
            await asyncio.sleep(STANDBY_SECONDS)

    async def _somebody_listens(self, http: Transport) -> bool:
        """An application outlives its socket while channels are in it: then only its owner's sign of life tells."""
        applications = msgspec.json.decode(await _ask(http, Rest("GET", "applications")), type=list[Application])
        if not any(application.name == self.app for application in applications):
            return False
        variable = (("variable", _life_of(self.app)),)
        sign = msgspec.json.decode(await _ask(http, Rest("GET", "asterisk/variable", variable)), type=Variable).value
        self._looks, self._sign = (self._looks + 1, sign) if sign == self._sign else (0, sign)
        return self._looks < LOOKS_IN_VAIN

    async def _live(self, transport: Transport) -> None:
        """Show others that the application has an owner, and see that events come."""
        while True:
            sign = (("variable", _life_of(self.app)), ("value", secrets.token_hex(8)))
            await _ask(transport, Rest("POST", "asterisk/variable", sign))
            await asyncio.sleep(LIFE_SECONDS)
            await self._hear_ourselves(transport)

    async def _hear_ourselves(self, transport: Transport) -> None:
        """Send an event and wait until it is heard. Raises AriFailed.

        When a connection begins at the very moment at which the one before ends, Asterisk may leave the application
        closed: requests are answered as ever, and no event comes.
        """
        self._echo.clear()
        await _ask(transport, Rest("POST", f"events/user/{_ECHO}", (("application", self.app),)))
        try:
            async with asyncio.timeout(ECHO_SECONDS):
                await self._echo.wait()
        except TimeoutError as error:
            raise AriFailed(_DEAF) from error

    async def _serve(self, socket: EventSocket, http: HttpTransport, *, over_socket: bool) -> None:
        self._early = []
        self._socket = socket
        self._over_socket = WebSocketTransport(socket.send, REQUEST_DEADLINE, self._silent) if over_socket else None
        transport: Transport = self._over_socket or http
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._live(transport), name="ari-life")
                tasks.create_task(self._open(transport), name="ari-open")
                tasks.create_task(socket.lost(), name="ari-socket")
        finally:
            self._ready = False
            self._transport = None
            self._socket = None
            transport.close()

    def _silent(self) -> None:
        """A request got no answer: whether the socket lives is found out by opening a new one."""
        self._ready = False
        if self._socket is not None:
            self._socket.close(AriFailed(f"ARI gave no answer within {REQUEST_DEADLINE:g} s"))

    def _read(self, message: bytes) -> None:
        """A message of the event socket. Raises AriFailed when the socket is no longer ours."""
        try:
            event = decode_event(message)
        except msgspec.MsgspecError as error:
            log.warning("event not understood", node=self.node, why=str(error))
            return
        if isinstance(event, RestResponse):
            if self._over_socket:
                self._over_socket.receive(event)
        elif isinstance(event, ApplicationReplaced):
            raise AriFailed(_REPLACED)
        elif isinstance(event, UserEvent):
            self._echo.set()
        elif event is not None and self._early is not None:
            self._early.append(event)
        elif event is not None:
            self._hear(event)

    async def _open(self, transport: Transport) -> None:
        """Take a snapshot, reconcile with it, then tell what happened while it was being taken."""
        allowed = [{"type": name} for name in ALLOWED_EVENTS]
        await _ask(transport, Rest("PUT", f"applications/{self.app}/eventFilter", (), {"allowed": allowed}))
        await self._hear_ourselves(transport)
        info = msgspec.json.decode(await _ask(transport, Rest("GET", "asterisk/info")), type=Info)
        channels = msgspec.json.decode(await _ask(transport, Rest("GET", "channels")), type=list[Channel])
        bridges = msgspec.json.decode(await _ask(transport, Rest("GET", "bridges")), type=list[Bridge])
        self._started = info.status.startup_time
        self._transport = transport
        self._reconcile(Snapshot(self.node, self._started, *observe(self.app, channels, bridges)))
        early, self._early = self._early or [], None
        for event in early:
            self._hear(event)
        self._ready = True
        self._connections += 1
        self.trouble = None
        log.info("asterisk connected", node=self.node, transport=type(transport).__name__)

    def _hear(self, event: Event) -> None:
        found = to_input(event)
        if found:
            self._feed(*found)


def _life_of(app: str) -> str:
    """The global variable of Asterisk in which the owner of an application gives signs of life."""
    return f"CTC_ALIVE_{app}"


#: The name of the event that we send to ourselves.
_ECHO = "ctc-echo"
_DEAF = "Asterisk answers, and sends no events; the connection is made again"
_NOBODY = "ARI cannot be reached; is Asterisk running, and is asterisk.nodes[].ari_url right?"
_REPLACED = "another service took this application over; stop it, or give this one another `asterisk.app`"


async def _ask(transport: Transport, rest: Rest) -> str:
    """The body of a good answer. Raises AriFailed."""
    answer: asyncio.Future[tuple[int | None, str]] = asyncio.get_running_loop().create_future()

    def answered(status: int | None, body: str) -> None:
        if not answer.done():
            answer.set_result((status, body))

    transport.send([(rest, answered)])
    status, body = await answer
    if status is None:
        raise AriFailed(f"ARI gave no answer within {REQUEST_DEADLINE:g} s")
    if status == NOT_SENT:
        raise AriFailed(_NOBODY)
    if status == 401:
        raise AriFailed("ARI refused the user name or password; compare asterisk.nodes with ari.conf")
    if status >= 300:
        raise AriFailed(f"ARI answered {status} to {rest.method} {rest.path.split('/')[0]}")
    return body


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _words(error: BaseException) -> str:
    match error:
        case AriFailed():
            return str(error)
        case TimeoutError():
            return f"ARI gave no answer within {CONNECT_SECONDS:g} s"
        case aiohttp.ClientConnectorError() | OSError():
            return _NOBODY
        case _:
            return f"ARI connection failed: {type(error).__name__}"
