"""The call log as CSV (RFC 4180), however long it is: two hundred rows are in memory at a time."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from aiohttp import web

from ctc_ari.call_log import CallLog, LogFilter, LogPosition
from ctc_ari.errors import CtcError
from ctc_ari.http.log_view import log_view
from ctc_ari.log.row import LogRow

__all__ = ["COLUMNS", "LogCsv", "harmless"]

#: Rows that are read and written at once: milliseconds, in which no call waits long.
PORTION = 200

COLUMNS = (
    "id", "started_at", "direction", "disposition", "number", "did", "contact_id", "contact_name", "agent_email",
    "agent_name", "agent_extension", "agents", "device", "source", "end_reason", "ended_by", "agent_answered_at",
    "answered_at", "ended_at", "ring_seconds", "talk_seconds", "hold_seconds", "transfers", "recordings", "mos",
    "notes", "outcome",
)  # fmt: skip

HEADERS = {
    "Content-Type": "text/csv; charset=utf-8; header=present",
    "Content-Disposition": 'attachment; filename="call-log.csv"',
}

#: What spreadsheets take for the beginning of a formula, the wide forms included.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


class LogCsv:
    """Sends what is found, as fast as it is read and no faster."""

    def __init__(self, call_log: CallLog) -> None:
        self._call_log = call_log

    async def send(self, request: web.Request, wanted: LogFilter | None) -> web.StreamResponse:
        """200; None is what nothing can be.

        No connection of the database is held while the reader is slow: each portion is found anew, behind the one
        before. Calls that end meanwhile are not among them: they are newer. Raises DatabaseUnreachable before the
        first byte; after it the connection is broken off, because half a file must not look whole.
        """
        rows, position = await self._portion(wanted, None)
        response = web.StreamResponse(headers=HEADERS)
        await response.prepare(request)
        await response.write(_lines([COLUMNS]))
        try:
            while rows:
                await response.write(_lines(_fields(row) for row in rows))
                if position is None:
                    break
                rows, position = await self._portion(wanted, position)
        except CtcError:
            if request.transport is not None:
                request.transport.abort()
            return response
        await response.write_eof()
        return response

    async def _portion(
        self, wanted: LogFilter | None, after: LogPosition | None
    ) -> tuple[Iterable[LogRow], LogPosition | None]:
        if wanted is None:
            return (), None
        page = await self._call_log.page(wanted, after=after, limit=PORTION)
        return page.rows, page.next


def harmless(text: str) -> str:
    """The text as no spreadsheet takes for a formula: with an apostrophe before it, unless it is a number in E.164."""
    if text.startswith(_FORMULA) and not (text[0] == "+" and text[1:].isascii() and text[1:].isdigit()):
        return "'" + text
    return text


def _lines(rows: Iterable[Iterable[object]]) -> bytes:
    """Texts in quotes, so that a semicolon in one begins no new field where that separates them."""
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_NONNUMERIC).writerows(rows)
    return text.getvalue().encode()


def _fields(row: LogRow) -> list[object]:
    view = log_view(row)
    agent, contact = view.agent, view.contact
    heard = [quality.mos for quality in row.quality if quality.mos is not None]
    fields: list[object] = [
        view.id,
        view.started_at,
        view.direction,
        view.disposition.value,
        view.number,
        view.did,
        contact.id if contact else None,
        contact.name if contact else None,
        agent.email if agent else None,
        agent.name if agent else None,
        agent.extension if agent else None,
        " ".join(each.email or each.extension or "" for each in view.agents),
        view.device,
        view.source,
        view.end_reason.value,
        view.ended_by,
        view.agent_answered_at,
        view.answered_at,
        view.ended_at,
        view.ring_seconds,
        view.talk_seconds,
        view.hold_seconds,
        len(view.transfers),
        " ".join(view.recordings),
        min(heard) if heard else None,
        view.notes,
        view.outcome,
    ]
    return ["" if field is None else harmless(field) if isinstance(field, str) else field for field in fields]
