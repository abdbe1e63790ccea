"""Figures 3 and 4: the highest rate at which no call fails and none takes much longer than on an idle machine."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from .calls import System
from .load import dial_from_phone, run_block
from .report import Figure, measure, percentile, ratio
from .stage import Stage
from .systems import baseline_session, minimal_client, service_client

__all__ = ["clean_rates"]

IDLE_RATE, IDLE_CALLS = 10.0, 40
#: The first step and by what steps grow, at first and when a round starts from what the last one found.
FIRST_RATE, GROWTH, SECOND_GROWTH = 60.0, 1.5, 1.15
LEAST_RATE, MOST_RATE = 5.0, 600.0
SLOWER_THAN_IDLE = 10


@dataclass(frozen=True)
class Step:
    """What a few seconds at one rate showed; times are seconds."""

    rate: float
    failed: int
    #: Those of the failed that were told so at once, with 429.
    refused: int
    p50: float
    p99: float

    def __str__(self) -> str:
        failed = f", {self.failed} failed ({self.refused} refused)" if self.failed else ""
        return f"{self.rate:.0f}/s p99 {self.p99 * 1000:.0f} ms{failed}"


@dataclass
class Subject:
    """Something whose rate is searched, and what was found so far."""

    name: str
    step: Callable[[float, int], Awaitable[Step]]
    idle: float = 0.0
    steps: list[Step] = field(default_factory=list)
    highest: list[float] = field(default_factory=list)


class Search:
    """Grows the rate until a step is not clean, then halves the gap, in ratios, until it is small."""

    def __init__(self, subject: Subject, fineness: float) -> None:
        self.subject = subject
        self.clean, self._dirty = 0.0, math.inf
        again = bool(subject.highest)
        self.rate = subject.highest[-1] if again else FIRST_RATE
        self._growth = SECOND_GROWTH if again else GROWTH
        self._fineness = fineness

    @property
    def over(self) -> bool:
        """Whether the answer is fine enough."""
        return self._dirty <= self.clean * self._fineness or not LEAST_RATE < self.rate < MOST_RATE

    def learn(self, *, clean: bool) -> None:
        """Choose the next rate."""
        if clean:
            self.clean = self.rate
        else:
            self._dirty = self.rate
        if self._dirty is math.inf:
            self.rate *= self._growth
        elif not self.clean:
            self.rate /= self._growth
        else:
            self.rate = math.sqrt(self.clean * self._dirty)


async def clean_rates(stage: Stage, *, rounds: int, seconds: float, fineness: float, tries: int) -> Figure:
    """Searches all rates at once, a step of each in turn, so that a slow minute of the machine hits all."""
    async with _subjects(stage) as subjects:
        for subject in subjects:
            subject.idle = (await subject.step(IDLE_RATE, IDLE_CALLS)).p50
        for _ in range(rounds):
            searches = [Search(subject, fineness) for subject in subjects]
            while going := [search for search in searches if not search.over]:
                for search in random.sample(going, len(going)):
                    search.learn(clean=await _is_clean(stage, search.subject, search.rate, seconds, tries))
            for search in searches:
                search.subject.highest.append(search.clean)
                stage.say(f"{search.subject.name}: clean up to {search.clean:.0f}/s")
    return _figure(subjects)


async def _is_clean(stage: Stage, subject: Subject, rate: float, seconds: float, tries: int) -> bool:
    """Tried again if it is not, because a hiccup of the machine is nobody's limit."""
    for _ in range(tries):
        step = await subject.step(rate, int(rate * seconds))
        subject.steps.append(step)
        stage.say(f"{subject.name} {step}")
        await stage.settle()
        if not step.failed and step.p99 < SLOWER_THAN_IDLE * subject.idle:
            return True
        await asyncio.sleep(1.0)
    return False


@asynccontextmanager
async def _subjects(stage: Stage) -> AsyncIterator[list[Subject]]:
    async with (
        baseline_session(stage) as session,
        service_client(stage) as service,
        minimal_client(stage, session) as minimal,
    ):
        yield [
            Subject("service", _through(stage, service)),
            Subject("minimal client", _through(stage, minimal)),
            Subject("dialplan Dial()", _dialled(stage)),
        ]


def _through(stage: Stage, system: System) -> Callable[[float, int], Awaitable[Step]]:
    async def step(rate: float, calls: int) -> Step:
        found = await run_block(stage, system, rate, calls, rings=False)
        refused = sum(outcome.order.status == 429 for outcome in found)
        return _step(rate, calls, refused, [outcome.click_to_connected for outcome in found if outcome.complete])

    return step


def _dialled(stage: Stage) -> Callable[[float, int], Awaitable[Step]]:
    """A phone calls an extension that dials the carrier: from its INVITE to the answer it gets."""

    async def step(rate: float, calls: int) -> Step:
        legs = await dial_from_phone(stage, rate, calls)
        return _step(rate, calls, 0, [leg.answered - leg.invited for leg in legs if leg.answered])

    return step


def _step(rate: float, calls: int, refused: int, times: list[float | None]) -> Step:
    taken = [value for value in times if value is not None]
    if not taken:
        return Step(rate, calls, refused, math.inf, math.inf)
    return Step(rate, calls - len(taken), refused, percentile(taken, 0.5), percentile(taken, 0.99))


def _figure(subjects: list[Subject]) -> Figure:
    service, minimal, dialplan = (measure(subject.name, "calls/s", subject.highest) for subject in subjects)
    steps = [
        f"{subject.name}: idle p50 {subject.idle * 1000:.1f} ms; {', '.join(map(str, subject.steps))}"
        for subject in subjects
    ]
    # Whatever else runs on the machine can only lower a rate, so the best round says most about each of them.
    best = [max(subject.highest) or math.nan for subject in subjects]
    return Figure(
        "Highest clean rate",
        (service, minimal, dialplan),
        (
            ratio("highest clean rate ÷ the minimal client's", best[0] / best[1], least=0.9),
            ratio("highest clean rate ÷ plain dialplan Dial()", best[0] / best[2], least=0.75),
        ),
        (
            "Clean: no call fails, and p99 of click → both connected is below ten times its own idle p50.",
            "The ratios are best round ÷ best round. Steps:",
            *steps,
        ),
    )
