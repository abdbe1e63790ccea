"""What stands in a CRM's JSON, found by a dotted path such as `data.0.extension`. Pure."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

__all__ = ["Document", "decode", "text_at"]

Document: TypeAlias = "dict[str, Document] | list[Document] | str | int | float | bool | None"

_decoder = msgspec.json.Decoder()
#: Longer than any field that is looked for.
LONGEST_TEXT = 2000


def decode(body: bytes) -> Document:
    """Raises ValueError for what is not JSON."""
    try:
        document: Document = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError("not JSON") from error
    return document


def text_at(document: Document, path: str) -> str | None:
    """The text or whole number there; None where there is nothing, or something else."""
    for name in path.split("."):
        if isinstance(document, dict):
            document = document.get(name)
        elif isinstance(document, list) and name.isdecimal() and int(name) < len(document):
            document = document[int(name)]
        else:
            return None
    if isinstance(document, bool) or not isinstance(document, str | int):
        return None
    text = " ".join(str(document).split())
    return text if text and len(text) <= LONGEST_TEXT and text.isprintable() else None
