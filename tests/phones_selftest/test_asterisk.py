"""The phones with a real Asterisk between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ctc_ari.config import AgentSeed, Asterisk, Config, Node
from ctc_ari.runtime import asterisk
from tests.phones import answer, baresip_phone, busy, carrier, free_port, ring_forever, sipp_phone


class Ari:
    """Just enough of ARI to place calls."""

    def __init__(self, session: aiohttp.ClientSession, url: str, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.session, self.url, self.socket = session, url, socket

    async def post(self, path: str, **params: str) -> None:
        async with self.session.post(f"{self.url}/{path}", params=params) as response:
            assert response.status in (200, 201, 204), await response.text()

    async def delete(self, path: str) -> None:
        async with self.session.delete(f"{self.url}/{path}") as response:
            assert response.status in (204, 404)

    async def event(self, type_: str, channel: str, timeout: float = 5.0) -> dict[str, Any]:
        async with asyncio.timeout(timeout):
            while True:
                event: dict[str, Any] = await self.socket.receive_json()
                if event["type"] == type_ and event.get("channel", {}).get("id") == channel:
                    return event


@asynccontextmanager
async def _asterisk(
    out: Path, *, trunk: str = "sip:127.0.0.1:9", agents: tuple[AgentSeed, ...] = ()
) -> AsyncIterator[tuple[Ari, str]]:
    sip = f"127.0.0.1:{free_port()}"
    node = Node(ari_url=f"http://127.0.0.1:{free_port()}/ari", password="phones-selftest")
    config = Config(asterisk=Asterisk(nodes=(node,), trunk_contact=trunk, sip_bind=sip), agents=agents)
    login = {"Authorization": aiohttp.encode_basic_auth(node.username, node.password)}
    installation = asterisk.find()
    if installation is None:
        installation = await asyncio.to_thread(asterisk.install)
    async with (
        asterisk.running(config, out, installation),
        aiohttp.ClientSession(headers=login) as session,
        session.ws_connect(f"{node.ari_url}/events", params={"app": "selftest"}) as socket,
    ):
        yield Ari(session, node.ari_url, socket), sip


async def test_agent_answers_then_customer_answers_and_both_get_their_bye(tmp_path: Path) -> None:
    async with sipp_phone(answer(0.1)) as agent, carrier({"*": answer(0.1, early_media=True)}) as customers:
        seed = AgentSeed(email="alice@example.com", extension="1001", contact=agent.uri)
        async with _asterisk(tmp_path, trunk=f"sip:127.0.0.1:{customers.port}", agents=(seed,)) as (ari, _):
            await ari.post(
                "channels", endpoint="PJSIP/1001", app="selftest", channelId="a", callerId='"Jane Doe" <442079460001>'
            )
            await ari.event("StasisStart", "a")
            await ari.post(
                "channels", endpoint="PJSIP/442079460001@trunk", app="selftest", channelId="b", originator="a"
            )
            await ari.event("StasisStart", "b")
            shown, dialled = await agent.wait_invite(), await customers.wait_invite()
            agent_answered, customer_answered = await agent.wait_answered(), await customers.wait_answered()
            assert (shown.from_name, shown.from_number) == ("Jane Doe", "442079460001")
            assert dialled.called == "442079460001"
            assert shown.time < agent_answered.time < customer_answered.time
            assert shown.time < dialled.time < customer_answered.time
            await ari.delete("channels/a")
            await ari.delete("channels/b")
            await agent.wait_bye()
            await customers.wait_bye()


async def test_customer_is_busy_or_never_answers(tmp_path: Path) -> None:
    rules = {"442079460002": busy, "442079460003": ring_forever()}
    async with (
        carrier(rules) as customers,
        _asterisk(tmp_path, trunk=f"sip:127.0.0.1:{customers.port}") as (ari, _),
    ):
        await ari.post("channels", endpoint="PJSIP/442079460002@trunk", app="selftest", channelId="b")
        assert (await ari.event("ChannelDestroyed", "b"))["cause"] == 17
        await ari.post("channels", endpoint="PJSIP/442079460003@trunk", app="selftest", channelId="c", timeout="1")
        await ari.event("ChannelDestroyed", "c")
        await customers.wait_sent(487)
        await customers.wait_received("ACK", 2)
        assert len(customers.cancels) == 1


@pytest.mark.parametrize("password", ["", "sesame"])
async def test_phone_registers_and_hears_ringback(tmp_path: Path, password: str) -> None:
    seed = AgentSeed(email="alice@example.com", extension="1001", sip_password=password or None)
    async with (
        _asterisk(tmp_path, agents=(seed,)) as (ari, sip),
        baresip_phone("1001", registrar=sip, password=password) as phone,
    ):
        await ari.post("channels", endpoint="PJSIP/1001", app="selftest", channelId="a")
        await phone.wait_incoming()
        await phone.accept()
        await ari.event("StasisStart", "a")
        await ari.post("channels/a/play", media="tone:ring;tonezone=uk", playbackId="p")
        heard = await phone.listen(3.0)
        assert heard.has(400, 450)
        assert (True, 0.4) in heard.cadence()
        await phone.dtmf("5")
        assert (await ari.event("ChannelDtmfReceived", "a"))["digit"] == "5"
        await phone.hang_up()
        await ari.event("ChannelDestroyed", "a")


async def test_agent_hears_what_the_customer_says(tmp_path: Path) -> None:
    async with baresip_phone("1001", answer=True) as agent, carrier({"*": answer(tone=1000)}) as customers:
        seed = AgentSeed(email="alice@example.com", extension="1001", contact=agent.uri)
        async with _asterisk(tmp_path, trunk=f"sip:127.0.0.1:{customers.port}", agents=(seed,)) as (ari, _):
            await ari.post("channels", endpoint="PJSIP/1001", app="selftest", channelId="a")
            await ari.event("StasisStart", "a")
            await ari.post("channels", endpoint="PJSIP/442079460001@trunk", app="selftest", channelId="b")
            await ari.event("StasisStart", "b")
            await ari.post("bridges/x", type="mixing")
            await ari.post("bridges/x/addChannel", channel="a,b")
            assert (await agent.listen(1.0)).has(1000)
