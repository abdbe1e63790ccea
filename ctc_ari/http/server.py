"""Listening: aiohttp's own server, except that what it cannot parse is answered and logged in our way."""

from __future__ import annotations

import re
from time import perf_counter
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler, _RequestHandler

from ctc_ari.errors import BadRequest
from ctc_ari.http.answers import HEADERS, Fault, fault_of, method_fault, refuse
from ctc_ari.http.middleware import allowed_methods
from ctc_ari.http.observe import UNMATCHED, Observer, log_unexpected

__all__ = ["OBSERVER", "Runner"]

OBSERVER = web.AppKey("observer", Observer)

#: Longer than a reverse proxy keeps its idle connections, so that the proxy is the one to close them.
KEEPALIVE = 75.0
#: Seconds that requests under way may take when the service stops.
SHUTDOWN = 5.0

#: RFC 9112, 3: method SP request-target SP HTTP-version. The target ends where its query begins.
_REQUEST_LINE = re.compile(
    rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}) (?:https?://[^/\s]*)?(/[^?\s#]{0,512})[^\s]* HTTP/1\.[01]\r?\n"
)


class Protocol(RequestHandler):
    """One connection. What does not parse gets the same error shapes and headers as everything else."""

    __slots__ = ("_app", "_latest")

    def __init__(self, app: web.Application, manager: web.Server, **settings: Any) -> None:
        super().__init__(manager, **settings)
        self._app = app
        self._latest = b""

    def data_received(self, data: bytes) -> None:
        """Keeps what came last, because a parser's error does not say which method or path it was."""
        self._latest = data
        super().data_received(data)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """405 for a verb nobody knows on a path that exists, else 400; never aiohttp's text, which repeats the URL."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was under way")
        route, path, fault = UNMATCHED, "", Fault(400, BadRequest.code, BadRequest().message)
        if status >= 500:
            path = request.path
            fault = fault_of(exc if isinstance(exc, Exception) else Exception())
            if exc is not None:
                log_unexpected("request failed outside its handler", exc)
        elif line := _REQUEST_LINE.match(self._latest):
            path = line[2].decode("ascii", "replace")
            found = allowed_methods(self._app.router, path)
            if found is not None:
                route, methods = found
                if line[1].decode() not in methods:
                    fault = method_fault(methods)
        response = refuse(path, fault)
        response.headers.update(HEADERS)
        response.force_close()
        self._app[OBSERVER].finished(request, route, "other", response.status, perf_counter())
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """aiohttp would print the request line, and the token with it."""
        error = kw.get("exc_info")
        if isinstance(error, BaseException):
            log_unexpected("connection failed", error)


class _Server(web.Server):
    """Makes our protocol instead of aiohttp's."""

    def __init__(self, app: web.Application, made: web.Server) -> None:
        super().__init__(
            _answering(made.request_handler),
            request_factory=made.request_factory,
            access_log=None,
            keepalive_timeout=KEEPALIVE,
        )
        self._app = app

    def __call__(self) -> RequestHandler:
        return Protocol(self._app, self, loop=self._loop, **self._kwargs)


def _answering(handler: _RequestHandler) -> _RequestHandler:
    """aiohttp refuses an unknown `Expect` before any middleware is asked, in its own words."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as error:
            return refuse(request.path, fault_of(error))

    return handle


class Runner(web.AppRunner):
    """Use it instead of `web.AppRunner`; aiohttp's access log, which shows query strings, is off."""

    def __init__(self, app: web.Application) -> None:
        super().__init__(app, access_log=None, shutdown_timeout=SHUTDOWN)

    async def _make_server(self) -> web.Server:
        return _Server(self._app, await super()._make_server())
