"""In the mixed run: calls of an agent who uses the keys of her phone, and of one who has two phones."""

from __future__ import annotations

import asyncio
import contextlib

import aiohttp

from tests import phones
from tests.integration.mixed import Run
from tests.integration.talk import join_lines
from tests.integration.world import STAND_IN

__all__ = ["KEYS", "keyed", "moved"]

KEYS = ("key hold", "key blind", "key blind", "key attended", "key attended", "key given up")
#: Customers whose phone is answered, by how their numbers begin.
ANSWERING = ("4420770", "4420775", "4420776")


async def keyed(run: Run) -> None:
    """An agent calls a customer, and uses the keys of her phone: hold, transfer, her second line."""
    bind = run.at.config.asterisk.sip_bind
    async with run.keys, phones.baresip_phone("3002", registrar=bind, password="a-password", answer=True) as phone:
        call_id = await run.place("registers", run.chance.choice(ANSWERING))
        if call_id:
            run.placed += 1
            #: Whatever the phone waits for may not come, when the service is away.
            with contextlib.suppress(phones.PhoneError, aiohttp.ClientError, TimeoutError, LookupError, OSError):
                await phone.wait_established()
                await asyncio.sleep(run.chance.uniform(1.2, 1.8))
                await _press(run, phone, call_id)
            await run.over(call_id)


async def _press(run: Run, phone: phones.Baresip, call_id: str) -> None:
    to = run.desk.extensions[run.chance.choice(["t1", "t2", "t3", "t4", "tbusy", "trings"])]
    wish = run.chance.choice(KEYS)
    run.done[wish] += 1
    match wish:
        case "key hold":
            await phone.hold()
            await asyncio.sleep(run.chance.uniform(0.3, 1.0))
            await phone.resume()
        case "key blind":
            await phone.transfer(f"sip:{to}@127.0.0.1")
            await asyncio.sleep(run.chance.uniform(0.5, 4.0))
        case _:
            await phone.hold()
            await asyncio.sleep(0.2)
            await phone.dial(f"sip:{to}@{run.at.config.asterisk.sip_bind}")
            await phone.wait_established(2)
            await asyncio.sleep(run.chance.uniform(0.3, 1.0))
            if wish == "key attended":
                await join_lines(run.at, phone, "3002", call_id)
            else:
                await phone.hang_up()
            await asyncio.sleep(run.chance.uniform(0.5, 1.5))


async def moved(run: Run) -> None:
    """An agent takes a call along to her other phone, and perhaps back."""
    bind = run.at.config.asterisk.sip_bind
    async with (
        run.devices,
        phones.baresip_phone(f"web-{STAND_IN}", registrar=bind, password="a-password", answer=True),
    ):
        call_id = await run.place("moves", run.chance.choice(ANSWERING))
        if call_id:
            run.placed += 1
            await asyncio.sleep(run.chance.uniform(0.8, 1.5))
            for device in run.chance.choice([("web",), ("web", "desk")]):
                status, _ = await run.wish("POST", f"/api/v1/calls/{call_id}/device", json={"device": device})
                run.done[f"device {device} {status}"] += 1
                await asyncio.sleep(run.chance.uniform(0.3, 1.0))
            await run.over(call_id)
