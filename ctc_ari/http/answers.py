"""The two shapes of an answer that is not a success, and the headers that every answer carries.

REST answers with RFC 9457 problems, `/ClickToCallAPI` with the wording of the original specification.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from aiohttp import hdrs, web

from ctc_ari import errors

__all__ = [
    "CLICK_PATH",
    "CLICK_STATUSES",
    "HEADERS",
    "Fault",
    "click_error",
    "fault_of",
    "json_answer",
    "method_fault",
    "problem",
    "refuse",
]

CLICK_PATH = "/ClickToCallAPI"

#: On every answer. The URL of a click holds the token: nothing may keep it or pass it on.
HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Server": "ctc-ari",
}

#: Seconds after which a client may try again when Asterisk or the database is out of reach.
UNAVAILABLE_RETRY = 5

#: A click's statuses and their fixed wording; a 400 says what is wrong. Everything else is a 500.
CLICK_STATUSES: Mapping[int, str] = {
    401: "Unauthorized due to invalid token",
    404: "No data found",
    405: "Invalid request method",
    429: "Too many requests",
    500: "Internal server error",
}

_encode = msgspec.json.encode


class Fault(msgspec.Struct, frozen=True):
    """What went wrong, before it takes one of the two shapes."""

    status: int
    code: str
    detail: str
    headers: tuple[tuple[str, str], ...] = ()


class Problem(msgspec.Struct, frozen=True):
    """RFC 9457; `type` is `about:blank`, so `title` is the status's own phrase and `code` is the stable reason."""

    type: str
    title: str
    status: int
    detail: str
    code: str


class ClickError(msgspec.Struct, frozen=True):
    """A click that rang nothing."""

    status: str
    message: str
    code: str


def fault_of(error: Exception) -> Fault:
    """What an exception means to the outside; nothing of an unexpected one is told."""
    if isinstance(error, errors.Unauthorized):
        # Always the same words: an answer must not tell a revoked token from one that never was.
        detail = CLICK_STATUSES[401]
        return Fault(401, errors.Unauthorized.code, detail, ((hdrs.WWW_AUTHENTICATE, "Bearer"),))
    if isinstance(error, errors.CtcError):
        return Fault(error.status, error.code, error.message, _retry_after(error))
    if isinstance(error, web.HTTPMethodNotAllowed):
        return method_fault(error.allowed_methods)
    if isinstance(error, web.HTTPNotFound):
        return Fault(404, errors.NotFound.code, str(errors.NotFound()))
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return Fault(413, "too_large", "The request's body is larger than 64 KiB.")
    if isinstance(error, web.HTTPUnsupportedMediaType):
        return Fault(415, "unsupported_media_type", "Send the body as JSON, with `Content-Type: application/json`.")
    if isinstance(error, web.HTTPException) and error.status >= 400:
        # Only the status: aiohttp's own text repeats parts of the request.
        phrase = HTTPStatus(error.status).phrase
        return Fault(error.status, phrase.lower().replace(" ", "_"), f"{phrase}.")
    if isinstance(error, web.RequestPayloadError):
        return Fault(400, errors.BadRequest.code, "The request's body is not what its headers announce.")
    return Fault(500, errors.CtcError.code, CLICK_STATUSES[500])


def method_fault(allowed: set[str]) -> Fault:
    """405 with the methods that there are (RFC 9110, 15.5.6)."""
    methods = ", ".join(sorted(allowed))
    return Fault(405, errors.MethodNotAllowed.code, CLICK_STATUSES[405], ((hdrs.ALLOW, methods),))


def _retry_after(error: errors.CtcError) -> tuple[tuple[str, str], ...]:
    if isinstance(error, errors.LimitReached):
        return ((hdrs.RETRY_AFTER, str(max(1, math.ceil(error.retry_after)))),)
    if isinstance(error, errors.Unavailable):
        return ((hdrs.RETRY_AFTER, str(UNAVAILABLE_RETRY)),)
    return ()


def problem(fault: Fault) -> web.Response:
    """The fault as `application/problem+json`."""
    title = HTTPStatus(fault.status).phrase
    body = _encode(Problem("about:blank", title, fault.status, fault.detail, fault.code))
    return _answer(body, fault.status, "application/problem+json", fault.headers)


def click_error(fault: Fault) -> web.Response:
    """The fault in the words and the statuses of the original specification."""
    status = fault.status
    if fault.code in _NUMBER_CODES or status in _TRANSPORT:
        status = 400
    elif status != 400 and status not in CLICK_STATUSES:
        status = 500
    message = CLICK_STATUSES.get(status, fault.detail)
    headers = fault.headers if status == fault.status else ()
    return _answer(_encode(ClickError("error", message, fault.code)), status, "application/json", headers)


#: 422 in REST, 400 for a click.
_NUMBER_CODES = frozenset({errors.InvalidNumber.code, errors.NumberBlocked.code})
#: What is wrong with a request as a message, not with the call: body too large, Expect, headers too large.
_TRANSPORT = frozenset({413, 417, 431})


def refuse(path: str, fault: Fault) -> web.Response:
    """The fault in the shape that clients of that path know."""
    return click_error(fault) if path == CLICK_PATH else problem(fault)


def json_answer(body: object, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> web.Response:
    """A success."""
    return _answer(_encode(body), status, "application/json", headers)


def _answer(body: bytes, status: int, content_type: str, headers: tuple[tuple[str, str], ...]) -> web.Response:
    response = web.Response(body=body, status=status, content_type=content_type)
    if headers:
        response.headers.update(headers)
    return response
