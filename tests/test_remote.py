"""Requests to servers that are slow, dead, lavish, misleading, or not on the internet: real sockets on loopback."""

from __future__ import annotations

import asyncio
import socket

import pytest
from aiohttp import web

from ctc_ari import remote as module
from ctc_ari.remote import Remote, retry_after
from tests.receivers import Received, receiver

REFUSED = "the address is private; `webhooks.allow_private: true` allows it"


async def test_a_request_arrives_and_its_answer_comes_back() -> None:
    found = web.json_response({"a": 1}, headers={"Retry-After": "7"})
    async with receiver(lambda _: found) as there, Remote(public_only=False) as remote:
        answer = await remote.request("POST", f"{there.url}?a=%2B44", headers={"X-Key": "k"}, body=b"{}")
    (request,) = there.requests
    assert (answer.status, answer.body, answer.error, answer.retry_after) == (200, b'{"a": 1}', None, 7.0)
    assert (request.method, request.path, request.body, request.headers["X-Key"]) == (
        "POST",
        "/hook?a=%2B44",
        b"{}",
        "k",
    )
    assert request.headers["User-Agent"].startswith("ctc-ari/")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]"])
async def test_no_spelling_of_a_private_address_is_connected_to(host: str) -> None:
    async with receiver() as there, Remote(public_only=True) as remote:
        port = there.url.rsplit(":", 1)[1]
        answer = await remote.request("POST", f"http://{host}:{port}", body=b"{}")
    assert answer.status is None
    assert answer.error in (REFUSED, "that is no address"), answer.error
    assert there.requests == []


async def test_a_name_that_moves_to_a_private_address_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in DNS rebinding: what counts is the address at the moment of connecting, not an earlier look-up."""
    loop = asyncio.get_running_loop()
    asked: list[str] = []

    async def getaddrinfo(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", port))]

    async with receiver() as there, Remote(public_only=True) as remote:
        port = there.url.rsplit(":", 1)[1].partition("/")[0]
        monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo, raising=False)
        answer = await remote.request("POST", f"http://moves.example.com:{port}/hook", body=b"{}")
    assert asked == ["moves.example.com"]
    assert (answer.status, there.requests) == (None, [])
    assert answer.error == REFUSED


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    async with receiver() as elsewhere:
        moved = web.Response(status=status, headers={"Location": elsewhere.url})
        async with receiver(lambda _: moved) as there, Remote(public_only=False) as remote:
            answer = await remote.request("POST", there.url, body=b"{}")
    assert answer.status == status
    assert "redirect" in (answer.error or "")
    assert elsewhere.requests == []


async def test_an_answer_that_does_not_come_is_waited_for_no_longer_than_allowed() -> None:
    async def never(_: Received) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    async with receiver(never) as there, Remote(public_only=False, seconds=0.2) as remote:
        answer = await remote.request("POST", there.url, body=b"{}")
    assert (answer.status, answer.error) == (None, "no answer in time")


async def test_an_answer_that_drips_is_cut_off() -> None:
    async with Remote(public_only=False, seconds=0.3) as remote:

        async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            while not writer.transport.is_closing():
                writer.write(b"x")
                await asyncio.sleep(0.05)

        server = await asyncio.start_server(drip, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        answer = await remote.request("GET", f"http://127.0.0.1:{port}/")
        server.close()
    assert (answer.status, answer.error) == (None, "no answer in time")


async def test_a_huge_answer_is_not_read() -> None:
    huge = web.Response(body=b"x" * 2_000_000)
    async with receiver(lambda _: huge) as there, Remote(public_only=False, largest_answer=1000) as remote:
        answer = await remote.request("GET", there.url)
    assert (answer.status, answer.body, answer.error) == (200, b"", "the answer is too large")


async def test_a_compressed_answer_is_not_blown_up() -> None:
    packed = web.Response(body=b"\x1f\x8bnot really", headers={"Content-Encoding": "gzip"})
    async with receiver(lambda _: packed) as there, Remote(public_only=False) as remote:
        answer = await remote.request("GET", there.url)
    assert answer.body == b"\x1f\x8bnot really"
    assert there.requests[0].headers["Accept-Encoding"] == "identity"


async def test_nobody_there() -> None:
    async with receiver() as there:
        pass
    async with Remote(public_only=False) as remote:
        assert (await remote.request("POST", there.url)).error == "no connection"
        assert (await remote.request("POST", "http://nobody.invalid/")).error == "the name does not resolve"


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"220 smtp.example.com ESMTP\r\n\r\n", "the answer is not HTTP"),
        (b"", "the connection was closed before all of the answer had come"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
            "the connection was closed before all of the answer had come",
        ),
    ],
)
async def test_what_is_wrong_with_an_answer_is_said_in_words(said: bytes, error: str) -> None:
    async def chat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        writer.close()

    server = await asyncio.start_server(chat, "127.0.0.1", 0)
    async with server, Remote(public_only=False) as remote:
        answer = await remote.request("GET", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    assert (answer.status, answer.error) == (None, error)


async def test_cookies_are_not_kept() -> None:
    def answer(_: Received) -> web.Response:
        return web.Response(headers={"Set-Cookie": "a=1; Path=/"})

    async with receiver(answer) as there, Remote(public_only=False) as remote:
        for _ in range(2):
            await remote.request("POST", there.url)
    assert "Cookie" not in there.requests[1].headers


async def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with receiver() as there, Remote(public_only=False) as remote:
        assert (await remote.request("POST", there.url)).status == 200


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(None, None), ("5", 5.0), ("999999", module.LONGEST_RETRY_AFTER), ("-1", None), ("soon", None), ("9" * 40, None)],
)
def test_how_long_a_receiver_wants_to_be_left_alone(text: str | None, seconds: float | None) -> None:
    assert retry_after(text) == seconds
