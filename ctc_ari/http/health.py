"""Whether the process lives, whether it can place calls, and its metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from ctc_ari.http.answers import UNAVAILABLE_RETRY, json_answer
from ctc_ari.http.observe import log_unexpected
from ctc_ari.http.services import Services

__all__ = ["Health"]

#: Seconds the check may take; an orchestrator gives up on a probe not much later.
DEADLINE = 3.0


class Alive(msgspec.Struct, frozen=True):
    """The body of /livez."""

    alive: bool


class Ready(msgspec.Struct, frozen=True):
    """The body of /readyz when everything is fine; a part that is fine says `ok`."""

    ready: bool
    parts: dict[str, str]


class NotReady(msgspec.Struct, frozen=True):
    """The body of /readyz otherwise: an RFC 9457 problem with `parts` as its extension."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    ready: bool
    parts: dict[str, str]


class Health:
    """The handlers; none of them needs a token."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def routes(self) -> list[web.RouteDef]:
        """Where Kubernetes and Prometheus look for them."""
        return [
            web.get("/livez", self.alive),
            web.get("/readyz", self.ready),
            web.get("/metrics", self.metrics),
        ]

    async def alive(self, request: web.Request) -> web.Response:
        """200 as long as the event loop turns."""
        return json_answer(Alive(True))

    async def ready(self, request: web.Request) -> web.Response:
        """200, or 503 that names the parts that fail."""
        parts = await self._parts()
        failing = [f"{part}: {wrong}" for part, wrong in parts.items() if wrong is not None]
        shown = {part: wrong or "ok" for part, wrong in parts.items()}
        if not failing:
            return json_answer(Ready(True, shown))
        body = NotReady(
            "about:blank", "Service Unavailable", 503, "; ".join(failing), "not_ready", ready=False, parts=shown
        )
        return web.Response(
            body=msgspec.json.encode(body),
            status=503,
            content_type="application/problem+json",
            headers={"Retry-After": str(UNAVAILABLE_RETRY)},
        )

    async def _parts(self) -> Mapping[str, str | None]:
        try:
            async with asyncio.timeout(DEADLINE):
                return await self._services.check()
        except TimeoutError:
            return {"check": f"no answer within {DEADLINE:g} s"}
        except Exception as error:  # noqa: BLE001 - a check that breaks is a part that fails
            log_unexpected("readiness check failed", error)
            return {"check": "failed; see the log"}

    async def metrics(self, request: web.Request) -> web.Response:
        """The registry in Prometheus' text format."""
        return web.Response(
            body=generate_latest(self._services.registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )
