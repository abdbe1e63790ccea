"""The call log: calls logged, a page for each filter and for all pairs of them, CSV, and contacts by number.

`python -m bench log --rows 5000000` is the length that counts; filling it takes half an hour and 12 GB in /tmp.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import asyncpg

from ctc_ari import logs
from ctc_ari.store.log_reading import PostgresCallLog
from tests.http.conftest import Server, World
from tests.http.fakes import TOKEN
from tests.store import databases
from tests.store.long_log import ANNA, BEGAN, EVERY, LEAVER, NEWCOMER, RARE_NUMBER, SWITCHBOARD, fill

from .contacts import looking_up
from .logged import logging_calls
from .report import Figure, Measure, measure, percentile, ratio

__all__ = ["QUICK_ROWS", "USUAL_ROWS", "call_log"]

USUAL_ROWS, QUICK_ROWS = 200_000, 20_000
SAMPLES, SAMPLES_OF_PAIRS = 40, 10
#: Rows of a page, unless asked otherwise.
PAGE = 50
MOST_CSV = 1_000_000
#: Milliseconds that the issue asks for.
MOST = 50.0

#: What one writes who knows nothing of the log's length; `{}` is the condition.
_BARE = f"select * from call_log where {{}} order by started_at desc, id desc limit {PAGE}"

#: What is asked for, and the bare condition with its values, where there is one that means the same.
Case = tuple[str, dict[str, str], str | None, tuple[Any, ...]]


def cases(rows: int) -> list[Case]:
    """Each filter with what is common, rare, long ago and never; then several together."""
    day = _day(rows // 2)
    agent = "agent_emails @> array[$1::text]"
    return [
        ("everything", {}, "true", ()),
        ("until the middle", {"until": day}, "started_at < $1::text::date", (day,)),
        ("agent with half of it", {"agent": ANNA}, agent, (ANNA,)),
        ("agent who left", {"agent": LEAVER}, agent, (LEAVER,)),
        ("agent who came yesterday", {"agent": NEWCOMER}, agent, (NEWCOMER,)),
        ("agent unknown", {"agent": "nobody@example.com"}, agent, ("nobody@example.com",)),
        ("contact", {"contact": "k1000"}, "contact_id = $1", ("k1000",)),
        ("number, rare", {"number": RARE_NUMBER}, "number = $1", (RARE_NUMBER,)),
        ("number, a hundredth", {"number": SWITCHBOARD}, "number = $1", (SWITCHBOARD,)),
        ("direction, common", {"direction": "outbound"}, "direction = $1", ("outbound",)),
        ("direction, rare", {"direction": "internal"}, "direction = $1", ("internal",)),
        ("disposition, common", {"disposition": "answered"}, "disposition = $1", ("answered",)),
        ("disposition, rare and old", {"disposition": "failed"}, "disposition = $1", ("failed",)),
        ("disposition, never", {"disposition": "abandoned"}, "disposition = $1", ("abandoned",)),
        ("q, in half of the rows", {"q": "family"}, None, ()),
        ("q, in each row", {"q": "example"}, None, ()),
        ("q, one letter", {"q": "g"}, None, ()),
        ("q, one person", {"q": "given7 family1507"}, None, ()),
        ("q, part of a number", {"q": "020 7000 123"}, None, ()),
        ("q, long ago only", {"q": "leaver"}, None, ()),
        ("q, nothing", {"q": "zzzqq"}, None, ()),
        ("agent and rare disposition", {"agent": ANNA, "disposition": "failed"}, None, ()),
        ("agent and number", {"agent": LEAVER, "number": SWITCHBOARD}, None, ()),
        ("agent and q, both common", {"agent": ANNA, "q": "family"}, None, ()),
        ("agent and q, never together", {"agent": ANNA, "q": "leaver"}, None, ()),
        ("all of them", {"agent": ANNA, "direction": "outbound", "disposition": "answered", "q": "offer"}, None, ()),
    ]


def pairs(rows: int) -> Iterator[tuple[str, dict[str, str]]]:
    """Every two filters, with what is common and what is not: the hardest are two that never meet."""
    values: dict[str, tuple[str, ...]] = {
        "agent": (ANNA, LEAVER),
        "contact": ("k1000",),
        "number": (SWITCHBOARD, RARE_NUMBER),
        "direction": ("outbound", "internal"),
        "disposition": ("answered", "failed", "abandoned"),
        "q": ("family", "leaver", "zzzqq"),
        "from": (_day(rows // 4),),
        "until": (_day(rows // 4),),
    }
    for one, other in itertools.combinations(values, 2):
        for mine, theirs in itertools.product(values[one], values[other]):
            yield f"{one}={mine} and {other}={theirs}", {one: mine, other: theirs}


def _day(row: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(BEGAN + EVERY * row))


async def call_log(rows: int, say: Callable[[str], None]) -> list[Figure]:
    """On a PostgreSQL of its own."""
    logs.configure(level=logging.WARNING)
    with databases.server() as server:
        async with server.migrated() as url, server.pool(url) as pool:
            say("calls logged")
            logged = await logging_calls(pool, url, rounds=5, calls=2000)
            say("contacts by number")
            found = await looking_up(pool)
        return [logged, found, *await _reading(server, rows, say)]


async def _reading(server: databases.Server, rows: int, say: Callable[[str], None]) -> list[Figure]:
    """Pages and CSV."""
    async with server.migrated() as url:
        connection = await asyncpg.connect(url)
        say(f"filling the log with {rows:,} calls")
        before = time.monotonic()
        await fill(connection, rows)
        say(f"that took {time.monotonic() - before:.0f} s")
        try:
            async with server.pool(url) as pool, _service(PostgresCallLog(pool)) as http:
                say("pages")
                pages = await _pages(http, connection, rows)
                say("CSV")
                return [pages, await _csv(http, connection, rows)]
        finally:
            await connection.close()


@asynccontextmanager
async def _service(call_log: PostgresCallLog) -> AsyncIterator[aiohttp.ClientSession]:
    """The application on a port of its own, and a client for it."""
    async with Server(World().services(call_log=call_log)) as server:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with aiohttp.ClientSession(server.make_url("/"), headers=headers) as session:
            yield session


async def _pages(http: aiohttp.ClientSession, connection: asyncpg.Connection[Any], rows: int) -> Figure:
    measures: list[Measure] = []
    alone: list[tuple[float, str]] = []
    together: list[tuple[float, str]] = []
    for name, parameters, condition, values in cases(rows):
        path = f"/api/v1/call-log?{urlencode(parameters)}"
        ours = await _sample(lambda path=path: _get(http, path))  # type: ignore[misc]
        measures.append(measure(name, "ms", ours, tail=True))
        (alone if len(parameters) < 2 else together).append((percentile(ours, 0.99), name))
        if condition is not None:
            query = _BARE.format(condition)
            bare = await _sample(lambda query=query, values=values: connection.fetch(query, *values))  # type: ignore[misc]
            measures.append(measure(f"{name}: bare", "ms", bare, tail=True))
    paired: list[tuple[float, str]] = []
    for name, parameters in pairs(rows):
        path = f"/api/v1/call-log?{urlencode(parameters)}"
        ours = await _sample(lambda path=path: _get(http, path), SAMPLES_OF_PAIRS)  # type: ignore[misc]
        paired.append((percentile(ours, 0.5), name))
    measures.append(measure(f"each of {len(paired)} pairs of filters", "ms", [each for each, _ in paired], tail=True))
    ratios = [
        ratio(f"first page, {share} of the slowest {what} ({max(worst)[1]})", max(worst)[0], " ms", most=MOST)
        for what, share, worst in (
            ("filter", "p99", alone),
            ("combination", "p99", together),
            ("pair of filters", "p50", paired),
        )
    ]
    slowest = ", ".join(f"{name} {taken:.0f} ms" for taken, name in sorted(paired, reverse=True)[:5])
    note = (
        f"{rows:,} calls. A page goes through HTTP, JSON included; bare is asyncpg alone, without reading what it got. "
        f"The slowest pairs: {slowest}."
    )
    return Figure("First page of the call log", tuple(measures), tuple(ratios), (note,))


async def _sample(work: Callable[[], Any], samples: int = SAMPLES) -> list[float]:
    """Milliseconds, after two that are not counted; what takes seconds is not tried as often."""
    taken: list[float] = []
    for number in range(samples + 2):
        before = time.perf_counter()
        await work()
        milliseconds = (time.perf_counter() - before) * 1000
        if number >= 2:
            taken.append(milliseconds)
        if sum(taken) > 5000:
            break
        await asyncio.sleep(0.002)
    return taken


async def _get(http: aiohttp.ClientSession, path: str) -> None:
    async with http.get(path) as answer:
        body = await answer.read()
        assert answer.status == 200, body


async def _csv(http: aiohttp.ClientSession, connection: asyncpg.Connection[Any], rows: int) -> Figure:
    """The oldest million, once, and what this process needed for it."""
    rows = min(rows, MOST_CSV)
    until = datetime.fromtimestamp(BEGAN + EVERY * rows + 1, UTC)
    path = f"/api/v1/call-log?until={until:%Y-%m-%dT%H:%M:%SZ}"
    memory_before, memory_most, length, lines = _resident(), 0, 0, 0
    before = time.monotonic()
    async with http.get(path, headers={"Accept": "text/csv"}) as answer:
        async for part in answer.content.iter_any():
            length += len(part)
            lines += part.count(b"\r\n")
            memory_most = max(memory_most, _resident())
    ours = lines / (time.monotonic() - before)
    assert lines == rows + 1, lines
    before = time.monotonic()
    async with connection.transaction():
        query = "select * from call_log where started_at < $1 order by started_at desc, id desc"
        read = 0
        async for _ in connection.cursor(query, until, prefetch=500):
            read += 1
    bare = read / (time.monotonic() - before)
    grown = (memory_most - memory_before) / 2**20
    measures: Sequence[Measure] = (
        measure("CSV", "rows/s", [ours]),
        measure("bare cursor", "rows/s", [bare]),
        measure("memory while it is read, client included", "MiB more", [grown]),
    )
    ratios = (
        ratio("memory of a CSV stream", grown, " MiB", most=50.0),
        ratio("CSV against the bare cursor", ours / bare),
    )
    return Figure("The call log as CSV", tuple(measures), ratios, (f"{rows:,} rows, {length / 2**20:.0f} MiB.",))


def _resident() -> int:
    """Bytes of this process in memory: proc(5), statm."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
