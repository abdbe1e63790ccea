"""/api/v1/calls/{id}/supervisors: who listens in on whom, and who may ask for it."""

from __future__ import annotations

from typing import Any

import pytest

from ctc_ari.calls.inputs import StopSupervising, Supervise
from ctc_ari.calls.leg import Leg, LegStage
from ctc_ari.calls.model import Phase, Supervisor
from ctc_ari.errors import (
    AgentBusy,
    AgentOffline,
    CtcError,
    DeviceUnavailable,
    WrongState,
)
from tests.http.asking import bearer
from tests.http.conftest import Client, World
from tests.http.fakes import (
    ANNA,
    ANNAS_SESSION,
    ANNAS_TOKEN,
    BORIS,
    BOUND_SUPERVISORS_TOKEN,
    SUPERVISORS_TOKEN,
)
from tests.http.test_transfers import CALL, JSON, problem, talking

SUPERVISORS = f"{CALL}/supervisors"
LISTEN = {"email": BORIS.email, "mode": "whisper"}
SUPERVISING = bearer(SUPERVISORS_TOKEN)


async def test_a_supervisor_is_201_while_her_phone_rings_and_then_seen_in_the_call(
    client: Client, world: World
) -> None:
    talking(world)
    response = await client.post(SUPERVISORS, json=LISTEN, headers=SUPERVISING)
    assert (response.status, response.headers["Location"]) == (201, f"{SUPERVISORS}/s1")
    body = await response.json()
    agent = {"email": "boris@example.com", "name": "Boris", "extension": "1002"}
    assert body == {"id": "s1", "agent": agent, "mode": "whisper", "state": "ringing"}
    assert world.desk.asked == [("call-1", BORIS.email, "whisper")]
    assert (await (await client.get(CALL)).json())["supervisors"] == [body]


async def test_she_listens_when_nothing_else_is_said_and_has_joined_once_she_answered(
    client: Client, world: World
) -> None:
    talking(world)
    await client.post(SUPERVISORS, json={"email": BORIS.email}, headers=SUPERVISING)
    leg = Leg("call-1.x001", "PJSIP/1002", LegStage.UP, "supervisor:s1")
    world.desk.put(world.desk.calls["call-1"], others=(leg,))
    (supervisor,) = (await (await client.get(CALL)).json())["supervisors"]
    assert (supervisor["mode"], supervisor["state"]) == ("listen", "joined")


async def test_her_mode_is_changed_and_she_leaves(client: Client, world: World) -> None:
    talking(world, supervisors=(Supervisor("s1", BORIS, "listen", 1),))
    response = await client.put(f"{SUPERVISORS}/s1", json={"mode": "barge"}, headers=SUPERVISING)
    assert (response.status, await response.read()) == (204, b"")
    response = await client.delete(f"{SUPERVISORS}/s1", headers=SUPERVISING)
    assert (response.status, await response.read()) == (204, b"")
    assert world.desk.wishes == [("call-1", Supervise("s1", BORIS, "", "barge")), ("call-1", StopSupervising("s1"))]


#: Method, path and body of each route that only supervisors may use.
LISTENING: list[tuple[str, str, Any]] = [
    ("POST", SUPERVISORS, LISTEN),
    ("PUT", f"{SUPERVISORS}/s1", {"mode": "listen"}),
    ("DELETE", f"{SUPERVISORS}/s1", None),
]


@pytest.mark.parametrize(("method", "path", "body"), LISTENING)
@pytest.mark.parametrize("token", [None, ANNAS_TOKEN, ANNAS_SESSION], ids=["any", "bound", "session"])
async def test_without_the_right_nobody_listens_in_not_even_on_her_own_call(
    client: Client, world: World, token: str | None, method: str, path: str, body: Any
) -> None:
    before = talking(world, supervisors=(Supervisor("s1", BORIS, "whisper", 1),))
    headers = bearer(token) if token else None
    assert await problem(client, method, path, json=body, headers=headers) == (403, "not_allowed")
    assert (world.desk.calls["call-1"], world.desk.asked, world.desk.wishes) == (before, [], [])


@pytest.mark.parametrize(("method", "path", "body"), LISTENING)
async def test_the_right_is_for_the_calls_of_the_token_s_agents_only(
    client: Client, world: World, method: str, path: str, body: Any
) -> None:
    talking(world, agent=BORIS, supervisors=(Supervisor("s1", ANNA, "whisper", 1),))
    bound = bearer(BOUND_SUPERVISORS_TOKEN)
    assert await problem(client, method, path, json=body, headers=bound) == (404, "call_not_found")


async def test_the_right_rings_the_phones_of_the_token_s_agents_only(client: Client, world: World) -> None:
    talking(world)
    bound = bearer(BOUND_SUPERVISORS_TOKEN)
    assert await problem(client, "POST", SUPERVISORS, json=LISTEN, headers=bound) == (403, "not_allowed")
    assert world.desk.asked == []


async def test_an_unknown_supervisor_is_not_found(client: Client, world: World) -> None:
    talking(world, supervisors=(Supervisor("s1", BORIS, "listen", 1),))
    put = await problem(client, "PUT", f"{SUPERVISORS}/s2", json={"mode": "barge"}, headers=SUPERVISING)
    assert put == (404, "supervisor_not_found")
    gone = await problem(client, "DELETE", f"{SUPERVISORS}/s2", headers=SUPERVISING)
    assert gone == (404, "supervisor_not_found")
    nobody = {"email": "nobody@example.com"}
    found = await problem(client, "POST", SUPERVISORS, json=nobody, headers=SUPERVISING)
    assert found == (404, "agent_not_found")


async def test_nobody_supervises_a_call_that_has_ended(client: Client, world: World) -> None:
    talking(world, phase=Phase.ENDED, supervisors=(Supervisor("s1", BORIS, "listen", 1),))
    assert (await (await client.get(CALL)).json())["supervisors"] == []
    gone = await problem(client, "DELETE", f"{SUPERVISORS}/s1", headers=SUPERVISING)
    assert gone == (404, "supervisor_not_found")


@pytest.mark.parametrize("body", [b"", b"{}", b'{"email": ""}', b'{"email": "b@example.com", "mode": "spy"}'])
async def test_a_body_that_is_no_supervisor_is_malformed(client: Client, world: World, body: bytes) -> None:
    talking(world)
    assert await problem(client, "POST", SUPERVISORS, data=body, headers=SUPERVISING | JSON) == (400, "malformed")


@pytest.mark.parametrize(
    "failure", [AgentBusy(), AgentOffline(), DeviceUnavailable(), WrongState()], ids=lambda failure: failure.code
)
async def test_a_supervisor_who_cannot_be_rung_is_told_why(client: Client, world: World, failure: CtcError) -> None:
    talking(world)
    world.desk.failure = failure
    found = await problem(client, "POST", SUPERVISORS, json=LISTEN, headers=SUPERVISING)
    assert found == (failure.status, failure.code)
