"""What happens on real phones, as those hear it who listen to /api/v1/events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg

from ctc_ari.runtime.open_files import allow_many
from ctc_ari.store.tokens import revoke_token
from tests.integration.process import killable
from tests.integration.world import Exchange, World, email, number
from tests.store import databases

EVENTS = "/api/v1/events"
STORY = ["call.created", "call.agent_ringing", "call.agent_answered", "call.customer_ringing", "call.answered"]
STATES = {
    "call.created": "ringing_agent",
    "call.agent_ringing": "ringing_agent",
    "call.agent_answered": "ringing_customer",
    "call.customer_ringing": "ringing_customer",
    "call.answered": "talking",
    "call.ended": "ended",
}


class Listener:
    """One connection to the events."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.first: dict[str, Any] = {}
        self.events: list[dict[str, Any]] = []

    @property
    def last_event_id(self) -> int:
        """Where to go on after a broken connection."""
        found: int = self.events[-1]["id"] if self.events else self.first["last_event_id"]
        return found

    async def next(self) -> dict[str, Any]:
        """What happens next."""
        event: dict[str, Any] = await self.socket.receive_json(timeout=20)
        self.events.append(event)
        return event

    async def until(self, kind: str, call_id: str) -> dict[str, Any]:
        """Listen on, until this happened to that call."""
        while True:
            event = await self.next()
            if (event["type"], event["data"]["id"]) == (kind, call_id):
                return event

    def about(self, call_id: str) -> list[dict[str, Any]]:
        """What was heard of that call; the row of an earlier one may come at any time."""
        return [event for event in self.events if event["data"]["id"] == call_id]

    async def silence(self) -> bool:
        """Whether nothing more is said, but for the row of an earlier call."""
        try:
            while True:
                event = await self.socket.receive_json(timeout=0.3)
                assert event["type"] == "call.logged"
                assert not self.about(event["data"]["id"])
        except TimeoutError:
            return True

    def cut(self) -> None:
        """The wire breaks."""
        connection = self.socket._conn
        assert connection is not None
        assert connection.transport is not None
        connection.transport.abort()


@asynccontextmanager
async def listening(desk: World, token: str | None = None, last_event_id: int | None = None) -> AsyncIterator[Listener]:
    """A listener who has heard the first message."""
    async with desk.session.ws_connect(
        desk.address + EVENTS,
        headers={"Authorization": f"Bearer {token or desk.token}"},
        params={} if last_event_id is None else {"last_event_id": str(last_event_id)},
        max_msg_size=0,
    ) as socket:
        listener = Listener(socket)
        listener.first = await socket.receive_json(timeout=20)
        yield listener


async def sign_in(desk: World, agent: str) -> str:
    """An agent's session, as the CRM's server gets it."""
    status, body = await desk.api("POST", "/api/v1/sessions", json={"email": email(agent)})
    assert status == 201
    session: str = body["session"]
    return session


async def test_a_call_is_heard_from_the_click_to_its_end_as_the_api_shows_it(desk: World) -> None:
    async with listening(desk) as listener:
        assert listener.first["data"] == {"calls": []}
        before = len(desk.heard)
        call_id = await desk.place("answers", number("takes_time"))
        answered = await listener.until("call.answered", call_id)
        assert answered["data"] == await desk.call(call_id)
        await desk.api("DELETE", f"/api/v1/calls/{call_id}")
        ended = await listener.until("call.ended", call_id)
        assert ended["data"] == await desk.until(call_id, "ended")
        logged = await listener.until("call.logged", call_id)
        assert (logged["data"]["id"], logged["data"]["end_reason"]) == (call_id, "completed")
        assert await listener.silence()
    own = listener.about(call_id)
    assert own[-1] == logged
    story = own[:-1]
    assert [event["type"] for event in story] == [*STORY, "call.ended"]
    assert [event["type"] for event in story] == [happening.event for happening in desk.heard[before:]]
    start = listener.first["last_event_id"]
    ids = [event["id"] for event in listener.events]
    assert ids == list(range(start + 1, start + 1 + len(ids)))
    assert all(event["data"]["state"] == STATES[event["type"]] for event in story)
    timestamps = [event["timestamp"] for event in story]
    assert timestamps == sorted(timestamps)
    await desk.nothing_left()


async def test_whoever_comes_in_the_middle_of_a_call_sees_it_and_hears_the_rest(desk: World) -> None:
    call_id = await desk.place("answers", number("answers"))
    call = await desk.until(call_id, "talking")
    async with listening(desk) as listener:
        assert listener.first["data"] == {"calls": [call]}
        await desk.api("PUT", f"/api/v1/calls/{call_id}/mute")
        await listener.until("call.muted", call_id)
        await desk.api("DELETE", f"/api/v1/calls/{call_id}")
        event = await listener.until("call.ended", call_id)
        assert event["data"]["end_reason"] == "completed"
        assert [heard["type"] for heard in listener.about(call_id)] == ["call.muted", "call.ended"]
    await desk.nothing_left()


async def test_after_a_broken_connection_the_story_goes_on_where_it_broke(desk: World) -> None:
    session = await sign_in(desk, "slow")
    async with listening(desk) as whole, listening(desk, session) as first:
        call_id = await desk.place("slow", number("takes_time"))
        await first.until("call.agent_ringing", call_id)
        first.cut()
        await desk.until(call_id, "talking")
        async with listening(desk, session, first.last_event_id) as second:
            assert second.first == {"type": "resumed", "resumed": True, "last_event_id": first.last_event_id}
            await desk.api("DELETE", f"/api/v1/calls/{call_id}")
            await second.until("call.ended", call_id)
        await whole.until("call.ended", call_id)
        assert first.about(call_id) + second.about(call_id) == whole.about(call_id)
        assert len(whole.about(call_id)) == 6
    await desk.nothing_left()


async def test_another_agents_session_hears_and_sees_nothing_of_a_call(desk: World) -> None:
    session, other = await sign_in(desk, "answers"), await sign_in(desk, "a3")
    async with listening(desk, session) as hers, listening(desk, other) as others:
        call_id = await desk.place("answers", number("answers"))
        await hers.until("call.answered", call_id)
        async with listening(desk, other) as late:
            assert late.first["data"] == {"calls": []}
        async with desk.session.get(
            f"{desk.address}/api/v1/calls/{call_id}", headers={"Authorization": f"Bearer {other}"}
        ) as answer:
            assert (answer.status, (await answer.json())["code"]) == (404, "call_not_found")
        await desk.api("DELETE", f"/api/v1/calls/{call_id}")
        await hers.until("call.ended", call_id)
        assert await others.silence()
    async with listening(desk, other, others.last_event_id) as back:
        assert back.first["resumed"]
        assert await back.silence()
    await desk.nothing_left()


async def test_signing_out_and_revoking_the_token_end_streams_within_seconds(desk: World) -> None:
    session, kept = await sign_in(desk, "a4"), await sign_in(desk, "a5")
    async with listening(desk, session) as out, listening(desk, kept) as stays:
        async with desk.session.delete(
            f"{desk.address}/api/v1/sessions/current", headers={"Authorization": f"Bearer {session}"}
        ) as answer:
            assert answer.status == 204
        message = await out.socket.receive(timeout=20)
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 4401)
        assert await stays.silence()
    async with desk.session.ws_connect(
        desk.address + EVENTS, protocols=("ctc.events", f"ctc.bearer.{session}")
    ) as browser:
        assert (await browser.receive()).data == 4401


async def test_a_revoked_token_takes_its_sessions_along(desk: World) -> None:
    partner = await desk.give_token("partner", agents=[email("a6")])
    connection = await asyncpg.connect(desk.database_url)
    try:
        headers = {"Authorization": f"Bearer {partner['token']}"}
        path = f"{desk.address}/api/v1/sessions"
        async with desk.session.post(path, json={"email": email("a6")}, headers=headers) as answer:
            session = (await answer.json())["session"]
        async with desk.session.post(path, json={"email": email("a7")}, headers=headers) as answer:
            assert answer.status == 403
        async with listening(desk, session) as listener:
            await revoke_token(connection, partner["id"], now=time.time())
            message = await listener.socket.receive(timeout=20)
            assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 4401)
    finally:
        await connection.close()


async def test_a_thousand_listeners_hear_a_call_and_the_call_does_not_notice(desk: World) -> None:
    many = min(1000, (allow_many() - 500) // 2)
    session = await sign_in(desk, "answers")
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as crowd:
        sockets = []
        for number_ in range(many):
            headers = {"Authorization": f"Bearer {session if number_ % 2 else desk.token}"}
            sockets.append(await crowd.ws_connect(desk.address + EVENTS, headers=headers))
        listeners = [Listener(socket) for socket in sockets]
        for listener in listeners:
            listener.first = await listener.socket.receive_json(timeout=20)
        async with desk.session.get(f"{desk.address}/metrics") as answer:
            assert f"ctc_event_listeners {many:.1f}" in await answer.text()
        before = len(desk.heard)
        call_id = await desk.place("answers", number("answers"))
        await desk.until(call_id, "talking")
        await desk.api("DELETE", f"/api/v1/calls/{call_id}")
        await desk.until(call_id, "ended")
        expected = [happening.event for happening in desk.heard[before:]]
        assert expected == [*STORY, "call.ended"]
        for listener in listeners:
            await listener.until("call.ended", call_id)
            assert [event["type"] for event in listener.about(call_id)] == expected
            ids = [[event["id"] for event in each.about(call_id)] for each in (listener, listeners[0])]
            assert ids[0] == ids[1]
        await asyncio.gather(*(socket.close() for socket in sockets))
    await desk.nothing_left()
    async with desk.session.get(f"{desk.address}/metrics") as answer:
        assert "ctc_event_listeners_cut_off_total 0.0" in await answer.text()


async def test_after_a_restart_the_stream_says_so_and_begins_anew(
    pbx: Exchange, server: databases.Server, tmp_path: Path
) -> None:
    async with killable(pbx, server, tmp_path) as mortal:
        session = await sign_in(mortal, "answers")
        call_id = await mortal.place("answers", number("answers"))
        async with listening(mortal, session) as before:
            await mortal.until(call_id, "talking")
            await mortal.kill()
        await mortal.start()
        async with listening(mortal, session, before.last_event_id) as after:
            assert (after.first["type"], after.first["resumed"]) == ("snapshot", False)
            assert after.first["data"] == {"calls": [await mortal.call(call_id)]}
            assert after.first["last_event_id"] > before.last_event_id
            await mortal.api("DELETE", f"/api/v1/calls/{call_id}")
            await after.until("call.ended", call_id)
        await mortal.nothing_left()
