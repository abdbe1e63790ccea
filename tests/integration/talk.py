"""Conversations between phones with people at them, each of whom sends a tone of her own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from ctc_ari.config import RingTimeout
from tests import phones
from tests.integration.world import Exchange, World, at_once, email, number, world
from tests.store import databases

__all__ = [
    "AGENT",
    "COLLEAGUE",
    "CUSTOMER",
    "HELPS",
    "PATIENCE",
    "RINGBACK",
    "Talk",
    "ended",
    "hear_each_other",
    "hears",
    "hears_music",
    "join_lines",
    "successor",
    "talking",
]

AGENT, CUSTOMER, COLLEAGUE = 600.0, 1000.0, 1400.0
#: The United Kingdom's, which the private Asterisk plays where numbers.default_region is GB.
RINGBACK = (400.0, 450.0)
#: Seconds in which what somebody hears has to change: on a busy machine what was said is late, and has gaps.
PATIENCE = 10.0


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

    async def transfer(self, to: str, mode: str, wanted: int = 201) -> dict[str, Any]:
        """Begin a transfer."""
        return dict(await self.wish("POST", "transfers", wanted, json={"to": to, "mode": mode}))

    async def transfer_is(self, state: str) -> dict[str, Any]:
        """Wait for the last transfer's state."""
        deadline = time.monotonic() + PATIENCE
        while (found := (await self.desk.call(self.call_id))["transfer"]) is None or found["state"] != state:
            assert time.monotonic() < deadline, found
            await asyncio.sleep(0.02)
        return dict(found)

    async def consult(self) -> str:
        """The agent talks to the colleague, and the customer waits; the transfer's id."""
        transfer = await self.transfer(HELPS, "attended")
        await self.colleague.wait_incoming()
        await self.colleague.accept()
        await self.transfer_is("talking")
        return str(transfer["id"])

    async def until(self, check: Callable[[dict[str, Any]], bool]) -> None:
        """Wait until the call is seen so."""
        deadline = time.monotonic() + PATIENCE
        while not check(call := await self.desk.call(self.call_id)):
            assert time.monotonic() < deadline, call
            await asyncio.sleep(0.02)

    async def becomes(self, **wanted: Any) -> None:
        """Wait until the call is seen with these."""
        await self.until(lambda call: all(call[name] == value for name, value in wanted.items()))

    async def recorded(self, address: str, folder: Path) -> phones.Sound:
        """A recording, which is there moments after it was stopped."""
        deadline = time.monotonic() + PATIENCE
        headers = {"Authorization": f"Bearer {self.desk.token}"}
        while True:
            async with self.desk.session.get(f"{self.desk.address}{address}", headers=headers) as answer:
                if answer.status == 200:
                    assert answer.content_type == "audio/wav"
                    (folder / "recording.wav").write_bytes(await answer.read())
                    return phones.sound.read_wav(folder / "recording.wav")
                assert time.monotonic() < deadline, await answer.text()
            await asyncio.sleep(0.05)

    def events(self) -> list[str]:
        """What was told of the call, in order."""
        return [happening.event for happening in self.desk.heard if happening.call.id == self.call_id]


async def ended(talk: Talk, reason: str) -> None:
    """The call ends, for that reason."""
    call = await talk.desk.until(talk.call_id, "ended")
    assert call["end_reason"] == reason, call


async def successor(talk: Talk) -> str:
    """The transfer is completed; the id of the call of those who talk now."""
    transfer = await talk.transfer_is("completed")
    call = await talk.desk.call(transfer["call_id"])
    assert (call["state"], call["transferred_from"]) == ("talking", talk.call_id)
    return str(call["id"])


async def hears(
    phone: phones.Baresip, *frequencies: float, but_not: float | None = None, share: float = 0.6
) -> phones.Sound:
    """The phone comes to hear these tones, as this share of all it hears; without any: silence. What it heard."""
    deadline = time.monotonic() + PATIENCE
    while True:
        sound = await phone.listen(0.6)
        good = sound.has(*frequencies, share=share) if frequencies else sound.level < 0.002
        if good and (but_not is None or not sound.has(but_not, share=0.05)):
            return sound
        assert time.monotonic() < deadline, f"{phone.user} hears {sound.frequency} Hz at {sound.level:.4f}"


async def hears_music(phone: phones.Baresip, but_not: float = AGENT) -> None:
    """The phone comes to hear music, and nobody's tone in it."""
    deadline = time.monotonic() + PATIENCE
    while True:
        sound = await phone.listen(1.5)
        if sound.level > 0.002 and not sound.has(but_not, share=0.2):
            return
        assert time.monotonic() < deadline, f"{phone.user} hears {sound.frequency} Hz at {sound.level:.4f}"


async def hear_each_other(one: phones.Baresip, other: phones.Baresip) -> None:
    """Each comes to hear the other's tone."""
    assert one.tone is not None
    assert other.tone is not None
    await asyncio.gather(hears(one, other.tone), hears(other, one.tone))


async def join_lines(at: Exchange, phone: phones.Baresip, extension: str, first: str) -> None:
    """The transfer key while both lines are in use: REFER on the `first` call's, replacing the second."""
    url, headers = at.ari
    async with aiohttp.ClientSession(headers=headers) as session:

        async def about(channel: str, what: str) -> str:
            query = {"variable": f"CHANNEL({what})"}
            async with session.get(f"{url}/channels/{channel}/variable", params=query) as answer:
                return str((await answer.json())["value"])

        async with session.get(f"{url}/channels") as answer:
            own = [one["id"] for one in await answer.json() if one["name"].startswith(f"PJSIP/{extension}-")]
        second = [channel for channel in own if channel != first][-1]
        dialog = [await about(second, what) for what in ("pjsip,call-id", "pjsip,local_tag", "pjsip,remote_tag")]
    replaces = f"{dialog[0]}%3Bto-tag%3D{dialog[1]}%3Bfrom-tag%3D{dialog[2]}"
    await phone.command("line", "1")
    await phone.transfer(f"<sip:{extension}@{at.config.asterisk.sip_bind}?Replaces={replaces}>")


@asynccontextmanager
async def talking(
    pbx: Exchange, server: databases.Server, app: str, transport: str, **changes: Any
) -> AsyncIterator[Talk]:
    """The two talk; the colleague's phone is idle."""
    called = number("answers").removeprefix("+")
    port = phones.free_port()
    async with AsyncExitStack() as stack:
        agent, customer, colleague, desk = await at_once(
            stack,
            phones.baresip_phone("speaks", tone=AGENT, answer=True),
            phones.baresip_phone(called, tone=CUSTOMER, answer=True, port=port),
            phones.baresip_phone("helps", tone=COLLEAGUE),
            world(
                pbx,
                server,
                app=app,
                transport=transport,
                #: Long enough to listen to what is heard meanwhile.
                ring_timeout=RingTimeout(agent=6, customer=6),
                trunk=f"PJSIP/ctc-phone/sip:{{number}}@127.0.0.1:{port}",
                **changes,
            ),
        )
        await desk.hire("speaks", agent.uri)
        await desk.hire("helps", colleague.uri)
        call_id = await desk.place("speaks", number("answers"))
        await desk.until(call_id, "talking")
        yield Talk(desk, call_id, agent, customer, colleague)
        await desk.hang_up_all()


HELPS = email("helps")
