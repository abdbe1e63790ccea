"""Figure 10: a customer's INVITE to the agent's, through the service and through the dialplan's Dial()."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from tests.phones import sipp_caller

from .bare import BareEvent, BareSocket, bare_socket
from .legs import Leg, LegLog
from .load import DRAIN_SECONDS
from .report import Figure, measure, percentile, ratio
from .stage import BARE_APP, CALLED, Called, Stage

__all__ = ["inbound"]

#: Calls a second: each is over, and its row written, before the next.
RATE = 5.0
TALK_SECONDS = 0.03


async def inbound(stage: Stage, *, blocks: int) -> Figure:
    """Each block is one SIPp that calls every number once, so that the subjects take turns call by call."""
    found: dict[str, list[float]] = {subject: [] for subject in ("service", "bare ARI", "Dial()")}
    failed = 0
    async with bare_socket(stage, BARE_APP, _BareReception(stage)):
        await _block(stage, 0)
        for block in range(1, blocks + 1):
            for called, milliseconds in (await _block(stage, block)).items():
                if milliseconds is None:
                    failed += 1
                else:
                    found[called.subject].append(milliseconds)
    ours, dial = found["service"], found["Dial()"]
    if not ours or not dial:
        raise RuntimeError("no call came in")
    return Figure(
        "A customer's INVITE to the agent's",
        (
            measure("service: StasisStart, row committed, originate", "ms", ours, tail=True),
            measure("bare ARI on its WebSocket: StasisStart, originate", "ms", found["bare ARI"], tail=True),
            measure("dialplan: Dial()", "ms", dial, tail=True),
        ),
        (
            ratio("inbound INVITE → agent's INVITE ÷ dialplan Dial(), p50", _p(ours, 0.5) / _p(dial, 0.5), most=2.0),
            ratio("the same, p99", _p(ours, 0.99) / _p(dial, 0.99)),
        ),
        (f"{failed} calls did not reach the agent.",) if failed else (),
    )


async def _block(stage: Stage, block: int) -> dict[Called, float | None]:
    """Milliseconds until the agent's phone was invited; None where it never was."""
    stage.forget()
    #: SIPp counts its calls from 1, and the numbers are called in that order, each by somebody who never called before.
    to, from_ = f"sip:{CALLED[0].number[:-1]}[call_number]@{stage.sip}", f"4420794{block:04}[call_number]"
    calls = len(CALLED)
    async with sipp_caller(
        to, from_=from_, calls=calls, rate=RATE, hang_up_after=TALK_SECONDS, port=stage.trunk_port, light=True
    ) as caller:
        log = LegLog(caller.folder / "short.log")
        with suppress(TimeoutError):
            async with asyncio.timeout(calls / RATE + DRAIN_SECONDS):
                await caller.process.wait()
        callers = log.by_user()
    await stage.settle()
    agents = stage.agents.log.by_user()
    return {called: _between(callers.get(called.number[1:]), agents.get(called.agent)) for called in CALLED}


def _between(caller: list[Leg] | None, agent: list[Leg] | None) -> float | None:
    return (agent[0].invited - caller[0].invited) * 1000 if caller and agent else None


class _BareReception:
    """What one writes in an hour on ARI's WebSocket: the caller is there, the agent is rung; no row, no checks."""

    def __init__(self, stage: Stage) -> None:
        self._endpoint = f"PJSIP/ctc-phone/sip:{{agent}}@127.0.0.1:{stage.agents.sipp.port}"

    def __call__(self, socket: BareSocket, event: BareEvent) -> None:
        channel = event.channel.id
        match event:
            case BareEvent("StasisStart", args=(agent,)):
                endpoint = self._endpoint.format(agent=agent)
                socket.send("POST", f"channels/{channel}.a", endpoint=endpoint, app=BARE_APP, originator=channel)
            case BareEvent("StasisStart"):
                socket.send("POST", f"channels/{channel.removesuffix('.a')}/answer")
            case BareEvent("StasisEnd") if not channel.endswith(".a"):
                socket.send("DELETE", f"channels/{channel}.a")


def _p(values: list[float], share: float) -> float:
    return percentile(values, share)
