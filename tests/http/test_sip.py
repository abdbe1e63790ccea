"""Tickets, and the way through /sip."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestClient

from ctc_ari.config import IceServer, WebRtc
from ctc_ari.directory import Principal
from ctc_ari.errors import AsteriskUnreachable, WebPhoneUnavailable
from ctc_ari.http import sip
from tests.http.conftest import Client, Lines, Server, World
from tests.http.fakes import ANNA, ANNAS_SESSION, NEWCOMER, TOKEN

TICKETS = "/api/v1/sip-tickets"
AS_ANNA = {"Authorization": f"Bearer {ANNAS_SESSION}"}
REGISTER = "REGISTER sip:ctc.invalid SIP/2.0\r\nFrom: <sip:web-1001@x>;tag=1\r\nTo: <sip:web-1001@x>\r\n\r\n"


async def ticket(client: Client) -> dict[str, Any]:
    answer = await client.post(TICKETS, headers=AS_ANNA)
    assert answer.status == 201
    return dict(await answer.json())


async def connect(client: Client, made: dict[str, Any], **more: Any) -> aiohttp.ClientWebSocketResponse:
    origin = str(client.make_url("/").origin())
    arguments: dict[str, Any] = {"origin": origin, "protocols": ("sip",)} | more
    socket: aiohttp.ClientWebSocketResponse = await client.ws_connect(made["url"], **arguments)
    return socket


async def refused(client: Client, made: dict[str, Any], **more: Any) -> int:
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await connect(client, made, **more)
    return caught.value.status


async def closed(socket: aiohttp.ClientWebSocketResponse) -> int | None:
    async with asyncio.timeout(5):
        while (await socket.receive()).type is not aiohttp.WSMsgType.CLOSE:
            pass
    return socket.close_code


async def until(happened: Callable[[], bool]) -> None:
    deadline = asyncio.get_running_loop().time() + 5
    while not happened():
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.01)


@pytest.fixture
async def line(client: Client) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """Anna's browser, connected."""
    socket = await connect(client, await ticket(client))
    yield socket
    await socket.close()


# tickets


async def test_a_ticket_has_everything_a_browser_needs(client: Client) -> None:
    made = await ticket(client)
    assert made["url"].startswith("/sip?ticket=")
    assert (made["uri"], made["username"]) == ("sip:web-1001@ctc.invalid", "web-1001")
    assert made["ice_servers"] == []


async def test_only_a_session_gets_one(client: Client) -> None:
    answer = await client.post(TICKETS)
    assert (answer.status, (await answer.json())["code"]) == (403, "not_allowed")
    answer = await client.post(TICKETS, headers={"Authorization": "Bearer unknown"})
    assert answer.status == 401


@pytest.mark.parametrize(
    ("failure", "code"),
    [(AsteriskUnreachable(), "asterisk_unreachable"), (WebPhoneUnavailable(), "web_phone_unavailable")],
)
async def test_what_is_wrong_with_asterisk_is_told(client: Client, world: World, failure: Exception, code: str) -> None:
    world.web_phones.failure = failure
    answer = await client.post(TICKETS, headers=AS_ANNA)
    assert (answer.status, (await answer.json())["code"]) == (503, code)


async def test_an_agent_without_extension_has_no_browser_phone(client: Client, world: World) -> None:
    world.directory.tokens["ctcs_new"] = Principal("n", "n", frozenset({NEWCOMER.email}), session=True)
    answer = await client.post(TICKETS, headers={"Authorization": "Bearer ctcs_new"})
    assert (answer.status, (await answer.json())["code"]) == (422, "device_unavailable")


async def test_turn_credentials_are_made_for_each_browser(world: World) -> None:
    servers = (
        IceServer(urls=("stun:s.example",)),
        IceServer(urls=("turn:t.example",)),
        IceServer(urls=("turn:own.example",), username="u", credential="c"),
    )
    services = world.services(webrtc=WebRtc(ice_servers=servers, turn_secret="shared"))
    async with Server(services) as server, aiohttp.ClientSession() as session:
        answer = await session.post(server.make_url(TICKETS), headers=AS_ANNA)
        async with answer:
            stun, turn, own = (await answer.json())["ice_servers"]
    assert stun == {"urls": ["stun:s.example"]}
    assert own == {"urls": ["turn:own.example"], "username": "u", "credential": "c"}
    assert turn["username"].endswith(":web-1001")
    digest = hmac.new(b"shared", turn["username"].encode(), hashlib.sha1).digest()
    assert turn["credential"] == base64.b64encode(digest).decode()


# the entrance


async def test_a_ticket_leads_to_asterisk_once(client: Client, world: World) -> None:
    made = await ticket(client)
    socket = await connect(client, made)
    await socket.send_str(REGISTER)
    assert await socket.receive_str(timeout=5) == "SIP/2.0 200 1"
    assert world.web_phones.connections[0].heard == [REGISTER]
    assert socket.protocol == "sip"
    assert "ctc_browser_phones 1.0" in await (await client.get("/metrics")).text()
    assert await refused(client, made) == 401
    await socket.close()


async def test_a_page_of_another_origin_does_not_get_in(client: Client, world: World) -> None:
    made = await ticket(client)
    assert await refused(client, made, origin="https://evil.example") == 403
    assert await refused(client, made, origin=None) == 403
    assert not world.web_phones.connections
    await (await connect(client, made)).close()


async def test_a_crm_that_is_named_does(world: World) -> None:
    crm = "https://crm.example.com"
    server = Server(world.services(allowed_origins=(crm,)))
    client: Client = TestClient(server)
    async with server, client:
        await (await connect(client, await ticket(client), origin=crm)).close()


async def test_an_unknown_or_late_ticket_does_not_get_in(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await refused(client, {"url": "/sip"}) == 401
    assert await refused(client, {"url": "/sip?ticket=x"}) == 401
    monkeypatch.setattr(sip, "TICKET_SECONDS", -1.0)
    assert await refused(client, await ticket(client)) == 401


async def test_a_ticket_of_a_session_that_ended_does_not_get_in(client: Client) -> None:
    made = await ticket(client)
    await client.delete("/api/v1/sessions/current", headers=AS_ANNA)
    assert await refused(client, made) == 401


async def test_it_must_be_a_websocket_for_sip(client: Client) -> None:
    made = await ticket(client)
    origin = {"Origin": str(client.make_url("/").origin())}
    assert await refused(client, made, protocols=("chat",)) == 400
    assert (await client.get(made["url"], headers=origin)).status == 400


async def test_a_message_in_another_name_ends_it_and_does_not_arrive(
    line: aiohttp.ClientWebSocketResponse, world: World
) -> None:
    await line.send_str(REGISTER.replace("web-1001@x>;", "1001@x>;"))
    assert await closed(line) == 4403
    assert world.web_phones.connections[0].heard == []


async def test_another_window_takes_over(line: aiohttp.ClientWebSocketResponse, client: Client, world: World) -> None:
    second = await connect(client, await ticket(client))
    assert await closed(line) == 4409
    await second.send_str(REGISTER)
    assert await second.receive_str(timeout=5) == "SIP/2.0 200 1"
    assert "web-1001" in world.web_phones.passwords
    await second.close()


async def test_the_account_goes_with_the_last_connection(line: aiohttp.ClientWebSocketResponse, world: World) -> None:
    assert "web-1001" in world.web_phones.passwords
    await line.close()
    await until(lambda: "web-1001" not in world.web_phones.passwords)
    assert world.web_phones.connections[0].closed


async def test_the_account_stays_for_whoever_has_a_ticket(
    line: aiohttp.ClientWebSocketResponse, client: Client, world: World
) -> None:
    made = await ticket(client)
    await line.close()
    await until(lambda: world.web_phones.connections[0].closed)
    assert world.web_phones.passwords["web-1001"] == made["password"]


async def test_an_account_that_is_being_removed_is_made_again_for_whoever_comes_back(
    line: aiohttp.ClientWebSocketResponse, client: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    removing, slowly, removed = asyncio.Event(), asyncio.Event(), asyncio.Event()
    remove = world.web_phones.dismiss

    async def dismiss(name: str) -> None:
        removing.set()
        await slowly.wait()
        await remove(name)
        removed.set()

    monkeypatch.setattr(world.web_phones, "dismiss", dismiss)
    await line.close()
    await removing.wait()
    coming = asyncio.create_task(ticket(client))
    await asyncio.wait([coming], timeout=0.05)
    slowly.set()
    await removed.wait()
    made = await coming
    assert world.web_phones.passwords.get("web-1001") == made["password"]


async def test_it_ends_with_the_session(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sip, "CHECK_SECONDS", 0.02)
    socket = await connect(client, await ticket(client))
    await client.delete("/api/v1/sessions/current", headers=AS_ANNA)
    assert await closed(socket) == 4401


async def test_it_ends_when_asterisk_does(line: aiohttp.ClientWebSocketResponse, world: World) -> None:
    await line.send_str(REGISTER)
    await line.receive_str(timeout=5)
    world.web_phones.connections[0].says.put_nowait(None)
    assert await closed(line) == 4503


async def test_it_ends_when_asterisk_cannot_be_reached(client: Client, world: World) -> None:
    made = await ticket(client)
    world.web_phones.failure = AsteriskUnreachable()
    assert await closed(await connect(client, made)) == 4503


async def test_a_stop_does_not_wait_for_it(line: aiohttp.ClientWebSocketResponse, server: Server) -> None:
    stopping = asyncio.create_task(server.close())
    assert await closed(line) == 1001
    await stopping


async def test_neither_ticket_nor_password_is_logged(client: Client, world: World, lines: Lines) -> None:
    made = await ticket(client)
    await (await connect(client, made)).close()
    await asyncio.sleep(0.1)
    told = str(lines)
    assert "/sip" in told
    for secret in (made["url"].partition("=")[2], made["password"], ANNAS_SESSION, TOKEN, ANNA.email):
        assert secret not in told
