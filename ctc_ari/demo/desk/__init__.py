"""The reference desk: a small CRM that shows the panel at work. It knows the service only by its public API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler

__all__ = ["serving"]

HERE = Path(__file__).parent
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


class Desk:
    """The handlers. Without a login: whoever opens the page on this machine is the agent, or whom `?agent=` names."""

    def __init__(self, base_url: str, token: str, agent: str, simulated_carrier: str | None) -> None:
        self._base_url = base_url
        self._token = token
        self._agent = agent
        self._simulated_carrier = simulated_carrier
        sources = f"{base_url} {base_url.replace('http', 'ws', 1)} {simulated_carrier or ''}"
        self._policy = (
            f"default-src 'none'; script-src 'self' {base_url}; style-src 'self'; img-src 'self'; media-src blob:; "
            f"connect-src 'self' {sources.strip()}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )

    def application(self) -> web.Application:
        """The page, its session, and new contacts."""
        app = web.Application(middlewares=[_only_here])
        files = [path.name for path in HERE.iterdir() if path.suffix in _TYPES and path.name != "index.html"]
        app.add_routes([web.get(f"/{name}", self.file) for name in ("", *files)])
        app.add_routes([web.post("/session", self.session), web.post("/contacts", self.contact)])
        return app

    async def file(self, request: web.Request) -> web.Response:
        """The page under a strict policy: what works here works in a CRM that takes care."""
        path = HERE / (request.path.strip("/") or "index.html")
        headers = {
            "Content-Security-Policy": self._policy,
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-cache",
        }
        return web.Response(body=path.read_bytes(), content_type=_TYPES[path.suffix], charset="utf-8", headers=headers)

    async def session(self, request: web.Request) -> web.Response:
        """What a CRM's server does once it knows who is signed in; its token stays on the server."""
        status, made = await self._ask("sessions", {"email": request.query.get("agent", self._agent)})
        if status == 201:
            made |= {"base": self._base_url, "simulated_carrier": self._simulated_carrier}
        return web.json_response(made, status=status, headers={"Cache-Control": "no-store"})

    async def contact(self, request: web.Request) -> web.Response:
        """Contacts are the CRM's: agents' sessions may not write them, the CRM's token may."""
        if request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType
        status, made = await self._ask("contacts", await request.json())
        return web.json_response(made, status=status)

    async def _ask(self, path: str, body: object) -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            async with (
                aiohttp.ClientSession(headers=headers) as client,
                client.post(f"{self._base_url}/api/v1/{path}", json=body) as answer,
            ):
                return answer.status, await answer.json(content_type=None)
        except aiohttp.ClientError:
            return 502, {"detail": "The telephone service cannot be reached."}


@web.middleware
async def _only_here(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Not for pages of other sites, under whatever name they found this machine."""
    name = request.host.rpartition(":")[0]
    if name not in ("127.0.0.1", "localhost") or request.headers.get("Sec-Fetch-Site", "none") == "cross-site":
        raise web.HTTPForbidden
    return await handler(request)


@asynccontextmanager
async def serving(
    port: int, *, base_url: str, token: str, agent: str, simulated_carrier: str | None = None
) -> AsyncIterator[str]:
    """Serve it on 127.0.0.1; yields its address. Raises OSError when the port is taken.

    `simulated_carrier` is where the page can have a customer call; a CRM with a real carrier has none.
    """
    runner = web.AppRunner(Desk(base_url, token, agent, simulated_carrier).application(), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()
