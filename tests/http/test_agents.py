"""/api/v1/agents: colleagues are found by everybody, and changed by administrators."""

from __future__ import annotations

from typing import Any

import pytest

from ctc_ari.calls.model import Agent
from ctc_ari.errors import Conflict, DatabaseUnreachable
from tests.http.asking import bearer, refused
from tests.http.conftest import Client, Wire, World
from tests.http.fakes import ANNA, ANNAS_SESSION, ANNAS_TOKEN, BORIS, LINK_TOKEN

AGENTS = "/api/v1/agents"
ONE = f"{AGENTS}/{{email}}"
READING = (("GET", AGENTS), ("GET", ONE))
WRITING = (("POST", AGENTS), ("PATCH", ONE), ("DELETE", ONE))
ROUTES = (*READING, *WRITING)
COLLEAGUE = {"email": "anna@example.com", "name": "Anna Berg", "extension": "1001"}
WHOLE = COLLEAGUE | {
    "desk_endpoint": "PJSIP/1001",
    "contact": None,
    "caller_id": None,
    "device": "desk",
    "auto_answer": False,
}


async def found(client: Client, query: str) -> list[str]:
    response = await client.get(f"{AGENTS}?{query}")
    assert response.status == 200, await response.text()
    return [agent["email"] for agent in (await response.json())["agents"]]


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("ann", [ANNA.email, "anna+sales@example.com"]),
        ("BERG+an", [ANNA.email]),
        ("100", [ANNA.email, "anna+sales@example.com", BORIS.email]),
        ("1002", [BORIS.email]),
        ("boris@exam", [BORIS.email]),
        ("nobody", []),
    ],
)
async def test_colleagues_are_found_by_name_extension_and_e_mail(client: Client, q: str, expected: list[str]) -> None:
    assert await found(client, f"q={q}") == expected


async def test_pages_follow_each_other(client: Client, world: World) -> None:
    for number in range(3):
        world.directory.agents[f"m{number}@x"] = Agent(f"m{number}@x", "Müller")
    seen, cursor = [], ""
    for expected in (3, 3, 1):
        page = await (await client.get(f"{AGENTS}?limit=3{cursor}")).json()
        assert len(page["agents"]) == expected
        seen += [agent["email"] for agent in page["agents"]]
        cursor = f"&cursor={page['next']}"
    assert page["next"] is None
    assert len(set(seen)) == 7
    assert seen[3:6] == ["m0@x", "m1@x", "m2@x"]


async def test_a_changed_agent_is_found_by_what_she_is_called_now(client: Client) -> None:
    assert await found(client, "q=holm") == []
    await client.patch(f"{AGENTS}/{ANNA.email}", json={"name": "Anna Holm"})
    assert await found(client, "q=holm") == [ANNA.email]


async def test_an_administrator_sees_where_the_phone_is(client: Client) -> None:
    assert await (await client.get(f"{AGENTS}/Anna@Example.com")).json() == WHOLE
    assert WHOLE in (await (await client.get(AGENTS)).json())["agents"]


@pytest.mark.parametrize("token", [ANNAS_SESSION, ANNAS_TOKEN, LINK_TOKEN])
async def test_whoever_may_not_administer_sees_name_and_extension_and_nothing_else(
    client: Client, world: World, token: str
) -> None:
    before = dict(world.directory.agents)
    as_one = bearer(token)
    listed = (await (await client.get(AGENTS, headers=as_one)).json())["agents"]
    assert COLLEAGUE in listed
    assert all(set(agent) == set(COLLEAGUE) for agent in listed)
    assert await (await client.get(f"{AGENTS}/{ANNA.email}", headers=as_one)).json() == COLLEAGUE
    for method, path in WRITING:
        for email in (ANNA.email, BORIS.email, "nobody@example.com"):
            detail = await refused(client, method, path.replace("{email}", email), 403, "not_allowed", headers=as_one)
            assert "`admin`" in detail
    assert world.directory.agents == before


async def test_an_agent_is_created_changed_and_removed(client: Client, world: World) -> None:
    new = {"email": "Carla@example.com", "name": "Carla", "extension": "1005", "desk_endpoint": "PJSIP/1005"}
    created = await client.post(AGENTS, json=new)
    assert created.status == 201
    assert created.headers["Location"] == f"{AGENTS}/carla%40example.com"
    assert (await created.json())["email"] == "carla@example.com"
    path = created.headers["Location"]
    changed = await client.patch(path, json={"extension": None, "device": "web", "auto_answer": True})
    body = await changed.json()
    assert (body["name"], body["extension"], body["device"], body["auto_answer"]) == ("Carla", None, "web", True)
    assert world.directory.agent("carla@example.com").device == "web"
    assert (await client.delete(path)).status == 204
    await refused(client, "GET", path, 404, "agent_not_found")


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "`email`"),
        ({"email": "anna"}, "email: must be"),
        ({"email": "a@b", "sip_password": "x"}, "`sip_password`"),
        ({"email": "a@b", "device": "fax"}, "`$.device`"),
        ({"email": "a@b", "name": None}, "`$.name`"),
        ([], "expected `object`"),
    ],
)
async def test_a_body_that_is_no_agent_is_told_why(client: Client, body: Any, named: str) -> None:
    assert named in await refused(client, "POST", AGENTS, 400, "malformed", json=body)


async def test_the_e_mail_address_does_not_change(client: Client) -> None:
    path = f"{AGENTS}/{ANNA.email}"
    assert "`email`" in await refused(client, "PATCH", path, 400, "malformed", json={"email": "x@y"})


async def test_what_is_taken_is_told(client: Client, world: World) -> None:
    await refused(client, "POST", AGENTS, 409, "conflict", json={"email": ANNA.email})
    world.administration.failure = Conflict("Extension 1001 belongs to another agent already.")
    detail = await refused(client, "PATCH", f"{AGENTS}/{BORIS.email}", 409, "conflict", json={"extension": "1001"})
    assert detail.startswith("Extension 1001")


@pytest.mark.parametrize("email", ["nobody@example.com", "a%00b", "%FF", "x" * 255])
async def test_an_unknown_agent_is_not_there(client: Client, email: str) -> None:
    for method, body in (("GET", None), ("PATCH", {}), ("DELETE", None)):
        await refused(client, method, f"{AGENTS}/{email}", 404, "agent_not_found", json=body)


@pytest.mark.parametrize("query", ["limit=0", "cursor=x", "q=%FF"])
async def test_a_query_that_cannot_be_read_is_told(client: Client, query: str) -> None:
    await refused(client, "GET", f"{AGENTS}?{query}", 400, "malformed")


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_no_token_is_refused_before_anything_else(wire: Wire, method: str, path: str) -> None:
    answer = await wire.request(method, path.replace("{email}", "nobody@example.com"), body=b"{")
    assert (answer.status, answer.json["code"]) == (401, "unauthorized")


async def test_a_database_that_is_away_stops_changes_only(client: Client, world: World) -> None:
    world.administration.failure = DatabaseUnreachable()
    assert await found(client, "q=berg") == [ANNA.email]
    for method, path, body in (
        ("POST", AGENTS, {"email": "a@b"}),
        ("PATCH", f"{AGENTS}/{ANNA.email}", {}),
        ("DELETE", f"{AGENTS}/{ANNA.email}", None),
    ):
        await refused(client, method, path, 503, "database_unreachable", json=body)
