"""Conversations between phones with people at them, each of whom sends a tone of her own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from ctc_ari.config import RingTimeout
from tests import phones
from tests.integration.world import Exchange, World, email, number, world
from tests.store import databases

__all__ = ["AGENT", "ATTEMPTS", "COLLEAGUE", "CUSTOMER", "Talk", "hears", "join_lines", "silent", "talking"]

AGENT, CUSTOMER, COLLEAGUE = 600.0, 1000.0, 1400.0


@dataclass
class Talk:
    """An agent and a customer who talk, and a colleague at her own phone."""

    desk: World
    call_id: str
    agent: phones.Baresip
    customer: phones.Baresip
    colleague: phones.Baresip

    async def wish(self, method: str, what: str, wanted: int = 204, **arguments: Any) -> Any:
        """A request below the call that must be answered so; its body."""
        status, body = await self.desk.api(method, f"/api/v1/calls/{self.call_id}/{what}", **arguments)
        assert status == wanted, (status, body)
        return body

    async def heard(self, seconds: float = 1.0) -> tuple[phones.Sound, phones.Sound]:
        """What the agent and what the customer hear now."""
        await asyncio.sleep(0.4)
        here, there = await asyncio.gather(self.agent.listen(seconds), self.customer.listen(seconds))
        return here, there

    async def transfer(self, to: str, mode: str, wanted: int = 201) -> dict[str, Any]:
        """Begin a transfer."""
        return dict(await self.wish("POST", "transfers", wanted, json={"to": to, "mode": mode}))

    async def transfer_is(self, state: str, seconds: float = 8.0) -> dict[str, Any]:
        """Wait for the last transfer's state."""
        async with asyncio.timeout(seconds):
            while True:
                found = (await self.desk.call(self.call_id))["transfer"]
                if found and found["state"] == state:
                    return dict(found)
                await asyncio.sleep(0.02)

    async def held_is(self, wanted: bool) -> None:
        """Wait until the call is seen so."""
        deadline = asyncio.get_running_loop().time() + 3
        while (await self.desk.call(self.call_id))["held"] is not wanted:
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.02)

    def events(self, call_id: str | None = None) -> list[str]:
        """What was told of the call, in order."""
        wanted = call_id or self.call_id
        return [happening.event for happening in self.desk.heard if happening.call.id == wanted]


def silent(sound: phones.Sound) -> bool:
    """Nothing is heard."""
    return sound.level < 0.002


#: Looked at so often: what was said before may still be on its way, and on a busy machine an interval has gaps.
ATTEMPTS = 3


async def hears(
    phone: phones.Baresip, *frequencies: float, but_not: float | None = None, seconds: float = 1.0, share: float = 0.6
) -> None:
    """The phone must come to hear these tones, as this share of all it hears; without any: silence."""
    for attempt in range(ATTEMPTS):
        await asyncio.sleep(0.4)
        sound = await phone.listen(seconds)
        good = sound.has(*frequencies, share=share) if frequencies else silent(sound)
        if good and (but_not is None or not sound.has(but_not, share=0.05)):
            return
        assert attempt < ATTEMPTS - 1, f"{phone.user} hears {sound.frequency} Hz at {sound.level:.4f}"


async def join_lines(at: Exchange, phone: phones.Baresip, extension: str, first: str) -> None:
    """The transfer key while both lines are in use: REFER on the `first` call's, replacing the second."""
    url, headers = at.ari
    async with aiohttp.ClientSession(headers=headers) as session:

        async def about(channel: str, what: str) -> str:
            async with session.get(
                f"{url}/channels/{channel}/variable", params={"variable": f"CHANNEL({what})"}
            ) as answer:
                return str((await answer.json())["value"])

        async with session.get(f"{url}/channels") as answer:
            second = next(
                channel["id"]
                for channel in await answer.json()
                if channel["name"].startswith(f"PJSIP/{extension}-") and channel["id"] != first
            )
        dialog = [await about(second, what) for what in ("pjsip,call-id", "pjsip,local_tag", "pjsip,remote_tag")]
    replaces = f"{dialog[0]}%3Bto-tag%3D{dialog[1]}%3Bfrom-tag%3D{dialog[2]}"
    await phone.command("line", "1")
    await phone.transfer(f"<sip:{extension}@{at.config.asterisk.sip_bind}?Replaces={replaces}>")


@asynccontextmanager
async def talking(
    pbx: Exchange,
    server: databases.Server,
    app: str,
    transport: str,
    *,
    colleague_answers: bool = False,
    **changes: Any,
) -> AsyncIterator[Talk]:
    """The two talk; the colleague's phone is idle."""
    called = number("answers").removeprefix("+")
    async with (
        phones.baresip_phone("speaks", tone=AGENT, answer=True) as agent,
        phones.baresip_phone(called, tone=CUSTOMER, answer=True) as customer,
        phones.baresip_phone("helps", tone=COLLEAGUE) as colleague,
        world(
            pbx,
            server,
            app=app,
            transport=transport,
            #: Long enough to listen to what is heard meanwhile.
            ring_timeout=RingTimeout(agent=6, customer=6),
            trunk=f"PJSIP/ctc-phone/sip:{{number}}@127.0.0.1:{customer.port}",
            **changes,
        ) as desk,
    ):
        await desk.hire("speaks", agent.uri)
        await desk.hire("helps", colleague.uri)
        call_id = await desk.place("speaks", number("answers"))
        await desk.until(call_id, "talking")
        yield Talk(desk, call_id, agent, customer, colleague)
        for live in (await desk.api("GET", "/api/v1/calls"))[1]["calls"]:
            await desk.api("DELETE", f"/api/v1/calls/{live['id']}")
        await desk.nothing_left()


HELPS = email("helps")
