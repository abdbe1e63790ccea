"""What is written down about a request: one log line and two metrics, without its query, its token or its number."""

from __future__ import annotations

import ipaddress
import re
import traceback
from collections.abc import Sequence
from time import perf_counter

import structlog
from aiohttp import hdrs, web
from prometheus_client import CollectorRegistry, Counter, Histogram

__all__ = ["UNMATCHED", "ClientAddress", "Observer", "log_unexpected", "redact", "template_of"]

UNMATCHED = "unmatched"
#: Asked for every few seconds; they would bury the rest.
QUIET = frozenset({"/livez", "/readyz", "/metrics"})
METHODS = hdrs.METH_ALL
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

log = structlog.get_logger("ctc_ari.http")

_SECRETS = re.compile(r"(?i)ctcs?_[0-9a-z]+_[\w%-]+|bearer\s+[^\s'\"]+|token=[^\s&'\"]+|\+?\d[\d ().-]{6,}\d")


def redact(text: str) -> str:
    """The text without tokens and numbers."""
    return _SECRETS.sub("[redacted]", text)


def log_unexpected(event: str, error: BaseException, **fields: object) -> None:
    """A traceback as plain text: a prettier one would print local variables, and tokens with them."""
    log.error(event, traceback=redact("".join(traceback.format_exception(error))), **fields)


def template_of(request: web.Request) -> str:
    """`/api/v1/calls/{id}`, never the path that was sent."""
    resource = request.match_info.route.resource
    return UNMATCHED if resource is None else resource.canonical


class ClientAddress:
    """Who is at the other end, behind however many proxies of ours."""

    def __init__(self, trusted_proxies: Sequence[str]) -> None:
        self._trusted = tuple(ipaddress.ip_network(proxy, strict=False) for proxy in trusted_proxies)

    def of(self, request: web.BaseRequest) -> str:
        """The last address in `X-Forwarded-For` that no trusted proxy of ours has; the peer's if there is none."""
        client = request.remote or "local"
        if not self._trusted or not request.headers or not self._trusts(client):
            return client
        forwarded = ",".join(request.headers.getall(hdrs.X_FORWARDED_FOR, ()))
        for entry in reversed(forwarded.split(",")):
            try:
                client = str(ipaddress.ip_address(entry.strip()))
            except ValueError:
                # Whatever stands left of it was not written by a proxy of ours.
                break
            if not self._trusts(client):
                break
        return client

    def _trusts(self, text: str) -> bool:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        return any(address in network for network in self._trusted)


class Observer:
    """Counts, times and logs finished requests."""

    def __init__(self, registry: CollectorRegistry, trusted_proxies: Sequence[str]) -> None:
        self._client = ClientAddress(trusted_proxies)
        self._requests = Counter(
            "ctc_http_requests", "HTTP requests answered.", ("route", "method", "status"), registry=registry
        )
        self._seconds = Histogram(
            "ctc_http_request_duration_seconds",
            "From the request's headers to its answer.",
            ("route", "method"),
            buckets=BUCKETS,
            registry=registry,
        )
        #: Looking a labelled child up costs more than counting with it.
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def finished(self, request: web.BaseRequest, route: str, method: str, status: int, started: float) -> None:
        """`started` is a `perf_counter()`."""
        seconds = perf_counter() - started
        if method not in METHODS:
            # A label that clients could invent would grow without end.
            method = "other"
        key = (route, method, status)
        children = self._children.get(key)
        if children is None:
            children = self._requests.labels(route, method, str(status)), self._seconds.labels(route, method)
            self._children[key] = children
        children[0].inc()
        children[1].observe(seconds)
        write = log.debug if route in QUIET else log.info
        write(
            "request",
            method=method,
            route=route,
            status=status,
            duration_ms=round(seconds * 1000, 2),
            client=self._client.of(request),
        )
