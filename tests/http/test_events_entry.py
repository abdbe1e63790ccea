"""Who may listen to /api/v1/events, with which token, and for how long."""

from __future__ import annotations

import asyncio
import logging

import aiohttp
import pytest

from ctc_ari.http import events
from tests.http.conftest import Client, Lines, Server, Wire, World
from tests.http.fakes import ANNA, ANNAS_SESSION, ANNAS_TOKEN, BORIS, TOKEN
from tests.http.listening import EVENTS, HANDSHAKE, OF_ANNA, closed, happen, until

pytestmark = pytest.mark.usefixtures("nothing_is_left")


@pytest.fixture
async def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens are looked at more often than usual."""
    monkeypatch.setattr(events, "CHECK_SECONDS", 0.05)


async def test_a_browser_sends_its_token_as_a_subprotocol(server: Server, world: World) -> None:
    async with (
        aiohttp.ClientSession() as browser,
        browser.ws_connect(
            server.make_url(EVENTS), protocols=("ctc.events", f"ctc.bearer.{ANNAS_SESSION}")
        ) as listener,
    ):
        assert listener.protocol == "ctc.events", "never the token"
        assert (await listener.receive_json())["type"] == "snapshot"
        happen(world, agent=BORIS)
        annas = happen(world)
        assert (await listener.receive_json())["id"] == annas


async def test_a_browser_with_a_wrong_token_is_told_by_the_close_code(server: Server, world: World) -> None:
    async with (
        aiohttp.ClientSession() as browser,
        browser.ws_connect(server.make_url(EVENTS), protocols=("ctc.events", "ctc.bearer.ctcs_0_wrong")) as listener,
    ):
        assert await closed(listener) == (4401, "the token or session is not valid, or not any more")
    assert world.events.listeners == 0


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ((), 401),
        (("Authorization: Bearer ctc_unknown_token",), 401),
        (("Authorization: Basic YTpi",), 401),
        ((f"Authorization: Bearer {TOKEN}", f"Authorization: Bearer {ANNAS_TOKEN}"), 401),
        ((f"Authorization: Bearer {TOKEN}", f"Sec-WebSocket-Protocol: ctc.events, ctc.bearer.{ANNAS_TOKEN}"), 401),
        ((f"Sec-WebSocket-Protocol: ctc.events, ctc.bearer.{TOKEN}, ctc.bearer.{TOKEN}",), 401),
        (("Sec-WebSocket-Protocol: ctc.events",), 401),
        (("Sec-WebSocket-Protocol: ctc.events, ctc.bearer.",), 401),
        ((f"Sec-WebSocket-Protocol: ctc.bearer.{TOKEN}",), 400),
        ((f"Authorization: Bearer {TOKEN}", "Sec-WebSocket-Protocol: something"), 400),
    ],
)
async def test_without_one_good_token_and_our_subprotocol_nobody_listens(
    wire: Wire, lines: tuple[str, ...], status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = await wire.request("GET", EVENTS, *HANDSHAKE, *lines)
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert TOKEN not in caplog.text


@pytest.mark.parametrize("missing", range(len(HANDSHAKE)))
async def test_what_is_no_websocket_is_a_problem(wire: Wire, missing: int) -> None:
    lines = [line for number, line in enumerate(HANDSHAKE) if number != missing]
    answer = await wire.request("GET", EVENTS, f"Authorization: Bearer {TOKEN}", *lines)
    assert (answer.status, answer.json["detail"]) == (400, "Open this as a WebSocket.")


async def test_a_plain_request_is_refused_for_its_token_first(wire: Wire) -> None:
    assert (await wire.request("GET", EVENTS)).status == 401
    assert (await wire.request("GET", EVENTS, f"Authorization: Bearer {TOKEN}")).status == 400


async def test_a_connection_is_logged_once_when_it_is_over_and_without_its_token(
    server: Server, world: World, lines: Lines, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with (
        aiohttp.ClientSession() as browser,
        browser.ws_connect(
            server.make_url(EVENTS).with_query(last_event_id=5),
            protocols=("ctc.events", f"ctc.bearer.{ANNAS_SESSION}"),
        ) as listener,
    ):
        await listener.receive_json()
        assert lines == []
    await until(lambda: bool(lines))
    assert [(line["route"], line["status"]) for line in lines] == [(EVENTS, 101)]
    assert ANNAS_SESSION not in repr(lines) + caplog.text


@pytest.mark.usefixtures("quickly")
async def test_signing_out_ends_the_sessions_streams_and_nobody_elses(client: Client, world: World) -> None:
    made = (await (await client.post("/api/v1/sessions", json={"email": ANNA.email})).json())["session"]
    session = {"Authorization": f"Bearer {made}"}
    async with (
        client.ws_connect(EVENTS, headers=session) as one,
        client.ws_connect(EVENTS, headers=session) as two,
        client.ws_connect(EVENTS, headers=OF_ANNA) as other,
    ):
        for listener in (one, two, other):
            await listener.receive_json()
        await client.delete("/api/v1/sessions/current", headers=session)
        for listener in (one, two):
            assert (await closed(listener))[0] == 4401
        await asyncio.sleep(0.2)
        happen(world)
        assert (await other.receive_json())["type"] == "call.answered"


@pytest.mark.usefixtures("quickly")
async def test_whose_token_may_see_less_than_before_must_come_back(client: Client, world: World) -> None:
    async with client.ws_connect(EVENTS) as listener:
        await listener.receive_json()
        world.directory.tokens[TOKEN] = world.directory.tokens[ANNAS_TOKEN]
        assert (await closed(listener))[0] == 4401
