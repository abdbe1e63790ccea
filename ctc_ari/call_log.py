"""The call log as the edges see it: what rows are asked for, and what may be changed of one afterwards. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Annotated, Protocol

import msgspec

from ctc_ari.calls.numbers import NumberPart
from ctc_ari.errors import BadRequest
from ctc_ari.log.row import Disposition, LogRow

__all__ = ["CallLog", "LogFilter", "LogPage", "LogPosition", "LogText", "StoredRecordings", "check_text"]

LONGEST_NOTES = 10_000
LONGEST_OUTCOME = 200

#: What no text may hold: control characters but line breaks and tabs, and what UTF-8 has no bytes for.
_UNREADABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_BREAK = re.compile(r"[\r\n\u2028\u2029]")


class LogText(msgspec.Struct, frozen=True):
    """A text that is looked for: each word by its beginning, or else a number by its beginning or end."""

    text: str
    part: NumberPart | None = None


class LogFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows: those of which everything is true that is not None. Times are Unix seconds."""

    #: Begun at this time or later, and before that one.
    since: float | None = None
    until: float | None = None
    #: An e-mail address in lower case: whoever had to do with the call.
    agent: str | None = None
    contact_id: str | None = None
    #: E.164, or an extension.
    number: str | None = None
    direction: str | None = None
    disposition: Disposition | None = None
    text: LogText | None = None
    #: The agents whose rows may be seen at all; None: everybody's.
    visible: frozenset[str] | None = None


#: Where a page ended: when that call began, in microseconds since 1970, and its id. Up to the year 9999.
LogPosition = tuple[Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799_999_999)], str]


class LogPage(msgspec.Struct, frozen=True):
    """Some rows, the newest first, and where the next page begins; None: there is none."""

    rows: Sequence[LogRow]
    next: LogPosition | None = None


class CallLog(Protocol):
    """The calls that have ended, a row each. Every method raises DatabaseUnreachable."""

    async def page(self, wanted: LogFilter, *, after: LogPosition | None, limit: int) -> LogPage:
        """The newest first."""
        ...

    async def read(self, call_id: str, visible: Collection[str] | None) -> LogRow:
        """By the id of the call or of one that came of its transfers; `visible` as in `LogFilter`.

        Raises CallNotFound.
        """
        ...

    async def change(self, call_id: str, visible: Collection[str] | None, **changes: str | None) -> LogRow:
        """Change `notes`, `outcome` or `contact_id`; None empties. Raises CallNotFound, ContactNotFound."""
        ...


class StoredRecordings(Protocol):
    """The recordings that Asterisk has finished."""

    async def remove(self, node: str, name: str) -> None:
        """Delete one, by its Asterisk's name in the configuration and that one's name of it; harmless when it is gone.

        Raises AsteriskUnreachable, and CallFailed when Asterisk cannot delete it.
        """
        ...


def check_text(field: str, text: str | None) -> str | None:
    """Notes or an outcome as they are kept: None for what is empty. Raises BadRequest, which names the field."""
    if text is None or not (text := text.strip()):
        return None
    most = LONGEST_NOTES if field == "notes" else LONGEST_OUTCOME
    if len(text) > most:
        raise BadRequest(f"{field}: {most} characters at most.")
    if _UNREADABLE.search(text) or (field == "outcome" and _BREAK.search(text)):
        raise BadRequest(f"{field}: holds control or unreadable characters.")
    return text
