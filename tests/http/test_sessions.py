"""/api/v1/sessions, and what a session may do on every route."""

from __future__ import annotations

from typing import Any

import pytest

from ctc_ari.calls.commands import PlaceCall
from ctc_ari.calls.model import Phase, Supervisor, Target, Transfer
from ctc_ari.errors import DatabaseUnreachable, Unauthorized
from ctc_ari.http import application
from tests.http import test_agents, test_call_log, test_contacts, test_erasures, test_tokens, test_webhooks
from tests.http.conftest import Client, Wire, World
from tests.http.fakes import ANNA, ANNAS_SESSION, ANNAS_TOKEN, BORIS, CREATED, NUMBER, TOKEN, a_call

SESSIONS = "/api/v1/sessions"
CALLS = "/api/v1/calls"
AS_ANNA = {"Authorization": f"Bearer {ANNAS_SESSION}"}


async def refused(client: Client, method: str, path: str, status: int, code: str, **more: Any) -> dict[str, Any]:
    response = await client.request(method, path, **more)
    problem: dict[str, Any] = await response.json(content_type="application/problem+json")
    assert (response.status, problem["code"]) == (status, code)
    return problem


async def sign_in(client: Client, email: str = ANNA.email) -> dict[str, str]:
    """The headers of a new session."""
    response = await client.post(SESSIONS, json={"email": email})
    assert response.status == 201
    return {"Authorization": f"Bearer {(await response.json())['session']}"}


# beginning and ending one


async def test_a_token_is_traded_for_an_agents_session(client: Client, world: World) -> None:
    response = await client.post(SESSIONS, json={"email": "Anna@Example.com"})
    body = await response.json()
    assert response.status == 201
    assert body == {
        "session": list(world.directory.tokens)[-1],
        "expires_at": "2026-03-01T21:30:00.125Z",
        "agent": {"email": "anna@example.com", "name": "Anna Berg", "extension": "1001"},
    }
    assert response.headers["Cache-Control"] == "no-store"


async def test_a_bound_token_makes_sessions_for_its_own_agents_only(client: Client) -> None:
    bound = {"Authorization": f"Bearer {ANNAS_TOKEN}"}
    assert (await client.post(SESSIONS, json={"email": ANNA.email}, headers=bound)).status == 201
    await refused(client, "POST", SESSIONS, 403, "not_allowed", json={"email": BORIS.email}, headers=bound)
    await refused(client, "POST", SESSIONS, 403, "not_allowed", json={"email": "nobody@example.com"}, headers=bound)


async def test_an_unknown_agent_gets_no_session(client: Client) -> None:
    await refused(client, "POST", SESSIONS, 404, "agent_not_found", json={"email": "nobody@example.com"})


async def test_an_agent_without_an_extension_gets_one_all_the_same(client: Client) -> None:
    await sign_in(client, "newcomer@example.com")


async def test_a_session_makes_no_sessions(client: Client, world: World) -> None:
    before = dict(world.directory.tokens)
    problem = await refused(client, "POST", SESSIONS, 403, "not_allowed", json={"email": ANNA.email}, headers=AS_ANNA)
    assert "makes no further sessions" in problem["detail"]
    assert world.directory.tokens == before


async def test_signing_out_ends_this_session_only(client: Client) -> None:
    first, second = await sign_in(client), await sign_in(client)
    response = await client.delete(f"{SESSIONS}/current", headers=first)
    assert (response.status, await response.read()) == (204, b"")
    await refused(client, "DELETE", f"{SESSIONS}/current", 401, "unauthorized", headers=first)
    await refused(client, "GET", CALLS, 401, "unauthorized", headers=first)
    assert (await client.get(CALLS, headers=second)).status == 200


async def test_a_token_is_not_signed_out(client: Client) -> None:
    problem = await refused(client, "DELETE", f"{SESSIONS}/current", 403, "not_allowed")
    assert "token revoke" in problem["detail"]
    assert (await client.get(CALLS)).status == 200


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "`email`"),
        ({"email": ""}, "`$.email`"),
        ({"email": "a" * 255}, "`$.email`"),
        ({"email": 7}, "`$.email`"),
        ({"email": "a\u0000"}, "`email`"),
        ({"email": ANNA.email, "hours": 100}, "`hours`"),
        ([], "expected `object`"),
    ],
)
async def test_a_body_that_is_not_a_new_session_is_told_why(client: Client, body: Any, named: str) -> None:
    problem = await refused(client, "POST", SESSIONS, 400, "malformed", json=body)
    assert named in problem["detail"]


async def test_a_body_of_another_type(client: Client) -> None:
    response = await client.post(SESSIONS, data=b"{}", headers={"Content-Type": "text/plain"})
    assert response.status == 415


@pytest.mark.parametrize(("method", "path"), [("POST", SESSIONS), ("DELETE", f"{SESSIONS}/current")])
async def test_no_token_is_refused_before_anything_else(wire: Wire, method: str, path: str) -> None:
    answer = await wire.request(method, path, body=b"{")
    assert (answer.status, answer.json["code"]) == (401, "unauthorized")


@pytest.mark.parametrize(("failure", "status"), [(DatabaseUnreachable(), 503), (Unauthorized(), 401)])
async def test_what_the_store_refuses(client: Client, world: World, failure: Exception, status: int) -> None:
    async def create_session(*_: object) -> None:
        raise failure

    world.directory.create_session = create_session  # type: ignore[assignment, method-assign]
    assert (await client.post(SESSIONS, json={"email": ANNA.email})).status == status


# what it opens


async def test_a_session_places_sees_and_ends_its_own_agents_calls(client: Client, world: World) -> None:
    session = await sign_in(client)
    new = {"to": NUMBER, "email": ANNA.email}
    call = await (await client.post(CALLS, json=new, headers=session)).json()
    assert [seen["id"] for seen in (await (await client.get(CALLS, headers=session)).json())["calls"]] == [call["id"]]
    assert (await client.get(f"{CALLS}/{call['id']}", headers=session)).status == 200
    assert (await client.delete(f"{CALLS}/{call['id']}", headers=session)).status == 204
    assert not world.desk.live()


async def test_a_session_clicks_for_its_own_agent_only(wire: Wire, world: World) -> None:
    query = f"phone_number=%2B{NUMBER[1:]}&email={{}}&token={ANNAS_SESSION}"
    assert (await wire.click(query.format(ANNA.email))).status == 200
    assert world.desk.commands == [PlaceCall(ANNA, NUMBER)]
    assert (await wire.click(query.format(BORIS.email))).status == 401
    assert len(world.desk.commands) == 1


async def test_two_sessions_may_use_the_same_idempotency_key(client: Client, world: World) -> None:
    for email in (ANNA.email, BORIS.email):
        headers = await sign_in(client, email) | {"Idempotency-Key": "k1"}
        assert (await client.post(CALLS, json={"to": NUMBER, "email": email}, headers=headers)).status == 201
    assert len(world.desk.commands) == 2


# the wrong agent, on every route

#: A body that the route would accept.
BODIES: dict[str, Any] = {
    "/api/v1/calls/{id}/dtmf": {"digits": "1"},
    "/api/v1/calls/{id}/transfers": {"to": "1001", "mode": "blind"},
    "/api/v1/calls/{id}/device": {"device": "web"},
    "/api/v1/calls/{id}/supervisors": {"email": ANNA.email, "mode": "listen"},
    "/api/v1/calls/{id}/supervisors/{sid}": {"mode": "barge"},
}
A_TRANSFER = Transfer(
    id="t1",
    mode="attended",
    target=Target(ANNA.email, "PJSIP/1001", ANNA),
    successor="boris-2",
    ring_seconds=25,
    started_at=CREATED,
)
A_SUPERVISOR = Supervisor("s1", ANNA, "listen", 1)
#: What one call's routes begin with.
ONE_CALL = "/api/v1/calls/{id}"
#: Routes without a call in their path; what each does with another agent's call is tested one by one.
WITHOUT_A_CALL = {
    ("GET", "/ClickToCallAPI"),
    ("POST", SESSIONS),
    ("GET", f"{SESSIONS}/current"),
    ("DELETE", f"{SESSIONS}/current"),
    ("GET", "/panel/ctc-panel.js"),
    ("GET", "/panel/window"),
    ("GET", "/panel/window.css"),
    ("GET", "/panel/window.js"),
    ("GET", CALLS),
    ("POST", CALLS),
    ("GET", "/api/v1/events"),
    ("POST", "/api/v1/sip-tickets"),
    ("GET", "/sip"),
    *test_contacts.ROUTES,
    *test_call_log.ROUTES,
    *test_erasures.ROUTES,
    *test_agents.ROUTES,
    *test_tokens.ROUTES,
    *test_webhooks.ROUTES,
    ("GET", "/livez"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("GET", "/"),
    ("GET", "/docs"),
    ("GET", "/openapi.yaml"),
}
ROUTES = sorted(
    (route.method, route.resource.canonical)
    for route in application(World().services()).router.routes()
    if route.resource is not None and route.method != "HEAD"
)


def test_every_route_is_tested_with_the_wrong_agent() -> None:
    assert {route for route in ROUTES if ONE_CALL not in route[1]} == WITHOUT_A_CALL


@pytest.mark.parametrize(("method", "path"), [route for route in ROUTES if ONE_CALL in route[1]])
@pytest.mark.parametrize("phase", [Phase.RINGING_AGENT, Phase.TALKING, Phase.ENDED])
async def test_another_agents_call_does_not_exist_for_a_session(
    client: Client, world: World, method: str, path: str, phase: Phase
) -> None:
    call = a_call("boris", PlaceCall(BORIS, NUMBER))
    before = world.desk.put(call, phase=phase, recordings=1, transfers=(A_TRANSFER,), supervisors=(A_SUPERVISOR,))
    url = path.replace("{id}", "{}").replace("{number}", "1").replace("{tid}", "t1").replace("{sid}", "s1")
    body = BODIES.get(path)
    hidden = await client.request(method, url.format("boris"), json=body, headers=AS_ANNA)
    absent = await client.request(method, url.format("absent"), json=body, headers=AS_ANNA)
    problem = await hidden.json(content_type="application/problem+json")
    assert (hidden.status, problem["code"]) == (404, "call_not_found")
    assert await hidden.read() == await absent.read()
    assert (world.desk.calls["boris"], world.desk.wishes, world.desk.asked) == (before, [], [])


async def test_another_agents_calls_are_not_listed(client: Client, world: World) -> None:
    world.desk.put(a_call("boris", PlaceCall(BORIS, NUMBER)))
    assert await (await client.get(CALLS, headers=AS_ANNA)).json() == {"calls": []}


async def test_another_agents_phone_is_not_rung(client: Client, world: World) -> None:
    new = {"to": NUMBER, "email": BORIS.email}
    await refused(client, "POST", CALLS, 403, "not_allowed", json=new, headers=AS_ANNA)
    assert world.desk.commands == []


async def test_another_agents_session_is_not_had(client: Client) -> None:
    await refused(client, "POST", SESSIONS, 403, "not_allowed", json={"email": BORIS.email}, headers=AS_ANNA)


async def test_the_token_still_sees_everybody(client: Client, world: World) -> None:
    world.desk.put(a_call("boris", PlaceCall(BORIS, NUMBER)))
    assert (await client.get(f"{CALLS}/boris", headers={"Authorization": f"Bearer {TOKEN}"})).status == 200


# whose session


async def test_a_session_says_whom_it_acts_for(client: Client) -> None:
    answer = await client.get(f"{SESSIONS}/current", headers=AS_ANNA)
    assert answer.status == 200
    assert await answer.json() == {
        "agent": {"email": ANNA.email, "name": ANNA.name, "extension": ANNA.extension},
        "device": "desk",
    }


async def test_a_token_is_no_session(client: Client) -> None:
    await refused(client, "GET", f"{SESSIONS}/current", 403, "not_allowed")
