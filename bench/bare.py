"""ARI over its own WebSocket with nothing around it: the least that any ARI application can need."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count

import aiohttp
import msgspec

from .stage import Stage

__all__ = ["BareEvent", "BareSocket", "bare_socket"]


class _Channel(msgspec.Struct, frozen=True):
    id: str = ""


class BareEvent(msgspec.Struct, frozen=True):
    """What is read of a message: an event of a channel, or the answer to a request."""

    type: str
    channel: _Channel = _Channel()
    args: tuple[str, ...] = ()
    request_id: str = ""
    status_code: int = 0


class BareSocket:
    """Asterisk documentation, "ARI REST over WebSockets"."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, heard: Callable[[BareSocket, BareEvent], None]) -> None:
        self._socket = socket
        self._heard = heard
        self._numbers = count()
        self._answers: dict[str, asyncio.Future[int]] = {}
        self._sending: set[asyncio.Task[int]] = set()

    async def ask(self, method: str, path: str, **query: str) -> int:
        """Send a request; the status of its answer."""
        number = str(next(self._numbers))
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        frame = {
            "type": "RESTRequest",
            "transaction_id": number,
            "request_id": number,
            "method": method,
            "uri": path,
            "query_strings": [{"name": name, "value": value} for name, value in query.items()],
        }
        await self._socket.send_str(msgspec.json.encode(frame).decode())
        return await answer

    def send(self, method: str, path: str, **query: str) -> None:
        """Send a request whose answer does not matter."""
        task = asyncio.create_task(self.ask(method, path, **query))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def listen(self) -> None:
        """Until the socket is closed."""
        decode = msgspec.json.Decoder(BareEvent).decode
        async for message in self._socket:
            event = decode(message.data)
            if event.type != "RESTResponse":
                self._heard(self, event)
            elif answer := self._answers.pop(event.request_id, None):
                answer.set_result(event.status_code)


def _ignore(_socket: BareSocket, _event: BareEvent) -> None:
    pass


@asynccontextmanager
async def bare_socket(
    stage: Stage, app: str, heard: Callable[[BareSocket, BareEvent], None] = _ignore
) -> AsyncIterator[BareSocket]:
    """An application of this name, connected; `heard` is told of its events."""
    async with stage.ari.ws_connect(f"{stage.node.ari_url}/events", params={"app": app}) as socket:
        made = BareSocket(socket, heard)
        listening = asyncio.create_task(made.listen())
        try:
            yield made
        finally:
            listening.cancel()
