"""Customers of the simulated carrier who call in. A fake, and only the demo's: a real carrier needs none of this.

What they do once somebody answers is `[customer]` in `asterisk-config/extensions.conf`. Whoever wants one to call asks
at an address of the carrier's own, which is neither the service's nor the desk's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from ctc_ari.config import Node
from ctc_ari.demo.sample import CALLERS, DESK_AGENT, ROUTES

__all__ = ["simulated_carrier"]

HOST = "127.0.0.1"


class SimulatedCarrier:
    """The handlers: who could call, and having one of them call."""

    def __init__(self, node: Node, pages: Collection[str]) -> None:
        self._node = node
        self._pages = pages

    def application(self) -> web.Application:
        """For the pages named and for this machine's terminals."""
        app = web.Application(middlewares=[self._admit])
        app.add_routes([web.get("/callers", self.callers), web.post("/calls", self.call)])
        return app

    async def callers(self, _: web.Request) -> web.Response:
        """200 with those who can be made to call."""
        return web.json_response([{"number": who.number, "name": who.name, "does": who.does} for who in CALLERS])

    async def call(self, request: web.Request) -> web.Response:
        """201: `from` (default: the first caller) calls the number of `agent` (default: whoever opens the desk)."""
        number, email = request.query.get("from", CALLERS[0].number), request.query.get("agent", DESK_AGENT)
        caller = next((who for who in CALLERS if who.number == number), None)
        called = next((did for did, route in ROUTES.items() if route == email), None)
        if caller is None or called is None:
            return web.json_response({"error": "`from` must be one of /callers, `agent` one of the demo's"}, status=422)
        #: The carrier's side of the line: the service first hears of it when the call arrives at the trunk.
        wanted = {
            "endpoint": f"PJSIP/{called}@carrier",
            "callerId": caller.number,
            "context": "customer",
            "extension": "talks",
            "priority": "1",
            "timeout": str(caller.patience),
        }
        login = aiohttp.encode_basic_auth(self._node.username, self._node.password)
        async with (
            aiohttp.ClientSession(headers={hdrs.AUTHORIZATION: login}) as client,
            client.post(f"{self._node.ari_url}/channels", params=wanted) as answer,
        ):
            if answer.status != 200:
                return web.json_response({"error": "Asterisk did not place the call"}, status=502)
        return web.json_response({"from": caller.number, "to": called, "does": caller.does}, status=201)

    @web.middleware
    async def _admit(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Not for other pages, under whatever name they found this machine."""
        origin = request.headers.get(hdrs.ORIGIN)
        if request.host.rpartition(":")[0] not in (HOST, "localhost") or (origin and origin not in self._pages):
            raise web.HTTPForbidden
        response = await handler(request)
        if origin:
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
        return response


@asynccontextmanager
async def simulated_carrier(port: int, node: Node, *, pages: Collection[str]) -> AsyncIterator[str]:
    """Serve it on 127.0.0.1 for these origins; yields its address. Raises OSError when the port is taken."""
    runner = web.AppRunner(SimulatedCarrier(node, pages).application(), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, port).start()
        yield f"http://{HOST}:{port}"
    finally:
        await runner.cleanup()
