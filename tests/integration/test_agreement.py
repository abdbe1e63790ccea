"""The log, Asterisk's records and the phones agree on every call, whatever happened to the service meanwhile.

    CTC_MIXED_CALLS=1000 make test ARGS=tests/integration/test_agreement.py

runs it at full size, with the database away for a minute; CTC_MIXED_SEED repeats a run's choices.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections import Counter
from pathlib import Path

import msgspec

from ctc_ari.http.log_view import log_view
from ctc_ari.log.records import CDR_FILE, CEL_FILE
from ctc_ari.log.row import Disposition, LogRow
from ctc_ari.store.pool import connect
from tests.integration.agreement import TENTH, all_rows, differences, once, quiet, seen_by_asterisk, told_by_asterisk
from tests.integration.legs import Leg, legs_of
from tests.integration.mixed import WISHES, Run, mixed
from tests.integration.mixed_phones import KEYS, keyed, moved
from tests.receivers import Receiver, receiver, until

CALLS = int(os.environ.get("CTC_MIXED_CALLS", "30"))
SEED = int(os.environ.get("CTC_MIXED_SEED", str(random.randrange(10**6))))
#: With so many calls all that can happen does.
FULL = 500
#: Seconds for which the database is away the first time; 0: some.
AWAY = 60.0 if CALLS >= FULL else 0.0
#: Calls at once.
PARALLEL = 12


async def _calls(run: Run) -> None:
    """All of them, so many at a time, while there is trouble."""
    free = asyncio.Semaphore(PARALLEL)
    kinds = {4: Run.inward, 9: Run.inward, 14: Run.inward, 2: keyed, 7: moved}

    async def one(number: int) -> None:
        async with free:
            await kinds.get(number % 15, Run.outbound)(run)

    watch = asyncio.create_task(run.watched_over())
    trouble = asyncio.create_task(run.trouble())
    try:
        await asyncio.gather(*(one(number) for number in range(CALLS)))
    finally:
        trouble.cancel()
        await asyncio.wait([trouble])
    await asyncio.sleep(4.5)
    await run.desk.up(60.0 + AWAY)
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
    if row.direction == "inbound" and row.disposition in ("missed", "failed"):
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


async def _told_once(there: Receiver, rows: list[LogRow]) -> None:
    """Each row was told to a webhook as it is, once, wherever the service was killed."""
    #: What a service had claimed when it was killed is free again after a minute.
    await until(lambda: len({request.headers["webhook-id"] for request in there.requests}) >= len(rows), 60.0 + 30.0)
    told = {request.headers["webhook-id"]: request.json["data"] for request in there.requests}
    found = sorted(told.values(), key=lambda data: str(data["id"]))
    wanted = [msgspec.json.decode(msgspec.json.encode(log_view(row))) for row in rows]
    assert found == sorted(wanted, key=lambda data: str(data["id"]))
    assert {request.json["type"] for request in there.requests} == {"call.logged"}


async def _rebuilt(run: Run) -> None:
    """To rebuild a log that is right changes no byte of it, nor what people wrote there."""
    _, page = await run.desk.api("GET", "/api/v1/call-log?limit=20")
    await run.desk.api("POST", "/api/v1/contacts", json={"id": "moved", "name": "Moved"})
    for number, entry in enumerate(page["calls"]):
        change = [{"notes": "called back"}, {"outcome": "sold"}, {"contact_id": "moved"}][number % 3]
        status, body = await run.desk.api("PATCH", f"/api/v1/call-log/{entry['id']}", json=change)
        assert status == 200, body
    connection = await connect(run.desk.database_url)
    try:
        before = await connection.fetch("select * from call_log order by id")
        journal = await connection.fetch("select * from call_journal order by call_id, seq")
        for _ in range(2 if CALLS >= FULL else 1):
            said = await _command(run, "log", "rebuild", "--since", "12h")
            after = await connection.fetch("select * from call_log order by id")
            changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
            assert not changed, changed
            assert said == f"call log: 0 added, 0 corrected, {len(before):,} as they were\n"
            assert await connection.fetch("select * from call_journal order by call_id, seq") == journal
    finally:
        await connection.close()


async def _complete(run: Run) -> None:
    """All that Asterisk wrote to its files is in the database, though that was away: to import it adds nothing."""
    files = [run.at.folder / "asterisk" / "log" / name for name in (CEL_FILE, CDR_FILE)]
    told = await asyncio.gather(*(_command(run, "cdr", "import", str(file)) for file in files))
    for file, said in zip(files, told, strict=True):
        lines = len(file.read_bytes().splitlines())
        assert said == f"{lines:,} lines: 0 records added, {lines:,} known, 0 refused\n"


async def _command(run: Run, *words: str) -> str:
    """What an admin's command says."""
    command = [sys.executable, "-m", "ctc_ari", *words, "--config", str(run.desk.folder / "config.yaml")]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    said, _ = await asyncio.wait_for(process.communicate(), 120)
    return said.decode()


def _saw_everything(run: Run, rows: list[LogRow]) -> None:
    """The run was what it says it is."""
    assert {row.disposition for row in rows} == {*Disposition}
    transfers = {(transfer.mode, transfer.by, transfer.state) for row in rows for transfer in row.transfers}
    assert {("blind", "api"), ("blind", "phone"), ("attended", "api"), ("attended", "phone")} <= {
        (mode, by) for mode, by, state in transfers if state == "completed"
    }
    assert {"failed", "cancelled"} <= {state for _, _, state in transfers}
    assert {row.source for row in rows} == {"service", "asterisk"}
    for happened in ("killed", "cut", "without_database", "device web 202", "listen 201", *WISHES, *KEYS):
        assert run.done[happened], happened


async def _agree(run: Run, rows: list[LogRow], began: float) -> None:
    """None missing, none double, and everybody says the same of each."""
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
    examples = dict.fromkeys(told.split(" ", 1)[0] for told in wrong if told.startswith("+"))
    for number in list(examples)[:4]:
        wrong.append(f"\nall of {number}:\n{await told_by_asterisk(run.desk.database_url, number)}")
    assert not wrong, "\n".join([*wrong, str(story), str(run.done)])
    assert not twice, "a customer's phone rang twice"
    assert len(rows) >= run.placed + len(run.inbound)


async def test_log_records_and_phones_agree_on_calls_of_every_kind_in_trouble_of_every_kind(tmp_path: Path) -> None:
    began = time.time()
    async with receiver() as there, mixed(tmp_path, SEED, AWAY, there.url) as run:
        try:
            await _calls(run)
            rows = await all_rows(run.desk.database_url)
            await _agree(run, rows, began)
            await _told_once(there, rows)
            await _complete(run)
            await _rebuilt(run)
            if CALLS >= FULL:
                _saw_everything(run, rows)
        except AssertionError as error:
            error.add_note(f"CTC_MIXED_SEED={SEED} CTC_MIXED_CALLS={CALLS}")
            raise
