"""Which figures there are and how thoroughly each is measured."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from .controls import controls
from .inbound import inbound
from .latency import latency
from .memory import memory
from .overload import overload
from .panel import panel
from .processor import processor
from .rates import clean_rates
from .report import Figure
from .restart import restart
from .stage import Stage
from .webhooks import webhooks

__all__ = ["FIGURES", "Plan"]

#: Used where the clean rate is needed and was not measured in the same run.
ASSUMED_RATE = 50.0


class Plan:
    """The figures of one run; the clean rate that one finds is what others use."""

    def __init__(self, stage: Stage, *, quick: bool) -> None:
        self._stage = stage
        self._quick = quick
        self._clean_rate = ASSUMED_RATE

    async def latency(self) -> list[Figure]:
        """1 and 2."""
        return list(await latency(self._stage, blocks=3 if self._quick else 24))

    async def controls(self) -> list[Figure]:
        """9."""
        return [await controls(self._stage, rounds=20 if self._quick else 120)]

    async def inbound(self) -> list[Figure]:
        """10."""
        return [await inbound(self._stage, blocks=4 if self._quick else 30)]

    async def processor(self) -> list[Figure]:
        """5."""
        rounds, seconds = (1, 3) if self._quick else (3, 6)
        return [await processor(self._stage, rounds=rounds, seconds=seconds)]

    async def rates(self) -> list[Figure]:
        """3 and 4."""
        rounds, seconds, fineness, tries = (1, 1.5, 1.3, 1) if self._quick else (2, 3, 1.08, 2)
        figure = await clean_rates(self._stage, rounds=rounds, seconds=seconds, fineness=fineness, tries=tries)
        self._clean_rate = max(1.0, figure.measures[0].high)
        return [figure]

    async def overload(self) -> list[Figure]:
        """6."""
        rounds, seconds = (1, 2) if self._quick else (3, 5)
        return [await overload(self._stage, rate=self._clean_rate, rounds=rounds, seconds=seconds)]

    async def memory(self) -> list[Figure]:
        """7. The short calls come at less than the clean rate: a failure would be about something else."""
        live, calls = (100, 300) if self._quick else (500, 10_000)
        return [await memory(self._stage, live=live, calls=calls, rate=0.8 * self._clean_rate)]

    async def restart(self) -> list[Figure]:
        """8."""
        live, rounds = (40, 1) if self._quick else (200, 3)
        return [await restart(self._stage, live=live, rounds=rounds)]

    async def panel(self) -> list[Figure]:
        """11."""
        return [await panel(rounds=5 if self._quick else 25)]

    async def webhooks(self) -> list[Figure]:
        """12."""
        rounds, calls = (2, 300) if self._quick else (7, 1000)
        return [await webhooks(self._stage, rounds=rounds, calls=calls)]


FIGURES: dict[str, Callable[[Plan], Awaitable[list[Figure]]]] = {
    "latency": Plan.latency,
    "controls": Plan.controls,
    "inbound": Plan.inbound,
    "processor": Plan.processor,
    "rates": Plan.rates,
    "overload": Plan.overload,
    "memory": Plan.memory,
    "restart": Plan.restart,
    "panel": Plan.panel,
    "webhooks": Plan.webhooks,
}
