"""The gateway on a real private Asterisk: connecting, losing it, coming back, sharing a name, recordings."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from msgspec.structs import replace

from ctc_ari.ari import gateway as gateways
from ctc_ari.ari.messages import ALLOWED_EVENTS
from ctc_ari.calls.commands import Recordings
from ctc_ari.calls.effects import CreateBridge, CreateLeg, DestroyBridge, HangUpLeg, Originate, Request, Watch
from ctc_ari.calls.ids import bridge_id, channel_id, new_call_id
from ctc_ari.calls.inputs import LegGone, LegReady
from ctc_ari.calls.leg import Leg, LegStage
from ctc_ari.calls.model import Call
from ctc_ari.calls.ports import NOT_SENT, Left, Snapshot, Telephony
from ctc_ari.errors import AsteriskUnreachable, RecordingNotFound
from tests.ari.conftest import Pbx, Watched, gateway, named
from tests.calls.builders import NOW, a_call
from tests.phones import free_port

BOTH = pytest.mark.parametrize("transport", ["websocket", "http"])


def call_of(app: str, phone: str = "") -> Call:
    """A call of an agent whose phone never says a word."""
    call_id = new_call_id(app, NOW)
    return a_call(
        call_id,
        agent_leg=Leg(channel_id(call_id, "agent"), f"PJSIP/ctc-phone/sip:agent@{phone}"),
        customer_leg=Leg(channel_id(call_id, "customer"), "PJSIP/442079460001@trunk"),
    )


async def perform(at: Watched, call: Call, *requests: Request) -> list[int | None]:
    """The status of each request."""
    statuses: list[int | None] = []
    done = asyncio.Event()

    def replied(_request: Request, status: int | None) -> None:
        statuses.append(status)
        if len(statuses) == len(requests):
            done.set()

    at.gateway.perform(call, requests, replied)
    async with asyncio.timeout(5):
        await done.wait()
    return statuses


def gone(at: Watched) -> list[str]:
    """The channels that are known to be gone."""
    return sorted(channel for channel, heard in at.inputs if isinstance(heard, LegGone))


async def ask(pbx: Pbx, method: str, path: str, **arguments: Any) -> Any:
    """Asterisk itself, behind the gateway's back."""
    login = {"Authorization": aiohttp.encode_basic_auth(pbx.node.username, pbx.node.password)}
    async with (
        aiohttp.ClientSession(headers=login) as session,
        session.request(method, f"{pbx.node.ari_url}/{path}", **arguments) as answer,
    ):
        return await answer.json() if answer.content_length else None


@BOTH
async def test_it_connects_compares_and_carries_out_requests_in_order(pbx: Pbx, transport: str) -> None:
    app = f"one{transport}"
    async with gateway(named(pbx, app, transport=transport)) as at:
        telephony: Telephony = at.gateway
        recordings: Recordings = at.gateway
        assert all((telephony, recordings))
        await at.connected()
        assert at.gateway.trouble is None
        assert await at.gateway.probe() is None
        assert at.gateway.started
        (snapshot,) = at.snapshots
        assert snapshot == Snapshot("pbx", at.gateway.started, {}, {})
        call = call_of(app, pbx.phone)
        assert await perform(at, call, Originate(25), CreateBridge(), CreateLeg("customer")) == [200, 200, 200]
        await at.until(lambda: (f"{call.id}.c", LegReady("")) in at.inputs)
        assert at.timed == [True, True, True]
        assert await perform(at, call, Originate(25), CreateLeg("customer")) == [409, 409]
        assert await perform(at, call, HangUpLeg("customer"), HangUpLeg("agent"), DestroyBridge()) == [204, 204, 204]
        await at.until(lambda: gone(at) == [call.id, f"{call.id}.c"])
        assert (f"{call.id}.c", Left()) in at.inputs
        assert await perform(at, call, HangUpLeg("agent"), DestroyBridge()) == [404, 404]
        #: By which the engine knows that a caller left before it could ask to be told.
        assert await perform(at, call, Watch("customer")) == [422]
        assert at.gateway.behind == 0


@BOTH
async def test_what_was_left_behind_is_in_the_snapshot_and_can_be_discarded(pbx: Pbx, transport: str) -> None:
    app = f"left{transport}"
    call = call_of(app, pbx.phone)
    async with gateway(named(pbx, app, transport=transport)) as at:
        await at.connected()
        assert await perform(at, call, Originate(25), CreateBridge(), CreateLeg("customer")) == [200, 200, 200]
        await at.until(lambda: bool(at.inputs))
    async with gateway(named(pbx, app, transport=transport)) as again:
        await again.connected()
        (snapshot,) = again.snapshots
        channels = {call.id: LegStage.READY, f"{call.id}.c": LegStage.READY}
        assert snapshot == Snapshot("pbx", again.gateway.started, channels, {bridge_id(call.id): frozenset()})
        again.gateway.discard([*channels], [bridge_id(call.id)])
        await again.until(lambda: gone(again) == [call.id, f"{call.id}.c"])
        assert bridge_id(call.id) not in [bridge["id"] for bridge in await ask(pbx, "GET", "bridges")]


async def test_the_filter_lets_through_only_what_is_read(pbx: Pbx) -> None:
    async with gateway(named(pbx, "filtered")) as at:
        await at.connected()
        application = await ask(pbx, "GET", "applications/filtered")
    allowed = {event["type"] for event in application["events_allowed"]}
    assert allowed == set(ALLOWED_EVENTS)


async def test_a_wrong_password_is_named(pbx: Pbx) -> None:
    wrong = (replace(pbx.node, password="wrong"),)
    async with gateway(named(pbx, "wrong", nodes=wrong)) as at:
        await at.until(lambda: "user name or password" in (at.gateway.trouble or ""))
        assert not at.gateway.connected
        assert "password" in str(await at.gateway.probe())


async def test_nobody_there_is_named_and_nothing_is_sent(pbx: Pbx) -> None:
    nowhere = (replace(pbx.node, ari_url=f"http://127.0.0.1:{free_port()}/ari"),)
    async with gateway(named(pbx, "nowhere", nodes=nowhere)) as at:
        await at.until(lambda: "is Asterisk running" in (at.gateway.trouble or ""))
        assert await perform(at, call_of("nowhere"), CreateBridge(), DestroyBridge()) == [NOT_SENT, NOT_SENT]
        at.gateway.discard([call_of("nowhere").id])
        at.gateway.leave("1750000000.7")
        with pytest.raises(AsteriskUnreachable):
            await anext(aiter(at.gateway.stream("nowhere-1", 1)))


async def test_a_recording_that_is_not_there_is_not_found(pbx: Pbx) -> None:
    async with gateway(named(pbx, "records")) as at:
        with pytest.raises(RecordingNotFound):
            await anext(aiter(at.gateway.stream(new_call_id("records", NOW), 1)))


async def test_a_recording_is_streamed_as_it_is(pbx: Pbx) -> None:
    call = call_of("records")
    name = f"{call.id}-1"
    async with gateway(named(pbx, "records")) as at:
        await at.connected()
        assert await perform(at, call, CreateBridge()) == [200]
        query = {"name": name, "format": "wav", "ifExists": "fail"}
        await ask(pbx, "POST", f"bridges/{bridge_id(call.id)}/record", params=query)
        await asyncio.sleep(0.2)
        await ask(pbx, "POST", f"recordings/live/{name}/stop")
        await perform(at, call, DestroyBridge())
        await asyncio.sleep(0.1)
        sound = b"".join([part async for part in at.gateway.stream(call.id, 1)])
    assert sound[:4] == b"RIFF"
    assert sound[8:12] == b"WAVE"


@BOTH
async def test_a_silent_asterisk_is_noticed_within_seconds_and_so_is_its_return(pbx: Pbx, transport: str) -> None:
    app = f"silent{transport}"
    async with gateway(named(pbx, app, transport=transport)) as at:
        await at.connected()
        with pbx.frozen():
            await at.until(lambda: not at.gateway.connected)
            await at.until(lambda: at.gateway.trouble is not None)
        await at.connected()
        assert at.gateway.trouble is None
        assert len(at.snapshots) == 2


@BOTH
async def test_a_request_that_a_silent_asterisk_swallows_is_told_so_and_the_connection_dropped(
    pbx: Pbx, transport: str
) -> None:
    app = f"swallow{transport}"
    call = call_of(app)
    async with gateway(named(pbx, app, transport=transport)) as at:
        await at.connected()
        with pbx.frozen():
            asked = asyncio.create_task(perform(at, call, DestroyBridge()))
            await at.until(lambda: at.gateway.behind > 0.2)
            assert await asked == [None]
            assert at.timed == [False]
            await at.until(lambda: not at.gateway.connected)
        await at.connected()


async def test_replaced_by_another_service_it_stands_by_and_takes_over_when_the_other_leaves(pbx: Pbx) -> None:
    config = named(pbx, "shared")
    async with gateway(config) as first:
        await first.connected()
        async with gateway(config) as second:
            await second.connected()
            await first.until(lambda: "another service" in (first.gateway.trouble or ""))
            await asyncio.sleep(1.0)
            assert not first.gateway.connected
            assert second.gateway.connected
            assert (len(first.snapshots), len(second.snapshots)) == (1, 1), "they do not take it from each other"
        await first.connected()
        assert first.gateway.trouble is None


async def test_it_takes_over_the_calls_that_another_service_leaves_behind(
    pbx: Pbx, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asterisk keeps an application whose socket is gone, filter and all, for as long as channels are in it."""
    monkeypatch.setattr(gateways, "LIFE_SECONDS", 0.2)
    monkeypatch.setattr(gateways, "STANDBY_SECONDS", 0.5)
    config = named(pbx, "heirs")
    call = call_of("heirs")
    async with gateway(config) as first:
        await first.connected()
        async with gateway(config) as second:
            await second.connected()
            assert await perform(second, call, CreateLeg("customer"), CreateBridge()) == [200, 200]
            await first.until(lambda: "another service" in (first.gateway.trouble or ""))
            await asyncio.sleep(2.5)
            assert second.gateway.connected, "nobody takes it from one who lives"
            assert (len(first.snapshots), len(second.snapshots)) == (1, 1)
        await first.connected()
        assert f"{call.id}.c" in first.snapshots[-1].channels
        assert bridge_id(call.id) in first.snapshots[-1].bridges
        assert await perform(first, call, HangUpLeg("customer"), DestroyBridge()) == [204, 204]


@BOTH
async def test_a_connection_on_which_no_events_come_any_more_is_made_again(pbx: Pbx, transport: str) -> None:
    """As when it began at the very moment at which the one before ended."""
    app = f"deaf{transport}"
    call = call_of(app, pbx.phone)
    async with gateway(named(pbx, app, transport=transport)) as at:
        await at.connected()
        assert await perform(at, call, CreateLeg("customer")) == [200]
        only_answers = {"allowed": [{"type": "RESTResponse"}]}
        await ask(pbx, "PUT", f"applications/{app}/eventFilter", json=only_answers)
        await at.until(lambda: len(at.snapshots) == 2)
        await at.connected()
        assert await perform(at, call, HangUpLeg("customer")) == [204]
        await at.until(lambda: gone(at) == [f"{call.id}.c"])


@BOTH
async def test_asterisk_crashes_and_starts_again_then_it_is_a_new_one(pbx: Pbx, transport: str) -> None:
    app = f"crash{transport}"
    async with gateway(named(pbx, app, transport=transport)) as at:
        await at.connected()
        before = at.gateway.started
        await pbx.kill()
        await at.until(lambda: not at.gateway.connected)
        assert await perform(at, call_of(app), CreateBridge()) == [NOT_SENT]
        await pbx.start()
        await at.connected()
        assert at.gateway.started != before
        assert at.snapshots[-1].asterisk_started == at.gateway.started
        assert await perform(at, call_of(app), DestroyBridge()) == [404]
