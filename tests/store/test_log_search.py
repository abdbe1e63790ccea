"""The call log as it is searched: every filter and any two together, in pages, reading no more than a page takes."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import msgspec
import pytest

from ctc_ari.call_log import CallLog, LogFilter, LogPosition, LogText
from ctc_ari.calls.model import Contact
from ctc_ari.calls.numbers import Spelling
from ctc_ari.log.row import Disposition, LogAgent, LogRow
from ctc_ari.store import log_reading as module
from ctc_ari.store.log import ROW_DOCUMENT
from ctc_ari.store.log_reading import PostgresCallLog
from ctc_ari.store.log_search import (
    Lead,
    everything,
    is_complete,
    is_mixed,
    lead_of,
    page_of,
    range_of,
    sample_of,
    short_of,
    ways_of,
)
from ctc_ari.store.pool import Pool
from ctc_ari.words import matches, words_of
from tests.store.databases import Server
from tests.store.log_rows import put
from tests.store.long_log import ANNA, BEGAN, EVERY, LEAVER, NEWCOMER, RARE_NUMBER, SWITCHBOARD, fill

ROWS = 20_000
#: So many begin in a day.
A_DAY = 86_400 // EVERY
SPELLING = Spelling("GB")


def text(q: str) -> LogText:
    return LogText(q, SPELLING.part(q))


TEAM = frozenset({ANNA, LEAVER, "agent5@example.com"})
#: What each filter may be: common, rare, long ago, and never.
CHOICES: dict[str, tuple[Any, ...]] = {
    "agent": (ANNA, LEAVER, NEWCOMER, "nobody@example.com"),
    "visible": (frozenset({ANNA}), TEAM, frozenset({LEAVER}), frozenset({"nobody@example.com"}), frozenset()),
    "contact_id": ("k100", "k101"),
    "number": (SWITCHBOARD, RARE_NUMBER, "+442070000042", "+442070009999"),
    "direction": ("outbound", "internal"),
    "disposition": (Disposition.ANSWERED, Disposition.FAILED, Disposition.MISSED, Disposition.ABANDONED),
    "text": tuple(map(text, ("family", "LEAVER offer", "twenty g", "020 7000 1", "9999", "zzz", "agent5"))),
    "since": (BEGAN + EVERY * (ROWS - 3000.0),),
    "until": (BEGAN + EVERY * 5000.0,),
}
ALONE: list[dict[str, Any]] = [{name: value} for name, values in CHOICES.items() for value in values]
TOGETHER: list[dict[str, Any]] = [
    dict(zip(names, values, strict=True))
    for names in itertools.combinations(CHOICES, 2)
    for values in itertools.product(*(CHOICES[name][:3] for name in names))
]
SEVERAL: list[dict[str, Any]] = [
    {"agent": ANNA, "direction": "outbound", "disposition": Disposition.ANSWERED, "text": text("offer")},
    {"visible": TEAM, "direction": "inbound", "disposition": Disposition.MISSED, "number": SWITCHBOARD},
    {"visible": frozenset({ANNA}), "agent": LEAVER, "text": text("family")},
    {name: values[0] for name, values in CHOICES.items() if name not in ("contact_id", "until")},
]


@pytest.fixture(scope="module")
async def long_url(server: Server) -> AsyncIterator[str]:
    """A database whose log is long; nobody writes to it."""
    async with server.migrated() as url:
        connection = await asyncpg.connect(url)
        await fill(connection, ROWS)
        await connection.close()
        yield url


@pytest.fixture(scope="module")
async def long_pool(server: Server, long_url: str) -> AsyncIterator[Pool]:
    async with server.pool(long_url) as opened:
        yield opened


@pytest.fixture(scope="module")
async def long_log(long_pool: Pool) -> CallLog:
    return PostgresCallLog(long_pool)


@pytest.fixture(scope="module")
async def expected(long_pool: Pool) -> Callable[[dict[str, Any]], list[LogRow]]:
    """Those that fit all of these filters, the newest first; what fits one of them is found out once."""
    found = await long_pool.fetch(f"select {ROW_DOCUMENT} from call_log order by started_at desc, id desc")
    rows = [msgspec.json.decode(row["document"], type=LogRow) for row in found]
    known: dict[str, frozenset[int]] = {}

    def positions(name: str, value: Any) -> frozenset[int]:
        wanted = LogFilter(**{name: value})
        if repr(wanted) not in known:
            known[repr(wanted)] = frozenset(position for position, row in enumerate(rows) if fits(row, wanted))
        return known[repr(wanted)]

    def fitting(fields: dict[str, Any]) -> list[LogRow]:
        each = (positions(name, value) for name, value in fields.items())
        return [rows[position] for position in sorted(frozenset.intersection(*each))]

    return fitting


def fits(row: LogRow, wanted: LogFilter) -> bool:
    """What the filters mean."""
    emails = set(row.agent_emails)
    contact = row.contact.id if row.contact else None
    return (
        (wanted.since is None or row.started_at >= wanted.since)
        and (wanted.until is None or row.started_at < wanted.until)
        and (wanted.agent is None or wanted.agent in emails)
        and (wanted.visible is None or bool(wanted.visible & emails))
        and (wanted.contact_id is None or wanted.contact_id == contact)
        and (wanted.number is None or wanted.number == row.number)
        and (wanted.direction is None or wanted.direction == row.direction)
        and (wanted.disposition is None or wanted.disposition is row.disposition)
        and (wanted.text is None or says(row, wanted.text))
    )


def says(row: LogRow, text: LogText) -> bool:
    part = text.part
    if part and (row.number.startswith(part.beginnings) or row.number.endswith(part.ending)):
        return True
    names = [agent.name for agent in row.agents]
    return matches(words_of(text.text), words_of(row.contact.name if row.contact else "", row.notes, *names))


# finding


@pytest.mark.parametrize("kind", ["alone", "together", "several"])
async def test_every_filter_and_any_two_find_what_they_mean_in_pages(
    long_log: CallLog, expected: Callable[[dict[str, Any]], list[LogRow]], kind: str
) -> None:
    cases = {"alone": ALONE, "together": TOGETHER, "several": SEVERAL}[kind]
    counts = []
    for fields in cases:
        wanted = LogFilter(**fields)
        fitting = expected(fields)
        seen: list[LogRow] = []
        after: LogPosition | None = None
        for limit in (3, 50, 200):
            page = await long_log.page(wanted, after=after, limit=limit)
            seen += page.rows
            after = page.next
            if after is None:
                break
        assert (after is None) == (len(fitting) <= 253), fields
        assert seen == fitting[:253], fields
        counts.append(len(fitting))
    if kind == "together":
        assert sum(count > 253 for count in counts) > 20, "many that take several pages"
        assert sum(0 < count < 100 for count in counts) > 20, "many that take one"


async def test_whatever_a_text_is_looked_for_by_the_same_is_found(
    long_pool: Pool, expected: Callable[[dict[str, Any]], list[LogRow]]
) -> None:
    async with long_pool.acquire() as connection, connection.transaction():
        await connection.execute(module._PLANNING)
        for fields in (*TOGETHER, *SEVERAL):
            wanted = LogFilter(**fields)
            if not is_mixed(wanted) or wanted.visible == frozenset():
                continue
            fitting = [row.id for row in expected(fields)[:51]]
            for lead in Lead:
                way = everything(wanted, lead)
                query, values = page_of(way, wanted, range_of(wanted, None), "null", 51)
                assert [row["id"] for row in await connection.fetch(query, *values)] == fitting, (fields, lead)


@pytest.mark.parametrize(
    ("more", "q", "lead"),
    [
        ({"agent": ANNA}, "family", Lead.ALL),
        ({"agent": ANNA}, "zzz", Lead.DAYS_OF_TEXT),
        ({"number": SWITCHBOARD}, "family", Lead.WHOLE),
        ({"direction": "outbound"}, "leaver", Lead.DAYS_OF_TEXT),
        ({"direction": "outbound"}, "given7", Lead.TEXT),
    ],
)
async def test_the_rarer_of_a_text_and_the_rest_is_looked_for(
    long_pool: Pool, more: dict[str, Any], q: str, lead: Lead
) -> None:
    wanted = LogFilter(text=text(q), **more)
    query, values = sample_of(wanted, range_of(wanted, None))
    (found,) = await long_pool.fetch(query, *values)
    assert lead_of(found["text"], found["whole"]) is lead, dict(found)


async def test_calls_of_one_moment_are_not_lost_between_pages(pool: Pool) -> None:
    for number in range(7):
        await put(pool, f"c{number}", started_at=1000.5)
    log = PostgresCallLog(pool)
    for wanted in (LogFilter(), LogFilter(agent=ANNA), LogFilter(text=text("anna")), LogFilter(direction="outbound")):
        seen: list[str] = []
        after: LogPosition | None = None
        while True:
            page = await log.page(wanted, after=after, limit=2)
            seen += [row.id for row in page.rows]
            if (after := page.next) is None:
                break
        assert seen == [f"c{number}" for number in reversed(range(7))]


async def test_a_call_of_two_agents_is_shown_once_to_those_who_see_both(pool: Pool) -> None:
    await put(pool, "c1", agents=(LogAgent(ANNA, "Anna"), LogAgent(LEAVER, "Boris")))
    page = await PostgresCallLog(pool).page(LogFilter(visible=TEAM), after=None, limit=10)
    assert [row.id for row in page.rows] == ["c1"]


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("zoe", True),
        ("ZOË mül", True),
        ("straß", True),
        ("STRASSE", True),
        ("o'hara", True),
        ("ann", True),
        ("callback", True),
        ("won", True),
        ("zoe boris", False),
        ("oe", False),
        ("'; drop table call_log; --", False),
        ("\\", False),
        ("x | y & !z", False),
        ("\n", False),
        ("07946 0123", True),
        ("020 7946 0123", True),
        ("+44 20 7946", True),
        ("60123", True),
        ("79", False),
    ],
)
async def test_names_numbers_and_notes_are_found_by_what_is_typed(pool: Pool, q: str, found: bool) -> None:
    row = await put(pool, "c1", contact=Contact("k'1\\", "Zoë Müller O'Hara, Straße 5"))
    await pool.execute("update call_log set notes = 'asked for a (callback)', outcome = 'Won!'")
    log = PostgresCallLog(pool)
    others: list[dict[str, Any]] = [
        {},
        {"contact_id": "k'1\\"},
        {"agent": ANNA, "visible": TEAM},
        {"direction": "outbound"},
    ]
    for more in others:
        page = await log.page(LogFilter(text=text(q), **more), after=None, limit=10)
        assert [each.id for each in page.rows] == ([row.id] if found else []), more


# by its indexes


def read_by(plan: dict[str, Any]) -> int:
    """Rows of tables and indexes that all nodes together looked at."""
    looked = 0
    if "Relation Name" in plan or "Index Name" in plan:
        removed = plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Index Recheck", 0)
        looked = (plan["Actual Rows"] + removed) * plan["Actual Loops"]
    return int(looked) + sum(read_by(child) for child in plan.get("Plans", ()))


def scans(plan: dict[str, Any]) -> set[str]:
    own = {plan["Relation Name"]} if plan["Node Type"] == "Seq Scan" else set()
    return own.union(*(scans(child) for child in plan.get("Plans", ())))


async def explain(connection: Any, statement: tuple[str, list[Any]]) -> dict[str, Any]:
    query, values = statement
    plan: dict[str, Any] = json.loads(await connection.fetchval(f"explain (analyze, format json) {query}", *values))[0]
    return plan["Plan"]  # type: ignore[no-any-return]


async def test_a_filter_alone_reads_a_page_of_its_index_and_no_more(long_pool: Pool) -> None:
    async with long_pool.acquire() as connection, connection.transaction():
        await connection.execute(module._PLANNING)
        for fields in ALONE:
            wanted = LogFilter(**fields)
            if wanted.text is not None or wanted.visible == frozenset():
                continue
            way = next(way for way in ways_of(wanted) if is_complete(way, wanted))
            plan = await explain(connection, page_of(way, wanted, range_of(wanted, None), ROW_DOCUMENT, 51))
            agents = len(wanted.visible or ()) or 1
            assert scans(plan) == set()
            assert read_by(plan) <= 51 * (agents + 1), fields


async def test_what_is_searched_for_is_read_a_day_at_a_time(long_pool: Pool) -> None:
    async with long_pool.acquire() as connection, connection.transaction():
        await connection.execute(module._PLANNING)
        for fields in (*ALONE, *TOGETHER, *SEVERAL):
            wanted = LogFilter(**fields)
            if wanted.visible == frozenset():
                continue
            way = everything(wanted)
            plan = await explain(connection, page_of(way, wanted, range_of(wanted, None), ROW_DOCUMENT, 51))
            assert scans(plan) == set()
            #: Of the last day there are a few calls; what the bitmap finds is counted again when it is fetched.
            assert plan["Actual Rows"] == 0 or read_by(plan) <= 2 * (2 * A_DAY), fields


async def test_a_way_is_measured_no_further_than_it_has_to_be(long_pool: Pool) -> None:
    async with long_pool.acquire() as connection, connection.transaction():
        await connection.execute(module._PLANNING)
        wanted = LogFilter(number=SWITCHBOARD, agent=ANNA, direction="outbound")
        for way, short in zip(ways_of(wanted), (False, False, False), strict=True):
            statement = short_of(way, range_of(wanted, None), 100)
            assert await connection.fetchval(statement[0], *statement[1]) is short
            assert read_by(await explain(connection, statement)) <= 200
