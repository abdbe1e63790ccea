"""A call log in memory, which fails when it is told to."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from ctc_ari.call_log import LogFilter, LogPage, LogPosition
from ctc_ari.calls.model import Contact, EndReason
from ctc_ari.erasure import Erased
from ctc_ari.errors import CallNotFound, ContactNotFound
from ctc_ari.log.row import Disposition, LogAgent, LogRow, LogTransfer, Quality, Recorded
from tests.http.fakes import ANNA, BORIS, CREATED, NUMBER

LOGGED = LogRow(
    id="call-1",
    linkedid="call-1",
    calls=("call-1", "call-2"),
    node="pbx1",
    direction="outbound",
    number=NUMBER,
    agent_email=BORIS.email,
    agents=(
        LogAgent(ANNA.email, ANNA.name, "1001", talked=True),
        LogAgent(BORIS.email, BORIS.name, "1002", talked=True),
    ),
    device="desk",
    contact=Contact("grace", "Grace Hopper"),
    contact_by="number",
    candidates=(Contact("grace", "Grace Hopper"), Contact("ada", "Ada Lovelace")),
    disposition=Disposition.ANSWERED,
    end_reason=EndReason.COMPLETED,
    ended_by="customer",
    started_at=CREATED,
    agent_answered_at=CREATED + 2,
    answered_at=CREATED + 9.5,
    ended_at=CREATED + 100,
    ring_seconds=7.5,
    talk_seconds=90.5,
    hold_seconds=3.25,
    transfers=(
        LogTransfer(
            id="t1",
            mode="blind",
            to=BORIS.email,
            by="api",
            state="completed",
            agent=LogAgent(BORIS.email, BORIS.name, "1002"),
            started_at=CREATED + 50,
            ended_at=CREATED + 60,
        ),
    ),
    recordings=(Recorded("call-1-1", "call-1", 1),),
    quality=(Quality(leg="customer", channel="call-1.c", mos=4.1, loss=0.001, jitter=0.002, rtt=0.03),),
    notes="=SUM(A1)",
)
#: Boris's own.
HIDDEN = msgspec.structs.replace(
    LOGGED,
    id="call-9",
    linkedid="call-9",
    calls=("call-9",),
    agents=LOGGED.agents[1:],
    transfers=(),
    recordings=(),
    started_at=CREATED - 60,
)


class FakeCallLog:
    """One call of Anna's and Boris's, and one of Boris's."""

    def __init__(self) -> None:
        self.rows = {row.id: row for row in (LOGGED, HIDDEN)}
        self.asked: list[LogFilter] = []
        self.changes: list[dict[str, str | None]] = []
        self.failure: Exception | None = None

    async def page(self, wanted: LogFilter, *, after: LogPosition | None, limit: int) -> LogPage:
        """What is asked for is kept; only who may see what counts."""
        self.asked.append(wanted)
        if self.failure is not None:
            raise self.failure
        rows = sorted(self.rows.values(), key=_position, reverse=True)
        found = [row for row in rows if _seen(row, wanted.visible) and (after is None or _position(row) < after)]
        return LogPage(found[:limit], _position(found[limit - 1]) if len(found) > limit else None)

    async def read(self, call_id: str, visible: Collection[str] | None) -> LogRow:
        """By any of its ids."""
        assert call_id.isprintable()
        assert 0 < len(call_id) <= 128
        if self.failure is not None:
            raise self.failure
        for row in self.rows.values():
            if call_id in row.calls and _seen(row, visible):
                return row
        raise CallNotFound

    async def change(self, call_id: str, visible: Collection[str] | None, **changes: str | None) -> LogRow:
        """As given."""
        row = await self.read(call_id, visible)
        self.changes.append(changes)
        fields: dict[str, object] = dict(changes)
        if "contact_id" in fields:
            contact_id = fields.pop("contact_id")
            if contact_id not in (None, "ada"):
                raise ContactNotFound
            fields |= {"contact": Contact("ada", "Ada Lovelace") if contact_id else None, "contact_by": "person"}
        self.rows[row.id] = msgspec.structs.replace(row, **fields)
        return self.rows[row.id]


class FakeErasures:
    """Remembers who was to be erased."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.failure: Exception | None = None

    async def erase_contact(self, contact_id: str) -> Erased:
        """By id."""
        return self._erase(contact_id)

    async def erase_number(self, number: str) -> Erased:
        """By number."""
        return self._erase(number)

    def _erase(self, whom: str) -> Erased:
        if self.failure is not None:
            raise self.failure
        self.asked.append(whom)
        return Erased(contacts=1, calls=2, recordings=3, records=4, deliveries=5)


def _position(row: LogRow) -> LogPosition:
    return int(row.started_at * 1e6), row.id


def _seen(row: LogRow, visible: Collection[str] | None) -> bool:
    return visible is None or bool(set(visible) & set(row.agent_emails))
