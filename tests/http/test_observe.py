"""The access log and the metrics: enough to see what happens, nothing that must stay secret."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict
from prometheus_client import CollectorRegistry

from ctc_ari.http.observe import ClientAddress, redact
from tests.http.conftest import RIGHT, Lines, Server, Wire, World
from tests.http.fakes import ANNA, ANNAS_SESSION, NUMBER, TOKEN


async def test_a_click_is_logged_without_its_query(wire: Wire, lines: Lines) -> None:
    await wire.click()
    (line,) = lines
    assert line.pop("duration_ms") >= 0
    assert line == {
        "event": "request",
        "log_level": "info",
        "method": "GET",
        "route": "/ClickToCallAPI",
        "status": 200,
        "client": "127.0.0.1",
    }


@pytest.mark.parametrize(
    ("method", "target", "route", "status"),
    [
        ("GET", f"/api/v1/calls/{NUMBER}", "/api/v1/calls/{id}", 404),
        ("GET", f"/{TOKEN}", "unmatched", 404),
        ("PUT", f"/api/v1/calls/{TOKEN}", "/api/v1/calls/{id}", 405),
        ("POST", f"/ClickToCallAPI?{RIGHT}", "/ClickToCallAPI", 405),
        ("BREW", f"/ClickToCallAPI?{RIGHT}", "/ClickToCallAPI", 405),
    ],
)
async def test_a_line_names_the_route_and_never_the_path(
    wire: Wire, lines: Lines, method: str, target: str, route: str, status: int
) -> None:
    await wire.request(method, target, f"Authorization: Bearer {TOKEN}")
    assert [(line["route"], line["status"]) for line in lines] == [(route, status)]
    assert TOKEN not in repr(lines)
    assert NUMBER not in repr(lines)


async def test_an_unexpected_failure_is_logged_with_its_traceback_and_without_secrets(
    wire: Wire, world: World, lines: Lines
) -> None:
    world.desk.failure = RuntimeError(f"no luck with {TOKEN} for {NUMBER}")
    await wire.click()
    failure, request = lines
    assert (failure["event"], failure["log_level"], failure["route"]) == ("request failed", "error", "/ClickToCallAPI")
    assert "RuntimeError: no luck with [redacted] for [redacted]" in failure["traceback"]
    assert "in place" in failure["traceback"]
    assert request["status"] == 500
    assert TOKEN not in repr(lines)


async def test_probes_are_logged_quietly(wire: Wire, lines: Lines) -> None:
    for path in ("/livez", "/readyz", "/metrics"):
        await wire.request("GET", path)
    assert {line["log_level"] for line in lines} == {"debug"}


async def test_requests_are_counted_by_template(world: World) -> None:
    registry = CollectorRegistry()
    async with Server(world.services(registry=registry)) as server:
        assert server.port
        wire = Wire(server.port)
        await wire.click()
        await wire.click("")
        for call_id in ("a", "b"):
            await wire.request("GET", f"/api/v1/calls/{call_id}", f"Authorization: Bearer {TOKEN}")
        await wire.request("INVENTED", "/livez")
        await wire.request("PROPFIND", "/livez")

    def count(route: str, method: str, status: str) -> float | None:
        labels = {"route": route, "method": method, "status": status}
        return registry.get_sample_value("ctc_http_requests_total", labels)

    assert count("/ClickToCallAPI", "GET", "200") == 1
    assert count("/ClickToCallAPI", "GET", "400") == 1
    assert count("/api/v1/calls/{id}", "GET", "404") == 2
    assert count("/livez", "other", "405") == 2
    labels = {"route": "/ClickToCallAPI", "method": "GET"}
    assert registry.get_sample_value("ctc_http_request_duration_seconds_count", labels) == 2


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "client"),
    [
        ((), "10.0.0.1", ["198.51.100.7"], "10.0.0.1"),
        (("10.0.0.0/8",), "192.0.2.1", ["198.51.100.7"], "192.0.2.1"),
        (("10.0.0.0/8",), "10.0.0.1", [], "10.0.0.1"),
        (("10.0.0.0/8",), "10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        (("10.0.0.0/8",), "10.0.0.1", ["203.0.113.9, 198.51.100.7, 10.0.0.2"], "198.51.100.7"),
        (("10.0.0.0/8",), "10.0.0.1", ["203.0.113.9", "198.51.100.7"], "198.51.100.7"),
        (("10.0.0.0/8",), "10.0.0.1", [f"{TOKEN}, 10.0.0.3"], "10.0.0.3"),
        (("::1",), "::1", ["2001:db8::7"], "2001:db8::7"),
    ],
)
def test_only_our_own_proxies_are_believed(
    trusted: tuple[str, ...], peer: str, forwarded: list[str], client: str
) -> None:
    headers = CIMultiDict([("X-Forwarded-For", value) for value in forwarded] + [("Host", "t")])
    request = make_mocked_request("GET", "/", headers=headers).clone(remote=peer)
    assert ClientAddress(trusted).of(request) == client


@pytest.mark.parametrize(
    "secret",
    [
        TOKEN,
        ANNAS_SESSION,
        f"ctc.bearer.{ANNAS_SESSION}",
        f"token={TOKEN}&",
        "Bearer abc",
        NUMBER,
        "020 7946 0123",
        "token=anything",
        f"{TOKEN[:20]}%41{TOKEN[20:]}",
    ],
)
def test_secrets_are_redacted(secret: str) -> None:
    assert secret not in redact(f"failed: {secret} for {ANNA.email}")
    assert ANNA.email in redact(f"failed: {secret} for {ANNA.email}")
