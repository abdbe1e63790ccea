"""Which pages of other origins may use this service from a browser: CORS (Fetch standard), and Origin on WebSockets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware
from yarl import URL

__all__ = ["Origins"]

_API = "/api/v1/"
#: The panel tells its agent when the service cannot place calls.
_HEALTH = "/readyz"
_METHODS = "GET, POST, PUT, PATCH, DELETE"
_HEADERS = "Authorization, Content-Type, Idempotency-Key"
#: Seconds a browser may remember the answer to a preflight.
_MAX_AGE = "600"
_EXPOSED = "Location, Retry-After, Idempotent-Replayed"


class Origins:
    """The configured origins, and the service's own."""

    def __init__(self, allowed: Collection[str], public_url: str | None) -> None:
        own = {str(URL(public_url).origin())} if public_url else set()
        self._allowed = frozenset(allowed) | own

    def admits(self, request: web.BaseRequest) -> bool:
        """Whether the page that sends this is one of ours; only browsers say where a request comes from."""
        origin = request.headers.get(hdrs.ORIGIN)
        return origin is not None and (origin in self._allowed or _host_of(origin) == request.headers.get(hdrs.HOST))

    def answer_preflights(self) -> Middleware:
        """Says yes to pages of ours before the route is asked; to everybody else the route says what it always says."""

        @web.middleware
        async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
            asks = request.method == hdrs.METH_OPTIONS and hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers
            if not asks or not request.path.startswith(_API) or not self.admits(request):
                return await handler(request)
            return web.Response(
                status=204,
                headers={
                    hdrs.ACCESS_CONTROL_ALLOW_METHODS: _METHODS,
                    hdrs.ACCESS_CONTROL_ALLOW_HEADERS: _HEADERS,
                    hdrs.ACCESS_CONTROL_MAX_AGE: _MAX_AGE,
                },
            )

        return middleware

    def put_headers(self) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
        """An `on_response_prepare` signal: pages of ours may read the answer, errors too. Cookies mean nothing here."""

        async def put(request: web.Request, response: web.StreamResponse) -> None:
            open_to_pages = request.path.startswith(_API) or request.path == _HEALTH
            if hdrs.ORIGIN not in request.headers or not open_to_pages:
                return
            response.headers[hdrs.VARY] = hdrs.ORIGIN
            if self.admits(request):
                response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = request.headers[hdrs.ORIGIN]
                response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = _EXPOSED

        return put


def _host_of(origin: str) -> str | None:
    scheme, _, host = origin.partition("://")
    return host if scheme in ("http", "https") else None
