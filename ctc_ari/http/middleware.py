"""The one middleware: every exception becomes an answer, every answer is counted, every answer has the headers."""

from __future__ import annotations

import asyncio
from time import perf_counter

from aiohttp import ClientConnectionResetError, hdrs, web
from aiohttp.typedefs import Handler, Middleware

from ctc_ari.errors import CtcError
from ctc_ari.http.answers import HEADERS, fault_of, method_fault, refuse
from ctc_ari.http.observe import Observer, log_unexpected, template_of

__all__ = ["allowed_methods", "answer_everything", "put_headers"]


#: Nothing that the log has to explain: an answer of ours, or a client that did not wait for it.
EXPECTED = (CtcError, web.HTTPException, web.RequestPayloadError, ClientConnectionResetError)


def answer_everything(observer: Observer) -> Middleware:
    """The middleware that turns exceptions into the two error shapes and watches what goes out."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        started = perf_counter()
        route = template_of(request)
        response: web.StreamResponse
        try:
            response = await handler(request)
        except (web.HTTPNotFound, web.HTTPMethodNotAllowed) as error:
            path = path_of(request)
            found = allowed_methods(request.app.router, path)
            if found is None or request.method in found[1]:
                response = refuse(path, fault_of(error))
            else:
                route = found[0]
                response = refuse(path, method_fault(found[1]))
        except Exception as error:  # noqa: BLE001 - the edge: nothing of it may reach the client
            if not isinstance(error, EXPECTED):
                log_unexpected("request failed", error, route=route)
            response = refuse(request.path, fault_of(error))
        #: aiohttp writes the answer in this turn of the event loop; counting and logging it must not keep it waiting.
        asyncio.get_running_loop().call_soon(
            observer.finished, request, route, request.method, response.status, started
        )
        return response

    return middleware


def path_of(request: web.Request) -> str:
    """The path as it was asked for; aiohttp takes a CONNECT's target for a host."""
    return request.raw_path.partition("?")[0] if request.method == hdrs.METH_CONNECT else request.path


async def put_headers(request: web.Request, response: web.StreamResponse) -> None:
    """An `on_response_prepare` signal, so that no way out of aiohttp forgets them."""
    kept = response.headers.get(hdrs.CACHE_CONTROL)
    response.headers.update(HEADERS)
    if kept is not None:
        response.headers[hdrs.CACHE_CONTROL] = kept


def allowed_methods(router: web.UrlDispatcher, path: str) -> tuple[str, set[str]] | None:
    """The template of a path and the methods it answers, without a request; None: there is no such path."""
    for resource in router.resources():
        info = resource.get_info()
        pattern = info.get("pattern")
        if info.get("path") == path or (pattern is not None and pattern.fullmatch(path)):
            return resource.canonical, {route.method for route in resource}
    return None
