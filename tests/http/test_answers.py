"""One error shape on every route, and the headers on every answer."""

from __future__ import annotations

import pytest

from ctc_ari.errors import BadRequest, DatabaseUnreachable, LimitReached
from ctc_ari.http.answers import click_error, fault_of
from tests.http.conftest import RIGHT, Answer, Wire, World
from tests.http.fakes import TOKEN

BEARER = f"Authorization: Bearer {TOKEN}"
CALLS = "/api/v1/calls"

ROUTES = [
    ("GET", "/"),
    ("GET", "/docs"),
    ("GET", "/openapi.yaml"),
    ("GET", "/livez"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("GET", CALLS),
    ("POST", CALLS),
    ("GET", CALLS + "/call-1"),
    ("DELETE", CALLS + "/call-1"),
    ("GET", f"/ClickToCallAPI?{RIGHT}"),
]


def assert_headers(answer: Answer) -> None:
    """What every answer carries."""
    expected = {
        "Cache-Control": ["no-store"],
        "Referrer-Policy": ["no-referrer"],
        "X-Content-Type-Options": ["nosniff"],
        "Server": ["ctc-ari"],
    }
    assert {name: answer.headers.getall(name) for name in expected} == expected


def assert_problem(answer: Answer, status: int, code: str) -> None:
    """RFC 9457, with nothing in it but the five members."""
    assert_headers(answer)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert set(answer.json) == {"type", "title", "status", "detail", "code"}
    assert (answer.status, answer.json["status"], answer.json["code"]) == (status, status, code)


@pytest.mark.parametrize(("method", "target"), ROUTES)
async def test_every_route_has_the_headers_whatever_it_answers(wire: Wire, method: str, target: str) -> None:
    assert_headers(await wire.request(method, target, BEARER))
    assert_headers(await wire.request(method, target))


@pytest.mark.parametrize(
    "target",
    [
        "/nothing",
        "/api/v1",
        CALLS + "/a/b",
        "/ClickToCallAPI/",
        "/clicktocallapi",
        "//",
        "/%2e%2e/x",
        "/api%2Fv1/calls",
        "/api/v1/calls%2Fx",
    ],
)
async def test_unknown_paths(wire: Wire, target: str) -> None:
    assert_problem(await wire.request("GET", target), 404, "not_found")


@pytest.mark.parametrize("method", ["OPTIONS", "PATCH", "TRACE", "FOO"])
@pytest.mark.parametrize(
    ("target", "allowed"),
    [
        (CALLS, "GET, HEAD, POST"),
        (CALLS + "/call-1", "DELETE, GET, HEAD"),
        ("/livez", "GET, HEAD"),
        ("/readyz", "GET, HEAD"),
        ("/metrics", "GET, HEAD"),
        ("/docs", "GET, HEAD"),
        ("/openapi.yaml", "GET, HEAD"),
        ("/", "GET, HEAD"),
    ],
)
async def test_unknown_methods(wire: Wire, method: str, target: str, allowed: str) -> None:
    answer = await wire.request(method, target)
    assert_problem(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == allowed


@pytest.mark.parametrize(
    "line",
    [
        "X: y",
        "Authorization: Bearer",
        "Authorization: Bearer wrong",
        "Authorization: Bearer \x85",
        "Authorization: Bearer " + "x" * 300,
        "Authorization: Basic eDp5",
        f"{BEARER}\r\n{BEARER}",
    ],
)
@pytest.mark.parametrize(("method", "target"), [route for route in ROUTES if route[1].startswith(CALLS)])
async def test_no_good_token(wire: Wire, method: str, target: str, line: str) -> None:
    answer = await wire.request(method, target, line)
    assert_problem(answer, 401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json["detail"] == "Unauthorized due to invalid token"


@pytest.mark.parametrize(("method", "target"), [route for route in ROUTES if route[1].startswith(CALLS)])
async def test_unexpected_failures_tell_nothing(wire: Wire, world: World, method: str, target: str) -> None:
    world.directory.failure = RuntimeError("postgresql://ctc:secret@db/ctc SELECT")
    answer = await wire.request(method, target, BEARER)
    assert_problem(answer, 500, "internal_error")
    assert answer.json["detail"] == "Internal server error"


async def test_a_database_out_of_reach_says_when_to_come_back(wire: Wire, world: World) -> None:
    world.directory.failure = DatabaseUnreachable()
    answer = await wire.request("GET", CALLS, BEARER)
    assert_problem(answer, 503, "database_unreachable")
    assert answer.headers["Retry-After"] == "5"


async def test_an_unknown_expectation_is_refused_in_our_words(wire: Wire, world: World) -> None:
    assert_problem(await wire.request("GET", "/livez", "Expect: <b>tea</b>"), 417, "expectation_failed")
    click = await wire.click(RIGHT, "Expect: tea")
    assert (click.status, click.json["code"]) == (400, "expectation_failed")
    assert_headers(click)
    assert world.desk.commands == []


def test_retry_after_is_rounded_up() -> None:
    assert fault_of(LimitReached(retry_after=1.01)).headers == (("Retry-After", "2"),)


def test_a_clicks_400_says_what_is_wrong() -> None:
    response = click_error(fault_of(BadRequest("Too odd.")))
    assert response.body == b'{"status":"error","message":"Too odd.","code":"malformed"}'
