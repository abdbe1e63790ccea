"""What stands behind the `?` of a list: filters, and where a page begins and ends."""

from __future__ import annotations

import base64
import binascii
from typing import TypeVar
from urllib.parse import unquote

import msgspec
from aiohttp import web

from ctc_ari.errors import BadRequest

__all__ = ["decode_cursor", "decode_number", "encode_cursor", "read_limit", "read_once", "read_text"]

T = TypeVar("T")

#: How many a page holds, unless asked otherwise, and at most.
USUAL_LIMIT, LARGEST_LIMIT = 50, 200
#: Characters of a text that is searched for.
LONGEST_TEXT = 128


def decode_number(raw: str) -> str:
    """A percent-encoded number; a `+` before its first digit is the international prefix that nobody encoded.

    Anywhere else a `+` is a space: `+44`, `(+44)`, `tel:+44`, but `020+7946`.
    """
    plus = raw.find("+")
    if plus >= 0 and not any(character.isdigit() for character in unquote(raw[:plus])):
        raw = f"{raw[:plus]}%2B{raw[plus + 1 :]}"
    return unquote(raw.replace("+", " "), errors="surrogateescape").strip()


def read_text(request: web.Request, name: str) -> str | None:
    """A name or a number that is searched for; None without it. Raises BadRequest."""
    given = [raw for key, _, raw in (pair.partition("=") for pair in _pairs(request)) if key == name]
    if not given:
        return None
    text = decode_number(given[0])
    if len(given) > 1 or len(text) > LONGEST_TEXT or any(map(_is_unstorable, text)):
        raise BadRequest(f"{name} must be given once, with {LONGEST_TEXT} characters at most, in UTF-8 without NUL.")
    return text


def _is_unstorable(character: str) -> bool:
    """Whether PostgreSQL cannot hold it."""
    return character == "\0" or "\ud800" <= character <= "\udfff"


def read_once(request: web.Request, name: str) -> str:
    """Any other text; empty without it. Raises BadRequest."""
    given = request.query.getall(name, ())
    if len(given) > 1:
        raise BadRequest(f"{name} must be given once.")
    return given[0] if given else ""


def _pairs(request: web.Request) -> list[str]:
    return request.rel_url.raw_query_string.split("&")


def read_limit(request: web.Request) -> int:
    """How many the page may hold. Raises BadRequest."""
    text = request.query.get("limit", "")
    if not text:
        return USUAL_LIMIT
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= LARGEST_LIMIT):
        raise BadRequest(f"limit must be from 1 to {LARGEST_LIMIT}.")
    return int(text)


def encode_cursor(position: object) -> str:
    """Where the next page begins, as it is handed out; what is in it is nobody's business."""
    return base64.urlsafe_b64encode(msgspec.json.encode(position)).rstrip(b"=").decode()


def decode_cursor(request: web.Request, decoder: msgspec.json.Decoder[T]) -> T | None:
    """Where this page begins; None: at the beginning. Raises BadRequest for what was never handed out."""
    text = request.query.get("cursor", "")
    if not text:
        return None
    try:
        encoded = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        #: The one character that PostgreSQL cannot hold is not among those that were handed out.
        if b"\\u0000" in encoded:
            raise ValueError
        return decoder.decode(encoded)
    except (ValueError, binascii.Error, msgspec.DecodeError):
        raise BadRequest("cursor must be the `next` of the page before.") from None
