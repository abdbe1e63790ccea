"""`python -m bench`: runs the figures, prints them, writes them to bench/results."""

from __future__ import annotations

import argparse
import gc
import sys
import time
from datetime import UTC, datetime

import uvloop

from . import report
from .log import QUICK_ROWS, USUAL_ROWS, call_log
from .machine import facts
from .plan import FIGURES, Plan
from .stage import stage

_started = time.monotonic()
#: The part that needs PostgreSQL and no Asterisk.
LOG = "log"
ALL = [LOG, *FIGURES]


def say(line: str) -> None:
    """Progress, on stderr."""
    print(f"{time.monotonic() - _started:6.1f} s  {line}", file=sys.stderr, flush=True)


async def main(chosen: list[str], *, quick: bool, rows: int) -> None:
    """Runs the chosen figures: the log's on a PostgreSQL of its own, the others on one stage."""
    figures: list[report.Figure] = []
    version = None
    if LOG in chosen:
        figures += await call_log(rows, say)
    if staged := [name for name in chosen if name != LOG]:
        async with stage(say) as on:
            # Our own pauses must not be taken for theirs.
            gc.collect()
            gc.freeze()
            version = on.installation.version
            plan = Plan(on, quick=quick)
            for name in staged:
                say(name)
                figures += await FIGURES[name](plan)
    known = facts(version)
    print(report.text(figures, known))
    names = "" if chosen == ALL else "-" + "-".join(chosen)
    length = f"-{rows}" if LOG in chosen else ""
    name = f"{datetime.now(UTC):%Y-%m-%d}{names}{length}{'-quick' if quick else ''}"
    say(f"written to bench/results/{report.write(figures, known, name).name}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench", description="Benchmark of the click-to-call service.")
    parser.add_argument("figures", nargs="*", choices=[[], *ALL], help="which to run; all without any")
    parser.add_argument("--quick", action="store_true", help="fewer samples, a few minutes")
    parser.add_argument("--rows", type=int, help="log: how many calls it is to hold")
    arguments = parser.parse_args()
    rows = arguments.rows or (QUICK_ROWS if arguments.quick else USUAL_ROWS)
    uvloop.run(main(arguments.figures or ALL, quick=arguments.quick, rows=rows))
