"""What stands where in a CRM's JSON."""

from __future__ import annotations

import pytest

from ctc_ari.crm.answers import decode, text_at

DOCUMENT = decode(
    b'{"data": [{"phone": {"ext": 1001}, "name": " Anna\\n Berg ", "on": true, "rate": 1.5, "tags": []}], "0": "zero"}'
)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("data.0.phone.ext", "1001"),
        ("data.0.name", "Anna Berg"),
        ("0", "zero"),
        *((path, None) for path in ("data", "data.1.name", "data.x", "data.0", "data.0.on", "data.0.rate", "nothing")),
        *((path, None) for path in ("data.-1.name", "data.0.name.first", "data.0.tags.0", "data.²")),
    ],
)
def test_texts_and_whole_numbers_are_found_by_their_path(path: str, text: str | None) -> None:
    assert text_at(DOCUMENT, path) == text


@pytest.mark.parametrize("body", [b'{"a": "\\u0000"}', b'{"a": ""}', b'{"a": "' + b"x" * 2001 + b'"}', b"[]", b"null"])
def test_what_cannot_be_used_is_not_there(body: bytes) -> None:
    assert text_at(decode(body), "a") is None


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a"', b"\xff", b"[" * 100_000])
def test_what_is_not_json_is_told(body: bytes) -> None:
    with pytest.raises(ValueError, match="not JSON"):
        decode(body)
