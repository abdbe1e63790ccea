"""Figure 11: deliveries per second to a receiver, beside the requests per second of the client underneath.

Everything of ours that a delivery passes: the outbox in PostgreSQL (claimed, settled, durable), the signature, the
checked connection. Beside it aiohttp's bare client, which posts the same bytes with as many requests under way, and
nothing else. The receiver is a process of its own, whose work is the same for both.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web

from ctc_ari.calls.model import Phase
from ctc_ari.calls.ports import Happening
from ctc_ari.http import encode_notice
from ctc_ari.outbox import NewWebhook, Subscriptions
from ctc_ari.remote import Remote
from ctc_ari.store.outbox import PostgresOutbox
from ctc_ari.store.pool import Pool, open_pool
from ctc_ari.store.webhooks import PostgresWebhooks
from ctc_ari.webhooks.sender import WebhookSender
from ctc_ari.webhooks.worker import MOST_CALLS, DeliveryWorker
from tests.calls.builders import NOW, a_call_in

from .report import Figure, measure, ratio
from .stage import Stage

__all__ = ["webhooks"]

#: Events of one call, as an ordinary one has them.
EVENTS = ("created", "agent_ringing", "agent_answered", "customer_ringing", "answered", "ended")
PAYLOAD = encode_notice(Happening(a_call_in(Phase.TALKING), "call.answered", NOW, 1))

_FILL = """
insert into webhook_deliveries (webhook_id, call_id, seq, type, payload)
select $1, $2 || call, seq, ($3::text[])[seq], $4
from generate_series(1, $5::int) as call, generate_series(1, $6::int) as seq
"""


async def webhooks(stage: Stage, *, rounds: int, calls: int) -> Figure:
    """In turns, so many times. The service is away meanwhile: its own worker would take part."""
    await stage.service.stop()
    try:
        return await _compared(stage, rounds=rounds, calls=calls)
    finally:
        await stage.service.start()


async def _compared(stage: Stage, *, rounds: int, calls: int) -> Figure:
    ours: list[float] = []
    bare: list[float] = []
    async with _receiver() as url, _database(stage.database_url) as pool, Remote(public_only=False) as remote:
        subscriptions = Subscriptions({"webhook": encode_notice})
        worker = DeliveryWorker(PostgresOutbox(pool), subscriptions, {"webhook": WebhookSender(remote)})
        made = PostgresWebhooks(pool, worker.refresh, allow_private=True)
        webhook = await made.create(NewWebhook(url=url))
        working = asyncio.create_task(worker.run())
        try:
            for number in range(rounds):
                bare.append(await _bare(url, calls * len(EVENTS)))
                ours.append(await _delivered(pool, worker, webhook.id, f"bench-{number}-", calls))
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            await made.remove(webhook.id)
    shares = [one / other for one, other in zip(ours, bare, strict=True)]
    return Figure(
        "Webhook deliveries",
        (
            measure("deliveries, signed and settled", "/s", ours),
            measure("the bare client's requests", "/s", bare),
        ),
        (ratio("deliveries per second ÷ the bare client's requests per second", measure("", "", shares).median),),
        (
            f"{calls} calls of {len(EVENTS)} events, {len(PAYLOAD)} bytes each, {MOST_CALLS} requests under way at a "
            "time, to one receiver in a process of its own.",
        ),
    )


async def _delivered(pool: Pool, worker: DeliveryWorker, webhook_id: str, prefix: str, calls: int) -> float:
    """A backlog of so many calls, and its deliveries per second until the last is settled."""
    await pool.execute(
        _FILL, webhook_id, prefix, [f"call.{event}" for event in EVENTS], PAYLOAD, calls, len(EVENTS), timeout=60
    )
    began = time.perf_counter()
    worker.wake()
    await _until_settled(pool)
    return calls * len(EVENTS) / (time.perf_counter() - began)


async def _until_settled(pool: Pool) -> None:
    deadline = time.monotonic() + 120
    while await pool.fetchval("select exists (select 1 from webhook_deliveries where state = 'pending')"):
        if time.monotonic() > deadline:
            raise TimeoutError("the deliveries are not settled after two minutes")
        await asyncio.sleep(0.02)


async def _bare(url: str, requests: int) -> float:
    """Requests per second of nothing but the client."""
    body = PAYLOAD.encode()
    left = iter(range(requests))

    async def post(session: aiohttp.ClientSession) -> None:
        for _ in left:
            async with session.post(url, data=body, headers={"Content-Type": "application/json"}) as answer:
                await answer.read()

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        began = time.perf_counter()
        await asyncio.gather(*(post(session) for _ in range(MOST_CALLS)))
        return requests / (time.perf_counter() - began)


@asynccontextmanager
async def _database(url: str) -> AsyncIterator[Pool]:
    pool = await open_pool(url)
    try:
        yield pool
    finally:
        await pool.close()


@asynccontextmanager
async def _receiver() -> AsyncIterator[str]:
    """A server in another process that reads what it gets and says 204; yields its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.webhooks", stdout=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _receive(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(status=204)


async def _serve() -> None:
    app = web.Application()
    app.router.add_post("/hook", _receive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}/hook", flush=True)
    #: Until whoever started it is gone.
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    import uvloop

    uvloop.run(_serve())
