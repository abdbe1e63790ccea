"""The event WebSocket, on picows: frames go out at once and come in as plain calls, with no task in between.

aiohttp's own client costs one more turn of the event loop in each direction, which a click waits for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import picows

from ctc_ari.ari.failure import AriFailed

__all__ = ["EventSocket", "connect"]

#: Asked for a sign of life after so long without traffic, and given up when none comes within so long.
IDLE_SECONDS = 1.5
SILENCE_SECONDS = 1.5
#: A list of channels is one message.
LONGEST_MESSAGE = 64 * 2**20


class EventSocket(picows.WSListener):
    """One connection. `heard` is told of every message; raising AriFailed there ends the connection for that reason."""

    def __init__(self, heard: Callable[[bytes], None]) -> None:
        self._heard = heard
        self._transport: picows.WSTransport | None = None
        self._parts: list[bytes] = []
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._why: AriFailed | None = None

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        """picows: the handshake is done."""
        self._transport = transport

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        """picows: a frame is there; its buffer is ours for the time of this call."""
        if frame.msg_type not in (picows.WSMsgType.TEXT, picows.WSMsgType.CONTINUATION):
            if frame.msg_type == picows.WSMsgType.CLOSE:
                transport.disconnect()
            return
        self._parts.append(frame.get_payload_as_bytes())
        if not frame.fin:
            return
        message = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        try:
            self._heard(message)
        except AriFailed as why:
            self._why = why
            transport.disconnect(graceful=False)

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        """picows: it is over, whoever ended it."""
        if not self._closed.done():
            self._closed.set_result(None)

    def send(self, message: bytes) -> None:
        """Write one text message now; a connection that is gone swallows it, as a network would."""
        if self._transport is not None and not self._transport.is_disconnected:
            self._transport.send(picows.WSMsgType.TEXT, message)

    async def lost(self) -> None:
        """Return never: raises AriFailed when the connection ends."""
        await asyncio.shield(self._closed)
        raise self._why or AriFailed("the event socket was closed")

    def close(self, why: AriFailed | None = None) -> None:
        """Drop the connection, with everything that is still on its way."""
        self._why = self._why or why
        if self._transport is not None:
            self._transport.disconnect(graceful=False)


async def connect(url: str, authorization: str, heard: Callable[[bytes], None], seconds: float) -> EventSocket:
    """Open the socket. Raises AriFailed, OSError."""
    try:
        _, socket = await picows.ws_connect(
            lambda: EventSocket(heard),
            url,
            extra_headers={"Authorization": authorization},
            websocket_handshake_timeout=seconds,
            enable_auto_ping=True,
            auto_ping_idle_timeout=IDLE_SECONDS,
            auto_ping_reply_timeout=SILENCE_SECONDS,
            max_frame_size=LONGEST_MESSAGE,
            max_redirects=0,
        )
    except picows.WSInvalidStatusError as error:
        status = error.response.status.value if error.response else "no answer"
        raise AriFailed(f"ARI refused the event socket: {status}") from error
    except picows.WSError as error:
        raise AriFailed(f"the event socket could not be opened: {type(error).__name__}") from error
    assert isinstance(socket, EventSocket)
    return socket
