"""/api/v1/calls/{id}/transfers and /device: what each asks of the desk."""

from __future__ import annotations

from typing import Any

import pytest

from ctc_ari.calls.inputs import CancelTransfer, CompleteTransfer, Input, SwapTransfer
from ctc_ari.calls.model import Agent, Call, Phase, Target, Transfer, TransferState
from ctc_ari.errors import (
    AgentBusy,
    AgentNotFound,
    AgentOffline,
    AsteriskUnreachable,
    CallFailed,
    CtcError,
    DeviceUnavailable,
    InvalidNumber,
    NumberBlocked,
    TransferInProgress,
    WrongState,
)
from tests.http.asking import bearer
from tests.http.conftest import Client, World
from tests.http.fakes import (
    BORIS,
    CREATED,
    SUPERVISORS_TOKEN,
    a_call,
)

CALL = "/api/v1/calls/call-1"
TRANSFERS = f"{CALL}/transfers"
SUPERVISORS = f"{CALL}/supervisors"
TO_BORIS = {"to": "boris@example.com", "mode": "attended"}
LISTEN = {"email": BORIS.email, "mode": "whisper"}


SUPERVISING = bearer(SUPERVISORS_TOKEN)
JSON = {"Content-Type": "application/json"}


def talking(world: World, **changes: Any) -> Call:
    return world.desk.put(a_call("call-1"), **{"phase": Phase.TALKING} | changes)


def a_transfer(state: TransferState = "ringing", **changes: Any) -> Transfer:
    fields: dict[str, Any] = {
        "id": "t1",
        "mode": "attended",
        "target": Target("boris@example.com", "PJSIP/1002", BORIS),
        "state": state,
        "successor": "call-2",
        "ring_seconds": 25,
        "started_at": CREATED + 60,
        "ended_at": None if state in ("ringing", "talking") else CREATED + 70,
    }
    return Transfer(**fields | changes)


def consulting(world: World, state: TransferState = "ringing", **changes: Any) -> Call:
    phase = Phase.CONSULTING if state in ("ringing", "talking") else Phase.TALKING
    return talking(world, phase=phase, transfers=(a_transfer(state, **changes),))


async def problem(client: Client, method: str, path: str, **more: Any) -> tuple[int, str]:
    response = await client.request(method, path, **more)
    body = await response.json(content_type="application/problem+json")
    assert body["status"] == response.status
    return response.status, body["code"]


# handing over


async def test_a_transfer_is_201_with_every_key_and_its_place(client: Client, world: World) -> None:
    talking(world)
    response = await client.post(TRANSFERS, json=TO_BORIS)
    assert (response.status, response.headers["Location"]) == (201, f"{TRANSFERS}/t1")
    body = await response.json()
    assert body == {
        "id": "t1",
        "mode": "attended",
        "to": "boris@example.com",
        "agent": {"email": "boris@example.com", "name": "Boris", "extension": "1002"},
        "state": "ringing",
        "reason": None,
        "talking_with": "target",
        "by": "api",
        "started_at": "2026-03-01T09:31:00.125Z",
        "ended_at": None,
        "call_id": None,
    }
    assert world.desk.asked == [("call-1", "boris@example.com", "attended")]
    assert await (await client.get(f"{TRANSFERS}/t1")).json() == body
    assert (await (await client.get(CALL)).json())["transfer"] == body


@pytest.mark.parametrize(
    ("state", "reason", "call_id"),
    [("completed", None, "call-2"), ("cancelled", None, None), ("failed", "busy", None)],
)
async def test_a_transfer_that_is_over_is_shown_with_what_came_of_it(
    client: Client, world: World, state: TransferState, reason: str | None, call_id: str | None
) -> None:
    ended = Phase.ENDED if state == "completed" else Phase.TALKING
    talking(world, phase=ended, transfers=(a_transfer(state, reason=reason),))
    body = await (await client.get(f"{TRANSFERS}/t1")).json()
    assert (body["state"], body["reason"], body["call_id"]) == (state, reason, call_id)
    assert body["ended_at"] == "2026-03-01T09:31:10.125Z"


async def test_a_number_outside_is_nobody_we_know(client: Client, world: World) -> None:
    target = Target("+442079460999", "PJSIP/442079460999@trunk", Agent("", name="+442079460999"), outside=True)
    consulting(world, target=target, by="phone")
    body = await (await client.get(f"{TRANSFERS}/t1")).json()
    assert (body["agent"], body["to"], body["by"]) == (None, "+442079460999", "phone")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"\xff",
        b'{"to": "1002"}',
        b'{"mode": "blind"}',
        b'{"to": "", "mode": "blind"}',
        b'{"to": "1002", "mode": "warm"}',
        b'{"to": 1002, "mode": "blind"}',
        b'{"to": "1002", "mode": "blind", "now": true}',
        b'{"to": "' + b"1" * 255 + b'", "mode": "blind"}',
    ],
)
async def test_a_body_that_is_no_transfer_is_malformed(client: Client, world: World, body: bytes) -> None:
    talking(world)
    assert await problem(client, "POST", TRANSFERS, data=body, headers=JSON) == (400, "malformed")
    assert world.desk.asked == []


async def test_a_body_of_another_type_is_not_read(client: Client, world: World) -> None:
    talking(world)
    for path in (TRANSFERS, f"{CALL}/device", SUPERVISORS):
        status, _ = await problem(client, "POST", path, data=b"{}", headers=SUPERVISING)
        assert status == 415


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("POST", TRANSFERS, '{"to": "1002", "mode": "warm"}', 400, "blind or attended"),
        ("POST", f"{CALL}/device", '{"device": "fax"}', 400, "desk or web"),
        ("POST", SUPERVISORS, '{"email": "anna@example.com", "mode": "shout"}', 400, "listen, whisper or barge"),
        ("PUT", f"{SUPERVISORS}/s1", '{"mode": "shout"}', 400, "listen, whisper or barge"),
        ("POST", TRANSFERS, "to=1002", 415, "Content-Type: application/json"),
        ("POST", SUPERVISORS, '{"email": "anna@example.com"}', 403, "the right `supervise`"),
    ],
)
async def test_a_refusal_says_what_would_do(
    client: Client, world: World, method: str, path: str, body: str, status: int, words: str
) -> None:
    talking(world)
    kind = {"Content-Type": "text/plain"} if status == 415 else JSON
    headers = kind if status == 403 else {**SUPERVISING, **kind}
    response = await client.request(method, path, data=body, headers=headers)
    assert response.status == status
    assert words in (await response.json(content_type=None))["detail"]


@pytest.mark.parametrize(
    "failure",
    [
        WrongState(),
        TransferInProgress(),
        AgentBusy(),
        AgentNotFound(),
        AgentOffline(),
        DeviceUnavailable(),
        InvalidNumber(),
        NumberBlocked(),
        AsteriskUnreachable(),
    ],
    ids=lambda failure: failure.code,
)
async def test_a_transfer_that_cannot_be_says_why(client: Client, world: World, failure: CtcError) -> None:
    talking(world)
    world.desk.failure = failure
    assert await problem(client, "POST", TRANSFERS, json=TO_BORIS) == (failure.status, failure.code)


async def test_a_call_that_only_rings_is_not_transferred(client: Client, world: World) -> None:
    world.desk.put(a_call("call-1"))
    assert await problem(client, "POST", TRANSFERS, json=TO_BORIS) == (409, "wrong_state")


#: What is sent to a transfer under way, and what that is for the desk.
DECISIONS: list[tuple[str, str, Input]] = [
    ("POST", "/complete", CompleteTransfer()),
    ("POST", "/swap", SwapTransfer()),
    ("DELETE", "", CancelTransfer()),
]


@pytest.mark.parametrize(("method", "what", "wish"), DECISIONS)
@pytest.mark.parametrize("state", ["ringing", "talking"])
async def test_a_decision_reaches_the_desk_and_is_answered_204(
    client: Client, world: World, state: TransferState, method: str, what: str, wish: Input
) -> None:
    consulting(world, state)
    response = await client.request(method, f"{TRANSFERS}/t1{what}")
    assert (response.status, await response.read()) == (204, b"")
    assert world.desk.wishes == [("call-1", wish)]


@pytest.mark.parametrize(("state", "method", "what"), [("completed", "POST", "/complete"), ("cancelled", "DELETE", "")])
async def test_repeating_what_ended_a_transfer_is_harmless(
    client: Client, world: World, state: TransferState, method: str, what: str
) -> None:
    consulting(world, state)
    assert (await client.request(method, f"{TRANSFERS}/t1{what}")).status == 204
    assert world.desk.wishes == []


@pytest.mark.parametrize(
    ("state", "method", "what"),
    [
        ("completed", "DELETE", ""),
        ("completed", "POST", "/swap"),
        ("cancelled", "POST", "/complete"),
        ("cancelled", "POST", "/swap"),
        ("failed", "POST", "/complete"),
        ("failed", "POST", "/swap"),
        ("failed", "DELETE", ""),
    ],
)
async def test_what_is_over_is_not_decided_otherwise(
    client: Client, world: World, state: TransferState, method: str, what: str
) -> None:
    consulting(world, state)
    assert await problem(client, method, f"{TRANSFERS}/t1{what}") == (409, "wrong_state")
    assert world.desk.wishes == []


@pytest.mark.parametrize(("method", "what"), [("GET", ""), *((method, what) for method, what, _ in DECISIONS)])
@pytest.mark.parametrize("name", ["t2", "t", "T1", "%00", "t1%20"])
async def test_an_unknown_transfer_is_not_found(
    client: Client, world: World, method: str, what: str, name: str
) -> None:
    consulting(world)
    assert await problem(client, method, f"{TRANSFERS}/{name}{what}") == (404, "transfer_not_found")


async def test_an_earlier_transfer_is_still_shown(client: Client, world: World) -> None:
    talking(world, transfers=(a_transfer("failed", reason="busy"), a_transfer("cancelled", id="t2")))
    assert (await (await client.get(f"{TRANSFERS}/t1")).json())["reason"] == "busy"
    assert (await (await client.get(CALL)).json())["transfer"]["id"] == "t2"


@pytest.mark.parametrize("failure", [CallFailed(), AsteriskUnreachable()], ids=lambda failure: failure.code)
async def test_a_decision_that_asterisk_does_not_carry_out_says_so(
    client: Client, world: World, failure: CtcError
) -> None:
    consulting(world)
    world.desk.failure = failure
    assert await problem(client, "POST", f"{TRANSFERS}/t1/complete") == (failure.status, failure.code)


# moving


async def test_a_move_is_202_with_the_call_while_the_other_device_rings(client: Client, world: World) -> None:
    talking(world)
    response = await client.post(f"{CALL}/device", json={"device": "web"})
    body = await response.json()
    assert (response.status, body["id"], body["device"], body["moving_to"]) == (202, "call-1", "desk", "web")
    assert world.desk.asked == [("call-1", "web")]


async def test_a_reloaded_page_is_rung_again(client: Client, world: World) -> None:
    talking(world)
    assert (await client.post(f"{CALL}/device", json={"device": "web", "again": True})).status == 202
    assert world.desk.asked == [("call-1", "web", "again")]


@pytest.mark.parametrize("body", [b"", b"{}", b'{"device": "mobile"}', b'{"device": null}', b'["web"]'])
async def test_a_body_that_names_no_device_is_malformed(client: Client, world: World, body: bytes) -> None:
    talking(world)
    assert await problem(client, "POST", f"{CALL}/device", data=body, headers=JSON) == (400, "malformed")


@pytest.mark.parametrize("failure", [DeviceUnavailable(), AgentOffline(), WrongState()], ids=lambda f: f.code)
async def test_a_move_that_cannot_be_says_why(client: Client, world: World, failure: CtcError) -> None:
    talking(world)
    world.desk.failure = failure
    found = await problem(client, "POST", f"{CALL}/device", json={"device": "web"})
    assert found == (failure.status, failure.code)
