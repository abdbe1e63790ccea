"""/api/v1/calls/{id}/… over a real socket: wishes reach the desk, and nobody else's call."""

from __future__ import annotations

from typing import Any

import pytest

from ctc_ari.calls.inputs import Input, SendDtmf, SetHeld, SetMuted, SetRecording
from ctc_ari.calls.model import Phase
from ctc_ari.errors import AsteriskUnreachable, CallFailed, CtcError, RecordingNotFound
from tests.http.conftest import Client, World
from tests.http.fakes import ANNAS_TOKEN, BORIS, a_call

CALL = "/api/v1/calls/call-1"
ROUTES = [
    ("PUT", "mute", None, SetMuted(True)),
    ("DELETE", "mute", None, SetMuted(False)),
    ("PUT", "hold", None, SetHeld(True)),
    ("DELETE", "hold", None, SetHeld(False)),
    ("PUT", "recording", None, SetRecording("on")),
    ("PUT", "recording", {"paused": True}, SetRecording("paused")),
    ("PUT", "recording", {"paused": False}, SetRecording("on")),
    ("DELETE", "recording", None, SetRecording("off")),
    ("POST", "dtmf", {"digits": "12#*A"}, SendDtmf("12#*A")),
]


def talking(world: World, **changes: Any) -> None:
    world.desk.put(a_call("call-1"), phase=Phase.TALKING, **changes)


@pytest.mark.parametrize(("method", "what", "body", "wish"), ROUTES)
async def test_a_wish_reaches_the_desk_and_is_answered_204(
    client: Client, world: World, method: str, what: str, body: Any, wish: Input
) -> None:
    talking(world)
    response = await client.request(method, f"{CALL}/{what}", json=body)
    assert (response.status, await response.read()) == (204, b"")
    assert world.desk.wishes == [("call-1", wish)]


@pytest.mark.parametrize(("method", "what", "body", "wish"), ROUTES)
async def test_another_agents_call_does_not_exist_for_a_bound_token(
    client: Client, world: World, method: str, what: str, body: Any, wish: Input
) -> None:
    talking(world, agent=BORIS)
    headers = {"Authorization": f"Bearer {ANNAS_TOKEN}"}
    response = await client.request(method, f"{CALL}/{what}", json=body, headers=headers)
    problem = await response.json(content_type="application/problem+json")
    assert (response.status, problem["code"]) == (404, "call_not_found")
    assert world.desk.wishes == []


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("dtmf", b""),
        ("dtmf", b"{}"),
        ("dtmf", b'{"digits": ""}'),
        ("dtmf", b'{"digits": "12x"}'),
        ("dtmf", b'{"digits": "1", "more": 1}'),
        ("dtmf", b"\xff"),
        ("recording", b'{"paused": "yes"}'),
        ("recording", b'{"pause": true}'),
    ],
)
async def test_a_malformed_body_is_refused(client: Client, world: World, what: str, body: bytes) -> None:
    talking(world)
    response = await client.request("POST" if what == "dtmf" else "PUT", f"{CALL}/{what}", data=body)
    problem = await response.json(content_type="application/problem+json")
    assert (response.status, problem["code"]) == (400, "malformed")
    assert world.desk.wishes == []


async def test_a_wish_outside_a_conversation_is_in_the_wrong_state(client: Client, world: World) -> None:
    world.desk.put(a_call("call-1"))
    response = await client.put(f"{CALL}/mute")
    problem = await response.json(content_type="application/problem+json")
    assert (response.status, problem["code"]) == (409, "wrong_state")


@pytest.mark.parametrize("failure", [CallFailed(), AsteriskUnreachable()])
async def test_a_wish_that_asterisk_does_not_grant_says_so(client: Client, world: World, failure: CtcError) -> None:
    talking(world)
    world.desk.failure = failure
    response = await client.put(f"{CALL}/hold")
    problem = await response.json(content_type="application/problem+json")
    assert (response.status, problem["code"]) == (failure.status, failure.code)


async def test_a_finished_recording_is_streamed(client: Client, world: World) -> None:
    talking(world, recordings=2, recording="on")
    response = await client.get(f"{CALL}/recordings/1")
    assert (response.status, response.content_type) == (200, "audio/wav")
    assert response.headers["Cache-Control"] == "no-store"
    assert await response.read() == b"RIFFcall-1-1"


@pytest.mark.parametrize("number", ["0", "2", "3", "x", "-1", "99999999999999999999"])
async def test_a_recording_that_is_not_there_or_not_finished_is_not_found(
    client: Client, world: World, number: str
) -> None:
    talking(world, recordings=2, recording="paused")
    response = await client.get(f"{CALL}/recordings/{number}")
    problem = await response.json(content_type="application/problem+json")
    assert (response.status, problem["code"]) == (404, "recording_not_found")


@pytest.mark.parametrize("failure", [RecordingNotFound(), AsteriskUnreachable()])
async def test_a_recording_that_cannot_be_had_is_an_error_and_not_an_empty_file(
    client: Client, world: World, failure: CtcError
) -> None:
    talking(world, recordings=1)
    world.recordings.failure = failure
    response = await client.get(f"{CALL}/recordings/1")
    problem = await response.json(content_type="application/problem+json")
    assert (response.status, problem["code"]) == (failure.status, failure.code)
