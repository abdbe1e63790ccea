"""Figure 6: twice as much is offered as is let in; what is let in must not suffer."""

from __future__ import annotations

import asyncio

from .calls import Outcome
from .load import drain, offer
from .report import Figure, measure, percentile, ratio
from .stage import Stage
from .systems import Service, service_client

__all__ = ["overload"]

REFUSED_WITHIN_MS = 50.0


async def overload(stage: Stage, *, rate: float, rounds: int, seconds: float) -> Figure:
    """A service whose limit is `rate` gets that much, then twice as much, in turns."""
    await stage.service.stop()
    await stage.service.start(calls_per_second=int(rate))
    good: list[float] = []
    good_at_twice: list[float] = []
    refusals: list[float] = []
    faults: list[str] = []
    async with service_client(stage) as service:
        await _goodput(stage, service, rate / 2, 1.0)
        for _ in range(rounds):
            outcomes, goodput = await _goodput(stage, service, rate, seconds)
            good.append(goodput)
            if lost := _lost(outcomes):
                faults.append(f"{lost} accepted calls were lost at the rate itself")
            if refused_early := sum(outcome.order.status == 429 for outcome in outcomes):
                faults.append(f"{refused_early} calls were refused at the rate itself, because Asterisk was behind.")
            outcomes, goodput = await _goodput(stage, service, 2 * rate, seconds)
            good_at_twice.append(goodput)
            refused = [outcome.order for outcome in outcomes if outcome.order.status == 429]
            refusals += [order.took * 1000 for order in refused]
            others = {order.order.status for order in outcomes} - {200, 429}
            if others:
                faults.append(f"answers with status {others}")
            if any(order.retry_after is None for order in refused):
                faults.append("a refusal without Retry-After")
            if lost := _lost(outcomes):
                faults.append(f"{lost} accepted calls were lost at twice the rate")
            if stuck := len(await service.live()) + await stage.settle():
                faults.append(f"{stuck} calls or channels were stuck")
    await stage.service.stop()
    await stage.service.start()
    share = measure("", "", [twice / once for once, twice in zip(good, good_at_twice, strict=True)]).median
    slowest = percentile(refusals, 0.99) if refusals else float("nan")
    return Figure(
        f"Twice the rate: {2 * rate:.0f} offered, {rate:.0f} calls a second let in",
        (
            measure("goodput at the rate", "calls/s", good),
            measure("goodput at twice the rate", "calls/s", good_at_twice),
            measure("time to a refusal", "ms", refusals, tail=True),
        ),
        (
            ratio("goodput at twice that rate ÷ goodput at it", share, least=0.95),
            ratio("refused within, p99", slowest, " ms", most=REFUSED_WITHIN_MS),
        ),
        tuple(faults) or ("None stuck, none lost, every refusal with Retry-After.",),
    )


async def _goodput(stage: Stage, service: Service, rate: float, seconds: float) -> tuple[list[Outcome], float]:
    """Calls a second that were connected and ended as they should, over the time they were offered."""
    # The allowance for bursts is full again.
    await asyncio.sleep(1.1)
    stage.forget()
    orders = await offer(stage, service, rate, int(rate * seconds), rings=False)
    outcomes = await drain(stage, orders)
    return outcomes, sum(outcome.complete for outcome in outcomes) / seconds


def _lost(outcomes: list[Outcome]) -> int:
    return sum(outcome.order.status == 200 and not outcome.complete for outcome in outcomes)
