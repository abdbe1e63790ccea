"""What may be written into the log afterwards."""

from __future__ import annotations

import pytest

from ctc_ari.call_log import LONGEST_NOTES, LONGEST_OUTCOME, check_text
from ctc_ari.errors import BadRequest


@pytest.mark.parametrize(
    ("field", "text", "kept"),
    [
        ("notes", None, None),
        ("notes", " \n ", None),
        ("notes", " two\nlines, a\ttab and 日本 ", "two\nlines, a\ttab and 日本"),
        ("notes", "x" * LONGEST_NOTES, "x" * LONGEST_NOTES),
        ("outcome", " won ", "won"),
        ("outcome", "x" * LONGEST_OUTCOME, "x" * LONGEST_OUTCOME),
    ],
)
def test_texts_are_kept_trimmed(field: str, text: str | None, kept: str | None) -> None:
    assert check_text(field, text) == kept


@pytest.mark.parametrize(
    ("field", "text", "why"),
    [
        ("notes", "x" * (LONGEST_NOTES + 1), "notes: 10000 characters"),
        ("notes", "a\x00b", "notes: holds control"),
        ("notes", "a\x1b[31m", "notes: holds control"),
        ("notes", "a\ud800", "notes: holds control"),
        ("outcome", "x" * (LONGEST_OUTCOME + 1), "outcome: 200 characters"),
        ("outcome", "a\nb", "outcome: holds control"),
        ("outcome", "a\u2028b", "outcome: holds control"),
    ],
)
def test_what_cannot_be_kept_is_refused(field: str, text: str, why: str) -> None:
    with pytest.raises(BadRequest, match=why):
        check_text(field, text)
