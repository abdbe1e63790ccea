"""/openapi.yaml, and the same as a page at /docs.

The page is rendered here: the packaged Swagger UI (swagger-ui-bundle 1.1.0) is 4.15 and cannot read OpenAPI 3.1.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
from aiohttp import web

from ctc_ari import __version__
from ctc_ari.http.answers import json_answer

__all__ = ["Documentation"]

HERE = Path(__file__).parent


class Root(msgspec.Struct, frozen=True):
    """The body of `/`, for people who asked with curl."""

    service: str
    docs: str
    openapi: str


class Documentation:
    """The handlers; the files are read once."""

    def __init__(self) -> None:
        self._source = (HERE / "openapi.yaml").read_bytes()
        self._page: asyncio.Future[tuple[bytes, str]] | None = None

    def routes(self) -> list[web.RouteDef]:
        """Open to everyone: nothing in them is secret."""
        return [
            web.get("/", self.root),
            web.get("/docs", self.page),
            web.get("/openapi.yaml", self.source),
        ]

    async def root(self, request: web.Request) -> web.Response:
        """302 to the page; relative, so that it also holds below a proxy's prefix."""
        body = Root(f"ctc_ari {__version__}", "docs", "openapi.yaml")
        return json_answer(body, 302, (("Location", "docs"),))

    async def source(self, request: web.Request) -> web.Response:
        """The description itself (media type: RFC 9512)."""
        return web.Response(body=self._source, content_type="application/yaml")

    async def page(self, request: web.Request) -> web.Response:
        """The description to read."""
        if self._page is None:
            #: In a thread, because it takes a good part of a second: calls go on meanwhile.
            self._page = asyncio.ensure_future(asyncio.to_thread(_render, self._source))
        page, policy = await asyncio.shield(self._page)
        return web.Response(
            body=page, content_type="text/html", charset="utf-8", headers={"Content-Security-Policy": policy}
        )


def _render(source: bytes) -> tuple[bytes, str]:
    """The page and its Content-Security-Policy."""
    from ctc_ari.http.documentation_page import render

    return render(source)
