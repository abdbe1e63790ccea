"""`ctc-ari log …` and `ctc-ari cdr …`."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ctc_ari.cli.options import config_option, configuration

if TYPE_CHECKING:
    from ctc_ari.config import Config
    from ctc_ari.log.records import CdrRow, CelRow, Refused
    from ctc_ari.log.row import House
    from ctc_ari.store.log_keeper import Rebuilt
    from ctc_ari.store.pool import Connection

__all__ = ["cdr", "log"]

#: Records in one transaction.
BATCH = 5000
#: Lines by which it is told what the file holds.
FIRST = 100
#: Kinds of refused lines that are told.
TOLD = 10
_AGO = re.compile(r"(\d+)\s*(m|h|d)")
_SECONDS = {"m": 60, "h": 3600, "d": 86400}


class _When(click.ParamType[float]):
    """A moment: `2026-01-31`, `2026-01-31T14:00`, or how long ago: `90m`, `12h`, `30d`."""

    name = "TIME"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Unix seconds."""
        text = str(value).strip()
        if ago := _AGO.fullmatch(text):
            #: Further back than any call is from the beginning.
            return max(0.0, time.time() - int(ago[1]) * _SECONDS[ago[2]])
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            self.fail(f"`{text}` is no time; write 2026-01-31, 2026-01-31T14:00 (UTC), 12h or 30d", param, ctx)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


@click.group()
@config_option
def log() -> None:
    """The call log: one row per call."""


@log.command("rebuild")
@click.option("--since", type=_When(), required=True, help="The first moment: 2026-01-31, 2026-01-31T14:00, 12h, 30d.")
@click.option("--until", type=_When(), help="The last one.  [default: now]")
@config_option
def rebuild_log(since: float, until: float | None) -> None:
    """Make the rows of a period anew, from the service's own record of each call and from Asterisk's (CEL, CDR).

    What is right stays, and so do notes, outcomes, and contacts chosen by somebody. Times are UTC.

    \b
    Examples:
      ctc-ari log rebuild --since 12h
      ctc-ari log rebuild --since 2026-01-01 --until 2026-02-01
    """
    from ctc_ari.cli.database import with_database
    from ctc_ari.store.log_keeper import rebuild

    config = configuration()

    async def work(connection: Connection) -> Rebuilt:
        return await rebuild(connection, await _house(connection, config), since, until or time.time())

    found = with_database(config, work)
    _summarise(found)


@click.group()
@config_option
def cdr() -> None:
    """Asterisk's own records of calls."""


@cdr.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@config_option
def import_(file: Path) -> None:
    """Import what Asterisk wrote to a file: cdr-csv/Master.csv (times in UTC), or cel-custom/Master.csv.

    For an Asterisk on another machine; the one on this machine needs it not. Importing a file again adds nothing. Calls
    that the log does not know yet are added to it.

    \b
    Example:
      ctc-ari cdr import /var/log/asterisk/cdr-csv/Master.csv
    """
    from ctc_ari.cli.database import with_database
    from ctc_ari.store.log_keeper import rebuild

    config = configuration()
    reasons: Counter[str] = Counter()
    lines: list[str] = []

    async def work(connection: Connection) -> tuple[int, int, Rebuilt | None]:
        from ctc_ari.log.records import CelRow, Refused
        from ctc_ari.store.records import add_cdr, add_cel

        read = added = 0
        since, until = float("inf"), 0.0
        records = _records(file)
        while batch := list(islice(records, BATCH)):
            read += len(batch)
            for record in batch:
                if isinstance(record, Refused):
                    reasons[record.reason] += 1
                    lines.append(f"  line {record.line}: {record.reason}") if len(lines) < TOLD else None
                else:
                    at = record.eventtime if isinstance(record, CelRow) else record.start
                    since, until = min(since, at), max(until, at)
            kept = [record for record in batch if not isinstance(record, Refused)]
            added += await add_cel(connection, [record for record in kept if isinstance(record, CelRow)])
            added += await add_cdr(connection, [record for record in kept if not isinstance(record, CelRow)])
        if not added:
            return read, 0, None
        return read, added, await rebuild(connection, await _house(connection, config), since, until + 1)

    read, added, found = with_database(config, work)
    refused = reasons.total()
    click.echo(f"{read:,} lines: {added:,} records added, {read - added - refused:,} known, {refused:,} refused")
    for line in lines:
        click.echo(line)
    if found is not None:
        _summarise(found)


def _records(file: Path) -> Iterator[CelRow | CdrRow | Refused]:
    from ctc_ari.log.records import fields_of, kind_of, records_of

    with file.open("rb") as opened:
        lines = map(fields_of, opened)
        #: The first one may be half of one; and a pipe is read once.
        first = list(islice(lines, FIRST))
        kind = next((kind for fields in first if (kind := kind_of(fields))), "cdr")
        yield from records_of(chain(first, lines), kind)


async def _house(connection: Connection, config: Config) -> House:
    from ctc_ari.calls.numbers import Spelling
    from ctc_ari.log.house import house_of
    from ctc_ari.store.agents import read_agents

    spelling = Spelling(config.numbers.default_region)
    return house_of(await read_agents(connection), config.asterisk.trunk, spelling.spell)


def _summarise(found: Rebuilt) -> None:
    open_ = f", {found.open:,} still going on" if found.open else ""
    click.echo(
        f"call log: {found.added:,} added, {found.corrected:,} corrected, {found.unchanged:,} as they were{open_}"
    )
