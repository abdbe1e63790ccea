"""The browser as a phone: `POST /api/v1/sip-tickets` gives a one-time ticket, `/sip` takes it and leads to Asterisk.

SIP over WebSocket is RFC 7118. Asterisk's own entrance does not ask where a page comes from, so it stays inside, and
everything passes here: same address and certificate as the API, Origin checked, one connection for each ticket, and
only in the name of the agent who got it.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable

import msgspec
import structlog
from aiohttp import WSMsgType, hdrs, web
from prometheus_client import Gauge

from ctc_ari.config import WebRtc
from ctc_ari.directory import Principal
from ctc_ari.errors import BadRequest, CtcError, NotAllowed, Unauthorized
from ctc_ari.http.answers import json_answer
from ctc_ari.http.moments import moment
from ctc_ari.http.origins import Origins
from ctc_ari.http.services import Services, authenticate, bearer_tokens
from ctc_ari.http.sip_messages import objection
from ctc_ari.web_phones import SipSocket, account_name

__all__ = ["IceServerView", "Sip", "TicketView"]

TICKETS = "/api/v1/sip-tickets"
PATH = "/sip"
#: Seconds within which a ticket must be used.
TICKET_SECONDS = 30.0
#: Seconds for which TURN credentials are good: as long as a session.
TURN_SECONDS = 12 * 3600
#: Seconds between two looks whether the session of a connected browser is still good, and between two pings.
CHECK_SECONDS, HEARTBEAT = 2.0, 20.0
CLOSE_SECONDS = 1.0
#: Bytes of one SIP message.
LARGEST_MESSAGE = 64 * 1024

#: RFC 6455, 7.4: why a connection ends.
STOPPING = (1001, b"the service stops; get a new ticket and come back")
NOT_ASTERISK = (4503, b"Asterisk cannot be reached; get a new ticket and come back")
NOT_ALLOWED = (4403, b"that is not a message this phone may send")
ELSEWHERE = (4409, b"this agent's phone was opened elsewhere")
SIGNED_OUT = (4401, b"the session is not valid any more")

log = structlog.get_logger("ctc_ari.http")


class IceServerView(msgspec.Struct, frozen=True, omit_defaults=True):
    """W3C WebRTC, RTCIceServer."""

    urls: list[str]
    username: str | None = None
    credential: str | None = None


class TicketView(msgspec.Struct, frozen=True):
    """What a browser needs to become the agent's phone."""

    #: Relative to this service, with the ticket in it.
    url: str
    uri: str
    username: str
    password: str
    ice_servers: list[IceServerView]
    #: Until then the connection must be opened; it may then last as long as the session.
    expires_at: str


class _Ticket(msgspec.Struct, frozen=True):
    account: str
    #: The session it was made with, looked at again while the connection lasts.
    token: str
    principal: Principal
    expires: float


class Sip:
    """The handlers. Tickets and connections are this instance's own."""

    def __init__(
        self, services: Services, origins: Origins, webrtc: WebRtc, clock: Callable[[], float] = time.time
    ) -> None:
        self._services = services
        self._origins = origins
        self._webrtc = webrtc
        self._clock = clock
        self._tickets: dict[str, _Ticket] = {}
        #: Account -> how its one connection is told to end.
        self._open: dict[str, asyncio.Future[tuple[int, bytes]]] = {}
        #: An account is made or removed, not both at once: each takes several requests.
        self._accounts: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        phones = Gauge("ctc_browser_phones", "Browsers connected as phones now.", registry=services.registry)
        phones.set_function(lambda: len(self._open))

    def routes(self) -> list[web.RouteDef]:
        """POST for the ticket, GET as every WebSocket begins."""
        return [web.post(TICKETS, self.create), web.get(PATH, self.connect, allow_head=False)]

    async def stop(self, app: web.Application) -> None:
        """An `on_shutdown`: a conversation goes on without this connection, and the browser comes back."""
        for over in self._open.values():
            _end(over, STOPPING)

    async def create(self, request: web.Request) -> web.Response:
        """201 with a ticket and a new password; an earlier password is not good any more."""
        principal = authenticate(self._services, request)
        if not principal.session or principal.agents is None:
            raise NotAllowed("Only an agent's session makes a browser her phone; make one with POST /api/v1/sessions.")
        (email,) = principal.agents
        agent = self._services.directory.agent(email)
        async with self._accounts[account_name(agent) or ""]:
            account = await self._services.web_phones.admit(agent)
            now = self._clock()
            self._tickets = {key: kept for key, kept in self._tickets.items() if self._keeps(kept, account.name, now)}
            ticket = secrets.token_urlsafe(32)
            self._tickets[ticket] = _Ticket(account.name, bearer_tokens(request)[0], principal, now + TICKET_SECONDS)
        made = TicketView(
            url=f"{PATH}?ticket={ticket}",
            uri=f"sip:{account.name}@ctc.invalid",
            username=account.name,
            password=account.password,
            ice_servers=self._ice_servers(account.name, now),
            expires_at=moment(now + TICKET_SECONDS),
        )
        return json_answer(made, 201)

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """101, and then SIP messages both ways until one side goes, the session ends, or another window takes over."""
        if not self._origins.admits(request):
            raise NotAllowed("Only pages of this service and of server.allowed_origins are phones here.")
        if "sip" not in request.headers.get(hdrs.SEC_WEBSOCKET_PROTOCOL, "").replace(" ", "").split(","):
            raise BadRequest("Open this as a WebSocket with the subprotocol `sip`.")
        ticket = self._tickets.pop(request.query.get("ticket", ""), None)
        if ticket is None or ticket.expires < self._clock() or not self._still_good(ticket):
            raise Unauthorized
        socket = web.WebSocketResponse(
            protocols=("sip",), heartbeat=HEARTBEAT, timeout=CLOSE_SECONDS, compress=False, max_msg_size=LARGEST_MESSAGE
        )
        if not socket.can_prepare(request):
            raise BadRequest("Open this as a WebSocket with the subprotocol `sip`.")
        await socket.prepare(request)
        over: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        if ticket.account in self._open:
            _end(self._open[ticket.account], ELSEWHERE)
        self._open[ticket.account] = over
        try:
            code, reason = await self._relay(socket, ticket, over)
        finally:
            await self._closed(ticket.account, over)
        await socket.close(code=code, message=reason)
        return socket

    async def _relay(
        self, socket: web.WebSocketResponse, ticket: _Ticket, over: asyncio.Future[tuple[int, bytes]]
    ) -> tuple[int, bytes]:
        """Why it ended."""
        try:
            async with self._services.web_phones.connect() as asterisk:
                tasks = [
                    asyncio.create_task(_to_asterisk(socket, asterisk, ticket.account), name="sip-out"),
                    asyncio.create_task(_to_browser(asterisk, socket), name="sip-in"),
                    asyncio.create_task(self._watch(ticket), name="sip-session"),
                ]
                try:
                    done, _ = await asyncio.wait((*tasks, over), return_when=asyncio.FIRST_COMPLETED)
                    return over.result() if over.done() else done.pop().result()
                finally:
                    for task in tasks:
                        task.cancel()
                    await asyncio.gather(*tasks, return_exceptions=True)
        except CtcError:
            return NOT_ASTERISK

    async def _watch(self, ticket: _Ticket) -> tuple[int, bytes]:
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            if not self._still_good(ticket):
                return SIGNED_OUT

    async def _closed(self, account: str, over: asyncio.Future[tuple[int, bytes]]) -> None:
        """The last one out takes the account along, unless somebody is about to come in."""
        if self._open.get(account) is not over:
            return
        del self._open[account]
        async with self._accounts[account]:
            now = self._clock()
            waited_for = any(ticket.account == account and ticket.expires >= now for ticket in self._tickets.values())
            if not waited_for and account not in self._open:
                await self._services.web_phones.dismiss(account)

    def _keeps(self, ticket: _Ticket, account: str, now: float) -> bool:
        """An agent's newer ticket replaces the one before, whose password is not good any more."""
        return ticket.account != account and ticket.expires >= now

    def _still_good(self, ticket: _Ticket) -> bool:
        try:
            return self._services.directory.authenticate(ticket.token) == ticket.principal
        except CtcError:
            return False

    def _ice_servers(self, account: str, now: float) -> list[IceServerView]:
        """With credentials of its own for each browser where the TURN server shares a secret with us.

        Source: draft-uberti-behave-turn-rest, as coturn's `use-auth-secret` has it.
        """
        found = []
        for server in self._webrtc.ice_servers:
            username, credential = server.username, server.credential
            if username is None and self._webrtc.turn_secret and any(url.startswith("turn") for url in server.urls):
                username = f"{int(now + TURN_SECONDS)}:{account}"
                digest = hmac.new(self._webrtc.turn_secret.encode(), username.encode(), hashlib.sha1).digest()
                credential = base64.b64encode(digest).decode()
            found.append(IceServerView(list(server.urls), username, credential))
        return found


def _end(over: asyncio.Future[tuple[int, bytes]], why: tuple[int, bytes]) -> None:
    if not over.done():
        over.set_result(why)


async def _to_asterisk(socket: web.WebSocketResponse, asterisk: SipSocket, account: str) -> tuple[int, bytes]:
    async for message in _texts(socket):
        why = objection(message, account)
        if why is not None:
            log.warning("browser phone cut off", phone=account, why=why)
            return NOT_ALLOWED
        await asterisk.send(message)
    return 1000, b""


async def _to_browser(asterisk: SipSocket, socket: web.WebSocketResponse) -> tuple[int, bytes]:
    while (message := await asterisk.receive()) is not None:
        try:
            await socket.send_str(message)
        except ConnectionError:
            return 1000, b""
    return NOT_ASTERISK


async def _texts(socket: web.WebSocketResponse) -> AsyncIterator[str]:
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            yield message.data
        elif message.type is WSMsgType.BINARY:
            yield bytes(message.data).decode("utf-8", "replace")
