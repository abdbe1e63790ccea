"""Browser phones in Asterisk: described through ARI while Asterisk runs, reached through its own WebSocket.

Source: https://docs.asterisk.org, "ARI Push Configuration" and "WebRTC". It needs a sorcery.conf that lets ARI write,
as `asterisk-config/sorcery.conf` does.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import quote

import aiohttp
import structlog

from ctc_ari.calls.model import Agent
from ctc_ari.config import Node
from ctc_ari.errors import AsteriskUnreachable, DeviceUnavailable, WebPhoneUnavailable
from ctc_ari.web_phones import SipAccount, account_name

__all__ = ["AsteriskWebPhones"]

log = structlog.get_logger(__name__)

REQUEST_TIMEOUT = aiohttp.ClientTimeout(total=3.0)
#: Seconds between two pings on the way to Asterisk.
HEARTBEAT = 30.0
#: Bytes; a SIP message with its SDP has some thousand.
LARGEST_MESSAGE = 64 * 1024
#: Asterisk's own, and the free one that Debian packages.
_OPUS_MODULES = ("codec_opus.so", "codec_opus_open_source.so")

_AOR = {"max_contacts": "1", "remove_existing": "yes", "minimum_expiration": "30", "maximum_expiration": "3600"}
#: `webrtc` brings DTLS-SRTP with a certificate made for each call, ICE and RTCP multiplexing. The context does not
#: exist: calls are placed through the service, never by dialling past its rules.
_ENDPOINT = {
    "webrtc": "yes",
    "context": "ctc-no-calls",
    "disallow": "all",
    "direct_media": "no",
    "rewrite_contact": "yes",
    "identify_by": "username",
    "allow_transfer": "no",
    "send_connected_line": "no",
    "send_pai": "yes",
    "trust_id_outbound": "yes",
    "language": "en",
    #: Seconds without a sign of the browser after which its call ends: a page may be reloaded, but a laptop that lost
    #: its network for good is not waited for.
    "rtp_timeout": "60",
}


class AsteriskWebPhones:
    """Implements `WebPhones` for one node."""

    def __init__(self, node: Node, *, enabled: bool) -> None:
        self._root = node.ari_url.rstrip("/")
        self._headers = {"Authorization": aiohttp.encode_basic_auth(node.username, node.password)}
        self._enabled = enabled

    async def admit(self, agent: Agent) -> SipAccount:
        """The account is complete before its endpoint is there, so that nothing is ever half described."""
        name = account_name(agent)
        if not self._enabled:
            raise DeviceUnavailable("This server takes no browsers as phones (webrtc.enabled); use the desk phone")
        if name is None:
            raise DeviceUnavailable("This computer needs an extension; give the agent one with `ctc-ari agent set`")
        account = SipAccount(name, secrets.token_urlsafe(24))
        try:
            async with self._session() as session:
                codecs = await self._codecs(session)
                auth = {"auth_type": "userpass", "username": name, "password": account.password}
                await self._put(session, "auth", name, auth)
                await self._put(session, "aor", name, _AOR)
                await self._put(session, "endpoint", name, _ENDPOINT | {"allow": codecs, "aors": name, "auth": name})
        except (aiohttp.ClientError, TimeoutError) as error:
            raise AsteriskUnreachable from error
        return account

    async def dismiss(self, name: str) -> None:
        """Endpoint first: nothing may refer to what is gone."""
        try:
            async with self._session() as session:
                for kind in ("endpoint", "aor", "auth"):
                    async with session.delete(self._url(kind, name)):
                        pass
        except (aiohttp.ClientError, TimeoutError):
            log.debug("browser phone not removed", phone=name)

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[_Socket]:
        """Asterisk's own WebSocket stands beside ARI, below the same prefix."""
        url = f"ws{self._root.removesuffix('/ari').removeprefix('http')}/ws"
        async with aiohttp.ClientSession() as session:
            try:
                async with asyncio.timeout(REQUEST_TIMEOUT.total):
                    socket = await session.ws_connect(
                        url, protocols=("sip",), heartbeat=HEARTBEAT, max_msg_size=LARGEST_MESSAGE
                    )
            except (aiohttp.ClientError, TimeoutError) as error:
                raise AsteriskUnreachable from error
            try:
                yield _Socket(socket)
            finally:
                await socket.close()

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(headers=self._headers, timeout=REQUEST_TIMEOUT)

    def _url(self, kind: str, name: str) -> str:
        return f"{self._root}/asterisk/config/dynamic/res_pjsip/{kind}/{quote(name, safe='')}"

    async def _put(self, session: aiohttp.ClientSession, kind: str, name: str, fields: Mapping[str, str]) -> None:
        body = {"fields": [{"attribute": attribute, "value": value} for attribute, value in fields.items()]}
        async with session.put(self._url(kind, name), json=body) as answer:
            if answer.status < 300:
                return
            log.warning("Asterisk takes no browser phones; see docs/webrtc.md", kind=kind, status=answer.status)
            raise WebPhoneUnavailable

    async def _codecs(self, session: aiohttp.ClientSession) -> str:
        """Opus survives a bad network, where this Asterisk can translate it for carriers who do not speak it."""
        async with session.get(f"{self._root}/asterisk/modules/res_pjsip_transport_websocket.so") as answer:
            if answer.status != 200:
                log.warning("Asterisk lacks res_pjsip_transport_websocket; see docs/webrtc.md")
                raise WebPhoneUnavailable
        for module in _OPUS_MODULES:
            async with session.get(f"{self._root}/asterisk/modules/{module}") as answer:
                if answer.status == 200:
                    return "opus,ulaw,alaw"
        return "ulaw,alaw"


class _Socket:
    """Implements `SipSocket`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def send(self, message: str) -> None:
        try:
            await self._socket.send_str(message)
        except (ConnectionError, aiohttp.ClientError):
            log.debug("connection to Asterisk lost")

    async def receive(self) -> str | None:
        received = await self._socket.receive()
        match received.type:
            case aiohttp.WSMsgType.TEXT:
                return str(received.data)
            case aiohttp.WSMsgType.BINARY:
                return bytes(received.data).decode("utf-8", "replace")
            case _:
                return None
