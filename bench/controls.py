"""Figure 9: mute and hold of a live call, from the request to its answer, beside the bare ARI requests."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping

import aiohttp
from yarl import URL

from .bare import BareSocket, bare_socket
from .calls import Order, System
from .load import drain
from .report import Figure, Measure, Ratio, measure, percentile, ratio
from .stage import Stage
from .systems import baseline_session, minimal_client, service_client

__all__ = ["controls"]

APP = "bench-controls"
#: Seconds between two requests, so that what one leaves to be done, such as its row, is not part of the next.
PAUSE = 0.03
WARM_UP = 5

#: Each wish, and its end, with what ARI needs for it; the customer's channel is `.c`. A plain client sends one request
#: after the answer to the other.
_NEEDS = {
    "mute": (("{call}", "mute?direction=in"),),
    "hold": (("{call}.c", "mute?direction=in"), ("{call}.c", "moh")),
}
_Do = Callable[[str, bool], Awaitable[None]]


async def controls(stage: Stage, *, rounds: int) -> Figure:
    """Every wish and its end by each of the three in turn, in random order, on two calls alike."""
    names = ("service", "bare ARI, HTTP", "bare ARI, WebSocket")
    taken: dict[tuple[str, str], list[float]] = {(wish, name): [] for wish in _NEEDS for name in names}
    async with (
        baseline_session(stage) as session,
        service_client(stage) as service,
        minimal_client(stage, session) as minimal,
        bare_socket(stage, APP) as socket,
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {stage.token}"}) as crm,
    ):
        ours, theirs = await _talk(stage, service), await _talk(stage, minimal)
        systems: Mapping[str, _Do] = dict(
            zip(
                names, (_service(stage, crm, ours), _http(stage, session, theirs), _socket(socket, theirs)), strict=True
            )
        )
        for number in range(rounds + WARM_UP):
            for wish in _NEEDS:
                for name in random.sample(names, len(names)):
                    for on in (True, False):
                        await asyncio.sleep(PAUSE)
                        begun = time.perf_counter()
                        await systems[name](wish, on)
                        if number >= WARM_UP:
                            taken[wish, name].append((time.perf_counter() - begun) * 1000)
        await service.hang_up(ours)
        await stage.settle(1.0)
    return _figure(taken)


async def _talk(stage: Stage, system: System) -> str:
    """The id of a call whose sides talk until they are told not to."""
    order = Order.make(stage.slot(), rings=False, stays=True)
    stage.forget()
    await system.place(order)
    outcome = (await drain(stage, [order], stays=True))[0]
    if not outcome.connected:
        raise RuntimeError(f"the call of the {system.name} did not come about: {outcome}")
    return order.call_id


def _service(stage: Stage, session: aiohttp.ClientSession, call: str) -> _Do:
    urls = {wish: URL(f"{stage.service.url}/api/v1/calls/{call}/{wish}") for wish in _NEEDS}

    async def control(wish: str, on: bool) -> None:
        async with session.request("PUT" if on else "DELETE", urls[wish]) as answer:
            await answer.read()
        _check(answer.status)

    return control


def _http(stage: Stage, session: aiohttp.ClientSession, call: str) -> _Do:
    urls = {
        wish: [URL(f"{stage.node.ari_url}/channels/{channel.format(call=call)}/{what}") for channel, what in needs]
        for wish, needs in _NEEDS.items()
    }

    async def control(wish: str, on: bool) -> None:
        for url in urls[wish]:
            async with session.request("POST" if on else "DELETE", url) as answer:
                await answer.read()
            _check(answer.status)

    return control


def _socket(socket: BareSocket, call: str) -> _Do:
    async def control(wish: str, on: bool) -> None:
        for channel, what in _NEEDS[wish]:
            path, _, direction = what.partition("?direction=")
            query = {"direction": direction} if direction else {}
            _check(
                await socket.ask("POST" if on else "DELETE", f"channels/{channel.format(call=call)}/{path}", **query)
            )

    return control


def _check(status: int) -> None:
    if status != 204:
        raise RuntimeError(f"a control was answered with {status}")


def _figure(taken: dict[tuple[str, str], list[float]]) -> Figure:
    measures: list[Measure] = []
    ratios: list[Ratio] = []
    for (wish, name), values in taken.items():
        measures.append(measure(f"{wish}: {name}", "ms", values, tail=True))
    for wish in _NEEDS:
        ours, bare = taken[wish, "service"], taken[wish, "bare ARI, HTTP"]
        title = f"{wish}: request → done ÷ the bare ARI request"
        ratios.append(ratio(f"{title}, p50", percentile(ours, 0.5) / percentile(bare, 0.5), most=1.5))
        ratios.append(ratio("the same, p99", percentile(ours, 0.99) / percentile(bare, 0.99)))
    notes = (
        "Each sample is a wish or its end. Hold is two requests to ARI, mute and music on hold of the customer; the "
        "bare client sends the second when the first is answered. The ratios are to HTTP.",
    )
    return Figure("Mute and hold", tuple(measures), tuple(ratios), notes)
