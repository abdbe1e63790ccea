"""GET /api/v1/call-log as CSV: whole, harmless in a spreadsheet, and never half a file that looks whole."""

from __future__ import annotations

import asyncio
import csv
import io

import aiohttp
import msgspec
import pytest

from ctc_ari.call_log import LogFilter, LogPage, LogPosition
from ctc_ari.calls.model import Contact
from ctc_ari.errors import DatabaseUnreachable
from ctc_ari.http.log_csv import COLUMNS, PORTION, harmless
from ctc_ari.log.row import LogRow
from tests.http.asking import refused
from tests.http.conftest import Client, Wire, World
from tests.http.fake_call_log import LOGGED
from tests.http.fakes import ANNA, BORIS, NUMBER
from tests.http.test_call_log import AS_CSV, LOG, SHOWN


async def test_csv_has_a_line_for_each_call_with_the_names_of_the_columns_first(client: Client) -> None:
    answer = await client.get(LOG, headers=AS_CSV)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="call-log.csv"'
    assert answer.headers["Cache-Control"] == "no-store"
    body = await answer.text()
    assert body.count("\r\n") == 3
    header, first, second = csv.reader(io.StringIO(body, newline=""))
    assert tuple(header) == COLUMNS
    row = dict(zip(header, first, strict=True))
    assert row == {
        "id": "call-1",
        "started_at": SHOWN["started_at"],
        "direction": "outbound",
        "disposition": "answered",
        "number": NUMBER,
        "did": "",
        "contact_id": "grace",
        "contact_name": "Grace Hopper",
        "agent_email": BORIS.email,
        "agent_name": "Boris",
        "agent_extension": "1002",
        "agents": f"{ANNA.email} {BORIS.email}",
        "device": "desk",
        "source": "service",
        "end_reason": "completed",
        "ended_by": "customer",
        "agent_answered_at": SHOWN["agent_answered_at"],
        "answered_at": SHOWN["answered_at"],
        "ended_at": SHOWN["ended_at"],
        "ring_seconds": "7.5",
        "talk_seconds": "90.5",
        "hold_seconds": "3.25",
        "transfers": "1",
        "recordings": "/api/v1/calls/call-1/recordings/1",
        "mos": "4.1",
        "notes": "'=SUM(A1)",
        "outcome": "",
    }
    assert second[0] == "call-9"


async def test_csv_holds_quotes_commas_and_line_breaks(client: Client, world: World) -> None:
    notes = 'She said "no", then:\nperhaps; \ttomorrow'
    world.call_log.rows["call-1"] = msgspec.structs.replace(LOGGED, notes=notes, contact=Contact("x", "Zoë, 日本"))
    body = await (await client.get(LOG, headers=AS_CSV)).text()
    header, first, _ = csv.reader(io.StringIO(body, newline=""))
    row = dict(zip(header, first, strict=True))
    assert (row["notes"], row["contact_name"]) == (notes, "Zoë, 日本")
    assert '"She said ""no"", then:' in body


@pytest.mark.parametrize("text", ["=1+1", "+1-1", "-2", "@SUM(A1)", "\t=1", "\r=1", "\uff1d1", "+44 20=1", "+", "+٤٤"])
def test_a_formula_is_made_harmless(text: str) -> None:
    assert harmless(text) == "'" + text


@pytest.mark.parametrize("text", ["", NUMBER, "020 7946", "a=b", "'", "Grace-Ann"])
def test_a_text_that_is_none_stays(text: str) -> None:
    assert harmless(text) == text


@pytest.mark.parametrize(
    ("accept", "csv_"),
    [
        ("text/csv", True),
        ("TEXT/CSV; charset=utf-8", True),
        ("text/csv, application/json;q=0.9", True),
        ("text/csv;q=0.5, application/json", False),
        ("text/csv;q=x", False),
        ("text/csv, application/json", False),
        ("application/json", False),
        ("*/*", False),
        ("text/html, */*", False),
    ],
)
async def test_csv_is_for_those_who_like_it_better(client: Client, accept: str, csv_: bool) -> None:
    answer = await client.get(LOG, headers={"Accept": accept})
    assert answer.content_type == ("text/csv" if csv_ else "application/json")


async def test_csv_has_no_pages(client: Client) -> None:
    for query in ("limit=10", "cursor=x"):
        detail = await refused(client, "GET", f"{LOG}?{query}", 400, "malformed", headers=AS_CSV)
        assert "CSV has no pages" in detail


class Endless:
    """A log without end, which counts what is read of it."""

    def __init__(self, last: int) -> None:
        self.read, self.last = 0, last

    async def page(self, wanted: LogFilter, *, after: LogPosition | None, limit: int) -> LogPage:
        """The next ones."""
        first = 0 if after is None else after[0]
        rows: list[LogRow] = [LOGGED] * min(limit, self.last - first)
        self.read = first + len(rows)
        return LogPage(rows, (self.read, "x") if self.read < self.last else None)


async def test_csv_of_many_rows_is_complete(client: Client, world: World) -> None:
    endless = Endless(PORTION * 3 + 1)
    world.call_log.page = endless.page  # type: ignore[method-assign]
    body = await (await client.get(LOG, headers=AS_CSV)).read()
    assert body.count(b"\r\n") == endless.last + 1


async def test_a_reader_who_stops_reading_stops_the_log_from_being_read(client: Client, world: World) -> None:
    endless = Endless(100_000_000)
    world.call_log.page = endless.page  # type: ignore[method-assign]
    async with client.get(LOG, headers=AS_CSV) as answer:
        await answer.content.readline()
        before = -1
        while endless.read != before:
            before = endless.read
            await asyncio.sleep(0.2)
        assert endless.read < 200_000


async def test_half_a_file_does_not_look_whole(client: Client, world: World) -> None:
    endless = Endless(PORTION * 4)

    async def page(wanted: LogFilter, *, after: LogPosition | None, limit: int) -> LogPage:
        if endless.read >= PORTION * 2:
            raise DatabaseUnreachable
        return await endless.page(wanted, after=after, limit=limit)

    world.call_log.page = page  # type: ignore[method-assign]
    with pytest.raises(aiohttp.ClientError):
        await (await client.get(LOG, headers=AS_CSV)).read()


async def test_there_is_no_head_of_a_stream(wire: Wire) -> None:
    assert (await wire.request("HEAD", LOG)).status == 405
