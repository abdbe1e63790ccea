"""/panel/ctc-panel.js: the panel as one ES module for a CRM's page; /panel/window: the same in a window of its own."""

from __future__ import annotations

import hashlib
from pathlib import Path

from aiohttp import hdrs, web

from ctc_ari.errors import PanelMissing
from ctc_ari.panel import SCRIPT

__all__ = ["Panel"]

HERE = Path(__file__).parent
#: Browsers say `'self'` to ws: and wss: as well.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


class Panel:
    """The handler. The script is public and the same for everybody; what it may do depends on its session."""

    def __init__(self) -> None:
        self._script: tuple[bytes, str] | None = None

    def routes(self) -> list[web.RouteDef]:
        """Open to everyone."""
        return [
            web.get("/panel/ctc-panel.js", self.script),
            web.get("/panel/window", self.window),
            web.get("/panel/window.css", self.window_style),
            web.get("/panel/window.js", self.window_script),
        ]

    async def script(self, request: web.Request) -> web.Response:
        """The module; a page of any origin may load it. A browser keeps it, and asks each time whether it still may."""
        body, etag = self._read()
        headers = {
            hdrs.ETAG: etag,
            hdrs.CACHE_CONTROL: "no-cache",
            hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: "*",
            "Cross-Origin-Resource-Policy": "cross-origin",
        }
        if etag in request.headers.get(hdrs.IF_NONE_MATCH, ""):
            return web.Response(status=304, headers=headers)
        response = web.Response(body=body, content_type="text/javascript", charset="utf-8", headers=headers)
        response.enable_compression()
        return response

    async def window(self, request: web.Request) -> web.Response:
        """A page for CRMs that navigate: the call stays in its window. It gets the session from whoever opened it."""
        return _file("panel.html", "text/html", {"Content-Security-Policy": POLICY})

    async def window_style(self, request: web.Request) -> web.Response:
        """Its style."""
        return _file("panel.css", "text/css", {})

    async def window_script(self, request: web.Request) -> web.Response:
        """Its script."""
        return _file("panel.js", "text/javascript", {})

    def _read(self) -> tuple[bytes, str]:
        """Read at the first request, so that a panel built meanwhile is found. Raises PanelMissing."""
        if self._script is None:
            try:
                body = SCRIPT.read_bytes()
            except OSError:
                raise PanelMissing from None
            self._script = body, f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        return self._script


def _file(name: str, content_type: str, headers: dict[str, str]) -> web.Response:
    body = (HERE / name).read_bytes()
    return web.Response(body=body, content_type=content_type, charset="utf-8", headers=headers)
