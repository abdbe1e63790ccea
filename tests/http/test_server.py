"""What no HTTP library would send still gets an answer in our shape, and leaves no token in the log."""

from __future__ import annotations

import asyncio
import logging

import pytest

from tests.http.conftest import RIGHT, Lines, Server, Wire, World
from tests.http.fakes import TOKEN
from tests.http.test_answers import assert_headers, assert_problem


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"nonsense\r\n\r\n",
        b"GET /livez HTTP/9.9\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nX: " + b"x" * 9000 + b"\r\n\r\n",
        b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n",
        b"POST /api/v1/calls HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"FOO /nothing HTTP/1.1\r\n\r\n",
    ],
)
async def test_what_cannot_be_parsed_is_a_problem(wire: Wire, request_bytes: bytes) -> None:
    assert_problem(await wire.send(request_bytes), 400, "malformed")


@pytest.mark.parametrize(
    "request_bytes",
    [
        f"GET /ClickToCallAPI?{RIGHT}&x=\x01 HTTP/1.1\r\n\r\n".encode(),
        f"GET /ClickToCallAPI?{RIGHT}&x={'y' * 9000} HTTP/1.1\r\n\r\n".encode(),
        f"GET http://test/ClickToCallAPI?{RIGHT} HTTP/1.1\r\nHost\r\n\r\n".encode(),
    ],
)
async def test_a_click_that_cannot_be_parsed_is_a_clicks_400(wire: Wire, world: World, request_bytes: bytes) -> None:
    answer = await wire.send(request_bytes)
    assert answer.status == 400
    assert answer.json == {"status": "error", "message": "The request is malformed.", "code": "malformed"}
    assert_headers(answer)
    assert world.desk.commands == []


async def test_a_click_in_absolute_form_rings(wire: Wire) -> None:
    assert (await wire.request("GET", f"http://test/ClickToCallAPI?{RIGHT}")).status == 200


async def test_the_token_of_a_broken_request_is_in_no_log(
    wire: Wire, lines: Lines, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await wire.send(f"GET /ClickToCallAPI?{RIGHT} HTTP/1.1\r\nHost\r\n\r\n".encode())
    await wire.send(f"GET /ClickToCallAPI?{RIGHT}\x01 HTTP/1.1\r\n\r\n".encode())
    assert [line["status"] for line in lines] == [400, 400]
    written = repr(lines) + caplog.text
    assert TOKEN not in written
    assert "442079460123" not in written


async def test_aiohttps_own_access_log_is_off(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await wire.click()
    assert not [record for record in caplog.records if record.name.startswith("aiohttp")]


async def test_a_connection_serves_many_requests(server: Server) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /livez HTTP/1.1\r\nHost: t\r\n\r\n" * 3)
    for _ in range(3):
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        await reader.readexactly(len(b'{"alive":true}'))
    writer.close()
    await writer.wait_closed()


async def test_a_client_that_goes_away_breaks_nothing(server: Server, wire: Wire) -> None:
    for _ in range(20):
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"POST /api/v1/calls HTTP/1.1\r\nContent-Length: 100\r\nAuthorization: Bearer " + TOKEN.encode())
        writer.transport.abort()
    assert (await wire.request("GET", "/livez")).status == 200
