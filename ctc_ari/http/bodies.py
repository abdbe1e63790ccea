"""Request bodies: JSON, decoded once and strictly."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from aiohttp import hdrs, web

from ctc_ari.errors import BadRequest

__all__ = ["given", "read_body"]

T = TypeVar("T")


async def read_body(request: web.Request, decoder: msgspec.json.Decoder[T], what: str) -> T:
    """The body as `what`. Raises BadRequest that names the field; 415 when it is declared to be something else."""
    if hdrs.CONTENT_TYPE in request.headers and request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType
    body = await request.read()
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"The body is not {what}: {_say(error)}.") from None


def given(changes: msgspec.Struct) -> dict[str, Any]:
    """The fields of a PATCH that its sender named."""
    fields = ((field, getattr(changes, field)) for field in changes.__struct_fields__)
    return {field: value for field, value in fields if value is not msgspec.UNSET}


def _say(error: Exception) -> str:
    """msgspec names the field and what was expected; a broken encoding gets one word."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    text = str(error)[:200]
    return text if text.startswith("JSON") else text[0].lower() + text[1:]
