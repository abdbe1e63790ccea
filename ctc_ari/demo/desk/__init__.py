"""The reference desk: a small CRM that shows the panel at work. It knows the service only by its public API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler

__all__ = ["serving"]

HERE = Path(__file__).parent
_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
_FILES = {"": "index.html", "desk.css": "desk.css", "desk.js": "desk.js"}


class Desk:
    """The handlers; one agent is signed in, as anybody who opens the page on this machine."""

    def __init__(self, base_url: str, token: str, agent: str) -> None:
        self._base_url = base_url
        self._token = token
        self._agent = agent
        sources = f"{base_url} {base_url.replace('http', 'ws', 1)}"
        self._policy = (
            f"default-src 'none'; script-src 'self' {base_url}; style-src 'self'; connect-src 'self' {sources}; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )

    def application(self) -> web.Application:
        """The page, and its session."""
        app = web.Application(middlewares=[_only_here])
        app.add_routes([web.get(f"/{name}", self.file) for name in _FILES])
        app.add_routes([web.post("/session", self.session)])
        return app

    async def file(self, request: web.Request) -> web.Response:
        """The page under a strict policy: what works here works in a CRM that takes care."""
        name = _FILES[request.path.strip("/")]
        headers = {
            "Content-Security-Policy": self._policy,
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-cache",
        }
        body = (HERE / name).read_bytes()
        return web.Response(body=body, content_type=_TYPES[name.split(".")[1]], charset="utf-8", headers=headers)

    async def session(self, request: web.Request) -> web.Response:
        """What a CRM's server does once it knows who is signed in; its token stays on the server."""
        headers = {"Authorization": f"Bearer {self._token}"}
        async with (
            aiohttp.ClientSession(headers=headers) as client,
            client.post(f"{self._base_url}/api/v1/sessions", json={"email": self._agent}) as answer,
        ):
            if answer.status != 201:
                raise web.HTTPBadGateway
            made = await answer.json()
        body = {"base_url": self._base_url, "session": made["session"]}
        return web.json_response(body, headers={"Cache-Control": "no-store"})


@web.middleware
async def _only_here(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Not for pages of other sites, under whatever name they found this machine."""
    name = request.host.rpartition(":")[0]
    if name not in ("127.0.0.1", "localhost") or request.headers.get("Sec-Fetch-Site", "none") == "cross-site":
        raise web.HTTPForbidden
    return await handler(request)


@asynccontextmanager
async def serving(port: int, *, base_url: str, token: str, agent: str) -> AsyncIterator[str]:
    """Serve it on 127.0.0.1; yields its address. Raises OSError when the port is taken."""
    runner = web.AppRunner(Desk(base_url, token, agent).application(), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()
