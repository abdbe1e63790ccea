"""/api/v1/erasures: administrators alone, and one customer at a time."""

from __future__ import annotations

from typing import Any

import pytest

from ctc_ari.errors import AsteriskUnreachable, Conflict, ContactNotFound, DatabaseUnreachable
from tests.http.conftest import Client, Wire, World
from tests.http.fakes import ANNAS_SESSION, ANNAS_TOKEN, LINK_TOKEN, NUMBER

ERASURES = "/api/v1/erasures"
ROUTES = (("POST", ERASURES),)


async def refused(client: Client, status: int, code: str, **more: Any) -> str:
    response = await client.post(ERASURES, **more)
    problem: dict[str, Any] = await response.json(content_type="application/problem+json")
    assert (response.status, problem["code"]) == (status, code)
    return str(problem["detail"])


@pytest.mark.parametrize(
    ("body", "whom"),
    [
        ({"contact_id": "grace"}, "grace"),
        ({"number": "020 7946 0123"}, NUMBER),
        ({"number": "+44 (0)20 7946-0123", "contact_id": None}, NUMBER),
    ],
)
async def test_a_customer_is_erased_and_told_how_much_it_was(
    client: Client, world: World, body: dict[str, Any], whom: str
) -> None:
    response = await client.post(ERASURES, json=body)
    assert response.status == 200
    assert await response.json() == {"contacts": 1, "calls": 2, "recordings": 3, "records": 4, "deliveries": 5}
    assert world.erasures.asked == [whom]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "either `contact_id` or `number`"),
        ({"contact_id": "grace", "number": NUMBER}, "either `contact_id` or `number`"),
        ({"contact_id": ""}, "`$.contact_id`"),
        ({"contact_id": "x" * 129}, "`$.contact_id`"),
        ({"number": 7}, "`$.number`"),
        ({"number": "1" * 65}, "`$.number`"),
        ({"email": "grace@example.com"}, "`email`"),
        ([], "expected `object`"),
    ],
)
async def test_a_body_that_is_no_erasure_is_told_why(client: Client, world: World, body: Any, named: str) -> None:
    assert named in await refused(client, 400, "malformed", json=body)
    assert world.erasures.asked == []


async def test_what_is_no_number_and_what_is_no_id(client: Client, world: World) -> None:
    await refused(client, 422, "invalid_number", json={"number": "grace"})
    await refused(client, 404, "contact_not_found", json={"contact_id": "a\u0000b"})
    assert world.erasures.asked == []


@pytest.mark.parametrize("token", [ANNAS_SESSION, ANNAS_TOKEN, LINK_TOKEN])
async def test_whoever_may_not_administer_erases_nobody(client: Client, world: World, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    assert "`admin`" in await refused(client, 403, "not_allowed", json={"contact_id": "grace"}, headers=headers)
    assert world.erasures.asked == []


async def test_no_token_is_refused_before_anything_else(wire: Wire) -> None:
    answer = await wire.request("POST", ERASURES, body=b"{")
    assert (answer.status, answer.json["code"]) == (401, "unauthorized")


@pytest.mark.parametrize(
    ("failure", "status"),
    [(Conflict(), 409), (ContactNotFound(), 404), (AsteriskUnreachable(), 503), (DatabaseUnreachable(), 503)],
)
async def test_what_the_store_refuses(client: Client, world: World, failure: Any, status: int) -> None:
    world.erasures.failure = failure
    await refused(client, status, failure.code, json={"contact_id": "grace"})
