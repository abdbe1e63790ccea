"""The log, Asterisk's records and the phones agree on every call, whatever happened to the service meanwhile.

    CTC_MIXED_CALLS=1000 make test ARGS=tests/integration/test_agreement.py

runs it at full size; CTC_MIXED_SEED repeats a run's choices.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter
from pathlib import Path

from ctc_ari.log.row import LogRow
from tests.integration.agreement import TENTH, all_rows, differences, once, quiet, seen_by_asterisk, told_by_asterisk
from tests.integration.mixed import Leg, Run, legs_of, mixed

CALLS = int(os.environ.get("CTC_MIXED_CALLS", "30"))
SEED = int(os.environ.get("CTC_MIXED_SEED", str(random.randrange(10**6))))
#: Calls at once.
PARALLEL = 12


async def _calls(run: Run) -> None:
    """All of them, so many at a time, while there is trouble."""
    free = asyncio.Semaphore(PARALLEL)

    async def one(number: int) -> None:
        async with free:
            await (run.inward() if number % 5 == 4 else run.outbound())

    watch = asyncio.create_task(run.watched_over())
    trouble = asyncio.create_task(run.trouble())
    try:
        await asyncio.gather(*(one(number) for number in range(CALLS)))
    finally:
        trouble.cancel()
        await asyncio.wait([trouble])
    await asyncio.sleep(4.5)
    await run.desk.up(60.0)
    watch.cancel()
    await asyncio.wait([watch])
    for live in (await run.desk.api("GET", "/api/v1/calls"))[1]["calls"]:
        await run.desk.api("DELETE", f"/api/v1/calls/{live['id']}")
    await run.desk.nothing_left(30.0)
    await quiet(run.desk.database_url, 90.0)


def _as_the_phone_saw(row: LogRow | None, leg: Leg) -> list[str]:
    """In what the log and the phone at the other end differ."""
    if row is None:
        return ["not in the log"]
    if row.disposition == "missed":
        #: A spoken message answered him.
        return []
    if row.answered_at is None and leg.answered and leg.ended and leg.ended - leg.answered < TENTH:
        #: Its answer and our giving up crossed each other.
        return []
    if (row.answered_at is not None) is not (leg.answered is not None):
        return [f"{row.disposition}, and the phone was {'answered' if leg.answered else 'not answered'}"]
    if leg.answered is None or leg.ended is None:
        return []
    talked = leg.ended - leg.answered
    return [f"{row.talk_seconds:.3f} s instead of {talked:.3f} s"] if abs(row.talk_seconds - talked) > TENTH else []


async def test_log_records_and_phones_agree_on_calls_of_every_kind_in_trouble_of_every_kind(tmp_path: Path) -> None:
    began = time.time()
    async with mixed(tmp_path, SEED) as run:
        await _calls(run)
        rows = await all_rows(run.desk.database_url)
        once(rows)
        by_number = {row.number: row for row in rows}
        wrong: list[str] = []
        for row in rows:
            seen = await seen_by_asterisk(run.desk.database_url, row.linkedid, run.desk.config.asterisk.trunk)
            wrong += [f"{row.number} {row.id} (Asterisk): {told}" for told in differences(row, seen)]
        outside = [leg for leg in legs_of(run.at.carrier) if leg.number in by_number or leg.began > began]
        for leg in (*outside, *run.inbound):
            wrong += [f"{leg.number} (phone): {told}" for told in _as_the_phone_saw(by_number.get(leg.number), leg)]
        twice = [number for number, times in Counter(leg.number for leg in outside).items() if times > 1]
        for leg in run.inbound:
            if leg.number not in by_number:
                wrong.append(await told_by_asterisk(run.desk.database_url, leg.number))
        story = Counter((row.source, row.direction, row.disposition.value) for row in rows)
        assert not wrong, f"CTC_MIXED_SEED={SEED}\n" + "\n".join([*wrong, str(story)])
        assert not twice, "a customer's phone rang twice"
        assert len(rows) >= run.placed + len(run.inbound)
