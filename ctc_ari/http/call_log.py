"""/api/v1/call-log: every call that has ended, a row each, for those who had to do with it and for whoever sees all."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from aiohttp import hdrs, web
from msgspec import UNSET, Meta, UnsetType

from ctc_ari.call_log import LogFilter, LogPosition, LogText, check_text
from ctc_ari.calls.numbers import Spelling
from ctc_ari.directory import Principal
from ctc_ari.errors import BadRequest, CallNotFound, ContactNotFound, InvalidNumber
from ctc_ari.http.answers import json_answer
from ctc_ari.http.bodies import given, read_body
from ctc_ari.http.log_csv import LogCsv
from ctc_ari.http.log_view import LogView, log_view
from ctc_ari.http.queries import decode_cursor, encode_cursor, read_limit, read_once, read_text
from ctc_ari.http.services import LONGEST_ID, Services, authenticate, is_plain
from ctc_ari.log.row import Disposition
from ctc_ari.words import words_of

__all__ = ["CallLogRoutes", "LogChanges", "LogList"]

PATH = "/api/v1/call-log"
CSV = "text/csv"
DIRECTIONS = ("outbound", "inbound", "internal")

_Text = Annotated[str, Meta(max_length=20_000)]


class LogChanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of PATCH: what is not there stays, null empties."""

    notes: _Text | UnsetType | None = UNSET
    outcome: _Text | UnsetType | None = UNSET
    contact_id: Annotated[str, Meta(min_length=1, max_length=LONGEST_ID)] | UnsetType | None = UNSET


class LogList(msgspec.Struct, frozen=True):
    """The body of GET: a page, and the cursor of the next one."""

    calls: list[LogView]
    next: str | None


class CallLogRoutes:
    """The handlers. A token bound to named agents sees their calls only; the others do not exist for it."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._changes = msgspec.json.Decoder(LogChanges)
        self._position = msgspec.json.Decoder(LogPosition)
        self._csv = LogCsv(services.call_log)

    def routes(self) -> list[web.RouteDef]:
        """Finding, reading, and what is added afterwards."""
        return [
            web.get(PATH, self.find, allow_head=False),
            web.get(PATH + "/{id}", self.show),
            web.patch(PATH + "/{id}", self.change),
        ]

    async def find(self, request: web.Request) -> web.StreamResponse:
        """200 with a page, the newest first; as CSV with everything that is found."""
        principal = authenticate(self._services, request)
        wanted = _filter(request, self._services.spelling, principal)
        if _wants_csv(request):
            if request.query.get("cursor") or request.query.get("limit"):
                raise BadRequest("CSV has no pages: leave out `cursor` and `limit`.")
            return await self._csv.send(request, wanted)
        limit, after = read_limit(request), decode_cursor(request, self._position)
        if wanted is None:
            return json_answer(LogList([], None))
        page = await self._services.call_log.page(wanted, after=after, limit=limit)
        following = None if page.next is None else encode_cursor(page.next)
        return json_answer(LogList([log_view(row) for row in page.rows], following))

    async def show(self, request: web.Request) -> web.Response:
        """200 with one call, by its id or by that of one that came of its transfers."""
        principal = authenticate(self._services, request)
        return json_answer(log_view(await self._services.call_log.read(_id(request), principal.agents)))

    async def change(self, request: web.Request) -> web.Response:
        """200 with the call as it is now."""
        principal = authenticate(self._services, request)
        call_id = _id(request)
        body = await read_body(request, self._changes, "changes of a call in the log")
        changes = given(body)
        for field in ("notes", "outcome"):
            if field in changes:
                changes[field] = check_text(field, changes[field])
        contact_id = changes.get("contact_id")
        if contact_id is not None and not is_plain(contact_id, LONGEST_ID):
            raise ContactNotFound
        return json_answer(log_view(await self._services.call_log.change(call_id, principal.agents, **changes)))


def _id(request: web.Request) -> str:
    call_id = request.match_info["id"]
    if not is_plain(call_id, LONGEST_ID):
        raise CallNotFound
    return call_id


def _filter(request: web.Request, spelling: Spelling, principal: Principal) -> LogFilter | None:
    """What is asked for; None: what nothing can be. Raises BadRequest, InvalidNumber."""
    number, q = read_text(request, "number"), read_text(request, "q")
    part = spelling.part(q) if q else None
    if q and part is None and not words_of(q):
        return None
    disposition = _one_of(request, "disposition", tuple(Disposition))
    return LogFilter(
        since=_moment(request, "from"),
        until=_moment(request, "until"),
        agent=_plain(request, "agent", 254).lower() or None,
        contact_id=_plain(request, "contact", LONGEST_ID) or None,
        number=_number(number, spelling) if number else None,
        direction=_one_of(request, "direction", DIRECTIONS),
        disposition=Disposition(disposition) if disposition else None,
        text=LogText(q, part) if q else None,
        visible=principal.agents,
    )


def _number(text: str, spelling: Spelling) -> str:
    """As the log has it: E.164, or what was dialled inside the house."""
    try:
        return spelling.spell(text)
    except InvalidNumber:
        if text.isascii() and text.strip("*#").isdigit() and len(text) <= 20:
            return text
        raise


def _plain(request: web.Request, name: str, most: int) -> str:
    text = read_once(request, name)
    if text and not is_plain(text, most):
        raise BadRequest(f"{name} must have {most} printable characters at most.")
    return text


def _one_of(request: web.Request, name: str, known: tuple[str, ...]) -> str | None:
    text = read_once(request, name)
    if text and text not in known:
        raise BadRequest(f"{name} must be one of {', '.join(known)}.")
    return text or None


def _moment(request: web.Request, name: str) -> float | None:
    """RFC 3339, or a date, which is its first moment in UTC. Unix seconds."""
    #: RFC 3339 allows small letters.
    text = read_once(request, name).upper()
    if not text:
        return None
    try:
        #: The + of an offset that nobody encoded.
        at = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        if at.tzinfo is None:
            at = at.replace(tzinfo=UTC)
        return at.timestamp() if 1900 <= at.year <= 9000 else _refuse_moment(name)
    except (ValueError, OverflowError):
        return _refuse_moment(name)


def _refuse_moment(name: str) -> float:
    raise BadRequest(f"{name} must be a date or a time such as 2026-11-22T09:30:00Z.") from None


def _wants_csv(request: web.Request) -> bool:
    """Whether CSV is liked better than JSON (RFC 9110, 12.5.1)."""
    liked = {"text/csv": 0.0, "application/json": 0.0}
    for entry in ",".join(request.headers.getall(hdrs.ACCEPT, ())).split(","):
        name, *parameters = (part.strip().lower() for part in entry.split(";"))
        if name in liked:
            liked[name] = next((_quality(each[2:]) for each in parameters if each.startswith("q=")), 1.0)
    return liked[CSV] > liked["application/json"]


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
