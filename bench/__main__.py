"""`python -m bench`: runs the figures, prints them, writes them to bench/results."""

from __future__ import annotations

import argparse
import gc
import sys
import time
from datetime import UTC, datetime

import uvloop

from . import report
from .log import USUAL_ROWS, reading
from .machine import facts
from .plan import FIGURES, Plan
from .stage import stage

_started = time.monotonic()


def say(line: str) -> None:
    """Progress, on stderr."""
    print(f"{time.monotonic() - _started:6.1f} s  {line}", file=sys.stderr, flush=True)


async def main(chosen: list[str], *, quick: bool) -> None:
    """Runs the chosen figures on one stage."""
    figures: list[report.Figure] = []
    async with stage(say) as on:
        # Our own pauses must not be taken for theirs.
        gc.collect()
        gc.freeze()
        known = facts(on.installation.version)
        plan = Plan(on, quick=quick)
        for name in chosen:
            say(name)
            figures += await FIGURES[name](plan)
    print(report.text(figures, known))
    whole = list(chosen) == list(FIGURES)
    name = f"{datetime.now(UTC):%Y-%m-%d}{'' if whole else '-' + '-'.join(chosen)}{'-quick' if quick else ''}"
    say(f"written to bench/results/{report.write(figures, known, name).name}")


async def main_log(rows: int) -> None:
    """Reading the call log needs PostgreSQL and no Asterisk."""
    figures = await reading(rows, say)
    known = facts(None)
    print(report.text(figures, known))
    path = report.write(figures, known, f"{datetime.now(UTC):%Y-%m-%d}-log-{rows}")
    say(f"written to bench/results/{path.name}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench", description="Benchmark of the click-to-call service.")
    parser.add_argument("figures", nargs="*", choices=[[], *FIGURES, "log"], help="which to run; all without any")
    parser.add_argument("--quick", action="store_true", help="fewer samples, below two minutes")
    parser.add_argument("--rows", type=int, default=USUAL_ROWS, help="log: how many calls it is to hold")
    arguments = parser.parse_args()
    if "log" in arguments.figures:
        uvloop.run(main_log(arguments.rows))
        sys.exit()
    uvloop.run(main(arguments.figures or list(FIGURES), quick=arguments.quick))
