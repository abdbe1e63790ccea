"""Calls on real phones, as webhooks and CRMs hear of them; servers of ours stand in for those."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from aiohttp import web
from standardwebhooks.webhooks import Webhook as Verifier

from ctc_ari.config import Crm, CrmAgent, CrmHttp, Webhooks, Zammad
from tests import phones
from tests.integration.world import Exchange, World, email, number, world
from tests.receivers import Received, Receiver, receiver, until
from tests.store import databases

DID = "+442079460740"


@asynccontextmanager
async def told(
    pbx: Exchange, server: databases.Server, app: str, **changes: Any
) -> AsyncIterator[tuple[World, Receiver]]:
    """A service with a webhook to a server of ours."""
    async with receiver() as there, world(pbx, server, app=app, webhooks=Webhooks(allow_private=True), **changes) as at:
        yield at, there


async def test_a_webhook_hears_all_that_happens_to_a_call_in_order(pbx: Exchange, server: databases.Server) -> None:
    async with told(pbx, server, "wh1") as (desk, there):
        status, webhook = await desk.api("POST", "/api/v1/webhooks", json={"url": there.url})
        assert status == 201
        call_id = await desk.place("answers", number("leaves"))
        await desk.until(call_id, "ended")
        story = [happening.event for happening in desk.heard if happening.call.id == call_id]
        story.append("call.logged")
        await until(lambda: len(there.requests) == len(story))
        assert there.types == story
        assert (story[0], story[-2]) == ("call.created", "call.ended")
        for request in there.requests:
            Verifier(webhook["secret"]).verify(request.body, dict(request.headers))
        assert there.requests[-2].json["data"] == await desk.call(call_id)
        assert there.requests[-1].json["data"]["disposition"] == "answered"
        _, page = await desk.api("GET", f"/api/v1/webhooks/{webhook['id']}/deliveries")
        assert [delivery["type"] for delivery in page["deliveries"]][::-1] == story


async def test_what_happens_while_a_receiver_is_away_arrives_when_it_is_back(
    pbx: Exchange, server: databases.Server
) -> None:
    async with told(pbx, server, "wh2") as (desk, there):
        await desk.api("POST", "/api/v1/webhooks", json={"url": there.url, "types": ["call.created", "call.ended"]})
        there.answer = lambda _: web.Response(status=502)
        call_id = await desk.place("answers", number("leaves"))
        await until(lambda: len(there.requests) == 1)
        there.answer = lambda _: web.Response()
        await desk.until(call_id, "ended")
        await until(lambda: "call.ended" in there.types, seconds=15)
        assert there.types == ["call.created", "call.created", "call.ended"]


async def test_without_leave_no_private_address_is_told_anything(pbx: Exchange, server: databases.Server) -> None:
    async with receiver() as there, world(pbx, server, app="wh3") as desk:
        status, problem = await desk.api("POST", "/api/v1/webhooks", json={"url": there.url})
        assert (status, problem["code"]) == (400, "malformed")
        _, webhook = await desk.api("POST", "/api/v1/webhooks", json={"url": "https://crm.example.com/hook"})
        #: As if that name led there now, or the configuration had been another.
        connection = await asyncpg.connect(desk.database_url)
        await connection.execute("update webhooks set url = $1", there.url)
        await connection.close()
        await asyncio.sleep(1.1)
        await desk.place("answers", number("leaves"))
        deliveries = f"/api/v1/webhooks/{webhook['id']}/deliveries"
        for _ in range(200):
            _, page = await desk.api("GET", deliveries)
            if "private" in str([delivery["error"] for delivery in page["deliveries"]]):
                break
            await asyncio.sleep(0.05)
        else:
            raise AssertionError(page)
        assert there.requests == []


async def test_zammad_hears_of_a_call_and_turns_a_blocked_caller_away(pbx: Exchange, server: databases.Server) -> None:
    def zammad(request: Received) -> web.Response:
        if request.json["event"] != "newCall":
            return web.json_response({})
        if request.json["direction"] == "in":
            return web.json_response({"action": "reject", "reason": "busy"})
        return web.json_response({"action": "dial", "caller_id": "442079460188", "number": request.json["to"]})

    async with receiver(zammad) as there:
        crm = Crm(kind="zammad", zammad=Zammad(url=there.url))
        app = pbx.config.asterisk.app
        async with world(pbx, server, app=app, crm=crm, routes={DID: email("rings")}) as desk:
            told = len(pbx.carrier.invites)
            call_id = await desk.place("answers", number("leaves"))
            assert (await pbx.carrier.wait_invite(told + 1)).from_number == "+442079460188"
            await desk.until(call_id, "ended")
            await until(lambda: len(there.requests) == 3)
            events = [request.json for request in there.requests]
            assert [event["event"] for event in events] == ["newCall", "answer", "hangup"]
            for event in events:
                assert event["from"] in ("442079460100", "442079460188"), "hers, then what Zammad made of it"
                assert event["to"] == number("leaves")[1:]
                assert (event["direction"], event["callId"], event["user"]) == ("out", call_id, ["Answers"])
            assert events[1]["answeringNumber"] == email("answers")
            assert events[2]["cause"] == "normalClearing"

            before, rung = {happening.call.id for happening in desk.heard}, len(pbx.agents.invites)
            caller = number("answers").removeprefix("+")
            async with phones.baresip_phone(caller, port=pbx.callers[1]) as customer:
                await customer.dial(pbx.did(DID))
                await until(lambda: any(happening.call.id not in before for happening in desk.heard))
                (blocked,) = {happening.call.id for happening in desk.heard} - before
                call = await desk.until(blocked, "ended")
                assert "486" in str((await customer.wait_closed()).param)
            assert len(pbx.agents.invites) == rung, "no phone rang"
            assert (call["end_reason"], call["answered_at"]) == ("cancelled", None)
            await until(lambda: len(there.requests) == 5)
            hangup = there.requests[-1].json
            assert (hangup["event"], hangup["direction"], hangup["cause"]) == ("hangup", "in", "cancel")
            assert (hangup["from"], hangup["to"]) == (caller, DID[1:])


async def test_the_crm_says_which_phone_rings_and_who_is_called(pbx: Exchange, server: databases.Server) -> None:
    gate = asyncio.Event()
    gate.set()

    async def crm(request: Received) -> web.StreamResponse:
        await gate.wait()
        if request.path.startswith("/users"):
            return web.json_response({"ext": "2077", "name": "Anna of the CRM"})
        if request.path.startswith("/people"):
            return web.json_response({"id": "crm-7", "name": "Grace of the CRM"})
        return web.Response(status=201)

    async with receiver(crm) as there:
        base = there.url.removesuffix("/hook")
        settings = CrmHttp(
            agent_url=base + "/users?{email}",
            contact_url=base + "/people?{digits}",
            calls_url=base + "/calls",
            agent=CrmAgent(extension="ext"),
            cache_seconds=0,
        )
        async with world(pbx, server, app="wh5", crm=Crm(kind="http", http=settings)) as desk:
            call_id = await desk.place("answers", number("leaves"))
            call = await desk.until(call_id, "ended")
            assert call["agent"] == {"email": email("answers"), "name": "Anna of the CRM", "extension": "2077"}
            assert (call["contact"]["id"], call["contact"]["name"]) == ("crm-7", "Grace of the CRM")
            await until(lambda: any(request.path == "/calls" for request in there.requests))
            (pushed,) = [request for request in there.requests if request.path == "/calls"]
            assert (pushed.json["type"], pushed.json["data"]["id"]) == ("call.logged", call_id)
            assert pushed.json["data"]["contact"]["name"] == "Grace of the CRM"

            gate.clear()
            call = await desk.call(await desk.place("answers", number("leaves")))
            assert call["agent"]["extension"] == "2077", "as it said last"
            with contextlib.suppress(AssertionError):
                await desk.until(call["id"], "ended")
            gate.set()
