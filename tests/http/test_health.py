"""/livez, /readyz and /metrics, as probes and Prometheus see them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.parser import text_string_to_metric_families

from ctc_ari.http import health
from tests.http.conftest import Server, Wire, World


async def test_the_process_lives(wire: Wire, world: World) -> None:
    world.health.parts["asterisk"] = "gone"
    answer = await wire.request("GET", "/livez")
    assert (answer.status, answer.json) == (200, {"alive": True})


async def test_everything_is_ready(wire: Wire) -> None:
    answer = await wire.request("GET", "/readyz")
    assert (answer.status, answer.json) == (200, {"ready": True, "parts": {"asterisk": "ok", "database": "ok"}})


async def test_what_is_not_ready_is_named(wire: Wire, world: World) -> None:
    world.health.parts = {"asterisk": "no event socket for 4 s", "database": None, "disk": "full"}
    answer = await wire.request("GET", "/readyz")
    assert answer.status == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Retry-After"] == "5"
    assert answer.json == {
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "asterisk: no event socket for 4 s; disk: full",
        "code": "not_ready",
        "ready": False,
        "parts": {"asterisk": "no event socket for 4 s", "database": "ok", "disk": "full"},
    }


async def test_a_check_that_breaks_is_not_ready(wire: Wire, world: World) -> None:
    world.health.failure = RuntimeError("postgresql://secret")
    answer = await wire.request("GET", "/readyz")
    assert (answer.status, answer.json["parts"]) == (503, {"check": "failed; see the log"})


async def test_a_check_that_hangs_is_not_ready(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang() -> Mapping[str, str | None]:
        await asyncio.sleep(60)
        return {}

    monkeypatch.setattr(health, "DEADLINE", 0.05)
    async with Server(world.services(check=hang)) as server:
        assert server.port
        answer = await Wire(server.port).request("GET", "/readyz")
    assert (answer.status, answer.json["parts"]) == (503, {"check": "no answer within 0.05 s"})


async def test_metrics_are_prometheus_text_with_everything_registered(world: World) -> None:
    registry = CollectorRegistry()
    Gauge("ctc_live_calls", "Live calls.", registry=registry).set(7)
    async with Server(world.services(registry=registry)) as server:
        assert server.port
        wire = Wire(server.port)
        await wire.click()
        answer = await wire.request("GET", "/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    families = {family.name: family for family in text_string_to_metric_families(answer.body.decode())}
    assert families["ctc_live_calls"].samples[0].value == 7
    assert families["ctc_http_requests"].samples[0].labels["route"] == "/ClickToCallAPI"


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
async def test_probes_may_use_head(wire: Wire, path: str) -> None:
    assert (await wire.request("HEAD", path)).status == 200
