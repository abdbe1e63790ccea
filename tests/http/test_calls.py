"""/api/v1/calls over a real socket."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ctc_ari.calls.commands import PlaceCall
from ctc_ari.calls.model import Contact, EndReason, Phase
from ctc_ari.errors import (
    AgentBusy,
    AgentOffline,
    AsteriskUnreachable,
    CallFailed,
    CtcError,
    DatabaseUnreachable,
    DeviceUnavailable,
    LimitReached,
)
from ctc_ari.http.moments import moment
from tests.http.conftest import Client, Wire, World
from tests.http.fakes import ANNA, ANNAS_TOKEN, BORIS, CREATED, NEWCOMER, NUMBER, TOKEN, a_call

CALLS = "/api/v1/calls"
NEW = {"to": "020 7946 0123", "email": "anna@example.com"}
BOUND = {"Authorization": f"Bearer {ANNAS_TOKEN}"}
JSON = {"Content-Type": "application/json"}

EXAMPLE_LTD = {"id": "c-1", "name": "Example Ltd", "company": None, "email": None, "url": None}


async def refused(client: Client, body: Any, status: int, code: str, **headers: str) -> dict[str, Any]:
    """The problem that a POST ends in."""
    response = await client.post(CALLS, json=body, headers=headers)
    problem: dict[str, Any] = await response.json(content_type="application/problem+json")
    assert (response.status, problem["code"]) == (status, code)
    return problem


# POST


async def test_a_new_call_is_shown_with_every_key(client: Client, world: World) -> None:
    response = await client.post(CALLS, json=NEW)
    assert response.status == 201
    assert response.headers["Location"] == f"{CALLS}/call-1"
    assert await response.json() == {
        "id": "call-1",
        "direction": "outbound",
        "state": "ringing_agent",
        "agent": {"email": "anna@example.com", "name": "Anna Berg", "extension": "1001"},
        "device": "desk",
        "contact": None,
        "number": NUMBER,
        "muted": False,
        "held": False,
        "recording": False,
        "recordings": [],
        "transfer": None,
        "transferred_from": None,
        "moving_to": None,
        "supervisors": [],
        "did": None,
        "rung": [],
        "missed": False,
        "created_at": "2026-03-01T09:30:00.125Z",
        "agent_answered_at": None,
        "answered_at": None,
        "ended_at": None,
        "end_reason": None,
        "ended_by": None,
    }
    assert world.desk.commands == [PlaceCall(ANNA, NUMBER)]


async def test_a_call_to_a_contact_uses_its_first_number(client: Client, world: World) -> None:
    response = await client.post(CALLS, json={"contact_id": "c-1", "email": ANNA.email, "device": "web"})
    assert response.status == 201
    assert (await response.json())["contact"] == EXAMPLE_LTD
    assert world.desk.commands == [PlaceCall(ANNA, NUMBER, "web", Contact("c-1", "Example Ltd"))]


async def test_to_and_contact_together_call_another_number_of_that_contact(client: Client, world: World) -> None:
    response = await client.post(CALLS, json={"to": "02079460999", "contact_id": "c-1", "email": ANNA.email})
    assert response.status == 201
    assert world.desk.commands == [PlaceCall(ANNA, "+442079460999", None, Contact("c-1", "Example Ltd"))]


async def test_a_duplicate_is_200_with_the_same_call(client: Client, world: World) -> None:
    await client.post(CALLS, json=NEW)
    world.desk.duplicate = True
    response = await client.post(CALLS, json=NEW)
    assert (response.status, (await response.json())["id"]) == (200, "call-1")


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (NEW | {"phone": "1"}, "`phone`"),
        (NEW | {"to": 44}, "`$.to`"),
        (NEW | {"email": ""}, "`$.email`"),
        (NEW | {"device": "toaster"}, "`$.device`"),
        ({"to": NUMBER}, "`email`"),
        ({"email": ANNA.email}, "`to` or `contact_id`"),
        ({"email": "a\u0000", "to": NUMBER}, "`email`"),
        ({"email": ANNA.email, "contact_id": "\u0000"}, "`contact_id`"),
        ([], "expected `object`"),
        (NEW | {"x" * 5000: 1}, "unknown field"),
    ],
)
async def test_a_body_that_is_not_a_new_call_is_told_why(client: Client, world: World, body: Any, named: str) -> None:
    problem = await refused(client, body, 400, "malformed")
    assert named in problem["detail"]
    assert len(problem["detail"]) < 300
    assert world.desk.commands == []


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"\xff\xfe{}", b'{"email":"\xff"}', b'{"email":"\\ud800","to":"1"}', b"[" * 30000, b"null"]
)
async def test_a_body_that_is_not_json(client: Client, raw: bytes) -> None:
    response = await client.post(CALLS, data=raw, headers=JSON)
    assert (response.status, (await response.json(content_type=None))["code"]) == (400, "malformed")


@pytest.mark.parametrize(
    "declared", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "x"]
)
async def test_a_body_of_another_type(client: Client, declared: str) -> None:
    response = await client.post(CALLS, data=b"{}", headers={"Content-Type": declared})
    assert (response.status, (await response.json(content_type=None))["code"]) == (415, "unsupported_media_type")


async def test_a_body_without_a_type_is_read_as_json(wire: Wire) -> None:
    body = b'{"to":"02079460123","email":"anna@example.com"}'
    assert (await wire.request("POST", CALLS, f"Authorization: Bearer {TOKEN}", body=body)).status == 201


async def test_a_body_beyond_64_kib(client: Client) -> None:
    await refused(client, NEW | {"to": "1" * 66_000}, 413, "too_large")


async def test_a_body_that_is_not_what_its_encoding_says(client: Client) -> None:
    response = await client.post(CALLS, data=b"no gzip", headers=JSON | {"Content-Encoding": "gzip"})
    assert (response.status, (await response.json(content_type=None))["code"]) == (400, "malformed")


async def test_no_token_is_refused_before_the_body_is_looked_at(wire: Wire) -> None:
    answer = await wire.request("POST", CALLS, body=b"{")
    assert (answer.status, answer.json["code"]) == (401, "unauthorized")


async def test_a_bound_token_may_not_ring_others(client: Client, world: World) -> None:
    await refused(client, NEW | {"email": BORIS.email}, 403, "not_allowed", **BOUND)
    assert world.desk.commands == []


async def test_a_bound_token_rings_its_own_agent(client: Client) -> None:
    assert (await client.post(CALLS, json=NEW | {"email": "Anna@Example.com"}, headers=BOUND)).status == 201


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"to": "abc"}, 422, "invalid_number"),
        ({"to": "+449098790123"}, 422, "number_blocked"),
        ({"to": None, "contact_id": "c-premium"}, 422, "number_blocked"),
        ({"to": None, "contact_id": "c-none"}, 404, "contact_not_found"),
        ({"contact_id": "c-unknown"}, 404, "contact_not_found"),
        ({"email": "nobody@example.com"}, 404, "agent_not_found"),
        ({"email": NEWCOMER.email}, 404, "no_extension"),
    ],
)
async def test_what_cannot_be_called(
    client: Client, world: World, change: dict[str, Any], status: int, code: str
) -> None:
    await refused(client, NEW | change, status, code)
    assert world.desk.commands == []


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (AgentBusy(), 409),
        (AgentOffline(), 422),
        (DeviceUnavailable(), 422),
        (LimitReached(retry_after=2.5), 429),
        (CallFailed(), 502),
        (AsteriskUnreachable(), 503),
        (DatabaseUnreachable(), 503),
    ],
)
async def test_a_refusal_of_the_desk(client: Client, world: World, failure: CtcError, status: int) -> None:
    world.desk.failure = failure
    response = await client.post(CALLS, json=NEW)
    assert (response.status, (await response.json(content_type=None))["code"]) == (status, failure.code)
    expected = {429: "3", 503: "5"}.get(status)
    assert response.headers.get("Retry-After") == expected


# Idempotency-Key


async def test_a_repeated_key_leads_to_the_same_call(client: Client, world: World) -> None:
    first = await client.post(CALLS, json=NEW, headers={"Idempotency-Key": "k1"})
    again = await client.post(CALLS, json=dict(reversed(NEW.items())), headers={"Idempotency-Key": "k1"})
    assert (first.status, again.status) == (201, 201)
    assert (await first.json()) == (await again.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]
    assert "Idempotent-Replayed" not in first.headers
    assert len(world.desk.commands) == 1


async def test_a_repeated_key_shows_the_call_as_it_is_now(client: Client, world: World) -> None:
    await client.post(CALLS, json=NEW, headers={"Idempotency-Key": "k1"})
    await client.delete(f"{CALLS}/call-1")
    again = await client.post(CALLS, json=NEW, headers={"Idempotency-Key": "k1"})
    assert (again.status, (await again.json())["state"]) == (201, "ended")


async def test_a_key_for_another_request_is_refused(client: Client) -> None:
    await client.post(CALLS, json=NEW, headers={"Idempotency-Key": "k1"})
    await refused(client, NEW | {"device": "web"}, 409, "idempotency_key_reused", **{"Idempotency-Key": "k1"})


async def test_two_tokens_may_use_the_same_key(client: Client, world: World) -> None:
    await client.post(CALLS, json=NEW, headers={"Idempotency-Key": "k1"})
    await client.post(CALLS, json=NEW, headers={"Idempotency-Key": "k1"} | BOUND)
    assert len(world.desk.commands) == 2


async def test_a_refused_call_frees_its_key(client: Client, world: World) -> None:
    world.desk.failure = AgentBusy()
    await refused(client, NEW, 409, "agent_busy", **{"Idempotency-Key": "k1"})
    world.desk.failure = None
    response = await client.post(CALLS, json=NEW, headers={"Idempotency-Key": "k1"})
    assert response.status == 201
    assert "Idempotent-Replayed" not in response.headers


async def test_after_an_unknown_failure_the_key_stays_taken_because_a_phone_may_ring(
    client: Client, world: World
) -> None:
    world.desk.failure = RuntimeError()
    await refused(client, NEW, 500, "internal_error", **{"Idempotency-Key": "k1"})
    world.desk.failure = None
    await refused(client, NEW, 409, "idempotency_key_reused", **{"Idempotency-Key": "k1"})


async def test_a_ringing_call_is_reported_even_if_its_key_could_not_be_kept(client: Client, world: World) -> None:
    world.keys.failure = DatabaseUnreachable()
    response = await client.post(CALLS, json=NEW, headers={"Idempotency-Key": "k1"})
    assert (response.status, (await response.json())["id"]) == (201, "call-1")


async def test_a_refusal_is_told_even_if_its_key_could_not_be_freed(client: Client, world: World) -> None:
    world.keys.failure, world.desk.failure = DatabaseUnreachable(), AgentBusy()
    await refused(client, NEW, 409, "agent_busy", **{"Idempotency-Key": "k1"})


@pytest.mark.parametrize("key", ["", "k" * 256, "\x7f", "ü"])
async def test_an_unreadable_key(wire: Wire, world: World, key: str) -> None:
    lines = (f"Authorization: Bearer {TOKEN}", f"Idempotency-Key: {key}")
    answer = await wire.request("POST", CALLS, *lines, body=b'{"to":"02079460123","email":"anna@example.com"}')
    assert (answer.status, answer.json["code"]) == (400, "malformed")
    assert world.desk.commands == []


async def test_two_keys(wire: Wire) -> None:
    lines = (f"Authorization: Bearer {TOKEN}", "Idempotency-Key: a", "Idempotency-Key: b")
    answer = await wire.request("POST", CALLS, *lines, body=b'{"to":"02079460123","email":"anna@example.com"}')
    assert (answer.status, answer.json["code"]) == (400, "malformed")


# GET


async def test_live_calls_oldest_first(client: Client, world: World) -> None:
    for call_id in ("b", "a"):
        world.desk.put(a_call(call_id))
    world.desk.put(a_call("gone"), phase=Phase.ENDED)
    response = await client.get(CALLS)
    assert response.status == 200
    assert [call["id"] for call in (await response.json())["calls"]] == ["b", "a"]


async def test_a_bound_token_sees_its_own_agents_calls_only(client: Client, world: World) -> None:
    world.desk.put(a_call("annas"))
    world.desk.put(a_call("boris", PlaceCall(BORIS, NUMBER)))
    calls = (await (await client.get(CALLS, headers=BOUND)).json())["calls"]
    assert [call["id"] for call in calls] == ["annas"]


async def test_an_ended_call_is_found_with_its_times(client: Client, world: World) -> None:
    world.desk.put(
        a_call("x"),
        phase=Phase.ENDED,
        agent_answered_at=CREATED + 1,
        answered_at=CREATED + 2,
        ended_at=CREATED + 60,
        end_reason=EndReason.CUSTOMER_HANGUP,
        ended_by="customer",
        contact=Contact("c-1", "Example Ltd"),
    )
    call = await (await client.get(f"{CALLS}/x")).json()
    assert call["state"] == "ended"
    assert call["agent_answered_at"] == "2026-03-01T09:30:01.125Z"
    assert call["answered_at"] == "2026-03-01T09:30:02.125Z"
    assert call["ended_at"] == "2026-03-01T09:31:00.125Z"
    assert (call["end_reason"], call["ended_by"]) == ("customer_hangup", "customer")
    assert call["contact"] == EXAMPLE_LTD


@pytest.mark.parametrize("call_id", ["unknown", "%00", "%FF", "a" * 129, "%F0%9F%98%80"])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_an_unknown_call(wire: Wire, call_id: str, method: str) -> None:
    answer = await wire.request(method, f"{CALLS}/{call_id}", f"Authorization: Bearer {TOKEN}")
    assert (answer.status, answer.json["code"]) == (404, "call_not_found")


async def test_somebody_elses_call_looks_like_no_call(client: Client, world: World) -> None:
    world.desk.put(a_call("boris", PlaceCall(BORIS, NUMBER)))
    for method in ("GET", "DELETE"):
        hidden = await client.request(method, f"{CALLS}/boris", headers=BOUND)
        absent = await client.request(method, f"{CALLS}/absent", headers=BOUND)
        assert (hidden.status, await hidden.read()) == (404, await absent.read())
    assert world.desk.calls["boris"].live


@pytest.mark.parametrize(
    ("at", "text"),
    [(0, "1970-01-01T00:00:00.000Z"), (1.9999999, "1970-01-01T00:00:02.000Z"), (1.0019, "1970-01-01T00:00:01.001Z")],
)
def test_times_have_milliseconds(at: float, text: str) -> None:
    assert moment(at) == text


# DELETE


async def test_hanging_up_twice_is_204_twice(client: Client, world: World) -> None:
    await client.post(CALLS, json=NEW)
    for _ in range(2):
        response = await client.delete(f"{CALLS}/call-1")
        assert (response.status, await response.read()) == (204, b"")
    assert world.desk.calls["call-1"].end_reason is EndReason.CANCELLED


async def test_parallel_requests_do_not_mix(client: Client, world: World) -> None:
    responses = await asyncio.gather(*(client.post(CALLS, json=NEW) for _ in range(50)))
    assert len({(await response.json())["id"] for response in responses}) == 50
