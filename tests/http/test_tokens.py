"""/api/v1/tokens: for administrators; what opens doors is shown once."""

from __future__ import annotations

from typing import Any

import pytest

from ctc_ari.errors import DatabaseUnreachable
from tests.http.asking import bearer, refused
from tests.http.conftest import Client, Wire, World
from tests.http.fake_administration import CRM, OLD, PARTNER, SECRET
from tests.http.fakes import ANNA, ANNAS_SESSION, ANNAS_TOKEN, LINK_TOKEN

TOKENS = "/api/v1/tokens"
ONE = f"{TOKENS}/{{token_id}}"
ROTATE = f"{ONE}/rotate"
ROUTES = (("GET", TOKENS), ("POST", TOKENS), ("GET", ONE), ("PATCH", ONE), ("DELETE", ONE), ("POST", ROTATE))
SHOWN = {
    "id": CRM.id,
    "name": "crm",
    "agents": None,
    "rights": ["admin"],
    "live": True,
    "created_at": "2026-03-01T09:30:00.125Z",
    "expires_at": None,
    "revoked_at": None,
}


async def test_tokens_that_work_are_listed_without_what_opens(client: Client) -> None:
    response = await client.get(TOKENS)
    listed = (await response.json())["tokens"]
    assert listed == [SHOWN, SHOWN | {"id": PARTNER.id, "name": "partner", "agents": [ANNA.email], "rights": []}]
    assert "hash" not in await response.text()


async def test_those_that_ended_are_listed_when_asked_for(client: Client) -> None:
    listed = (await (await client.get(f"{TOKENS}?all=true")).json())["tokens"]
    assert [(token["id"], token["live"]) for token in listed] == [(CRM.id, True), (PARTNER.id, True), (OLD.id, False)]
    assert listed[2]["revoked_at"] == "2026-03-01T09:30:30.125Z"
    await refused(client, "GET", f"{TOKENS}?all=yes", 400, "malformed")


async def test_one_token_is_shown_live_or_dead(client: Client) -> None:
    assert await (await client.get(f"{TOKENS}/{CRM.id}")).json() == SHOWN
    assert (await (await client.get(f"{TOKENS}/{OLD.id}")).json())["live"] is False


async def test_a_new_token_is_shown_once(client: Client) -> None:
    new = {"name": "team", "agents": [ANNA.email], "rights": ["supervise"]}
    response = await client.post(TOKENS, json=new)
    body = await response.json()
    assert response.status == 201
    assert response.headers["Location"] == f"{TOKENS}/{body['id']}"
    assert body.pop("token") == SECRET.format(id=body["id"])
    assert (body["agents"], body["rights"]) == ([ANNA.email], ["supervise"])
    assert await (await client.get(response.headers["Location"])).json() == body


async def test_a_rotated_token_is_another_and_the_old_one_works_for_a_day(client: Client, world: World) -> None:
    response = await client.post(f"{TOKENS}/{CRM.id}/rotate")
    body = await response.json()
    assert (response.status, body["name"], world.administration.grace) == (201, "crm", 86400)
    assert body["id"] != CRM.id
    assert body["id"] in body["token"]
    assert (await client.post(f"{TOKENS}/{CRM.id}/rotate", json={"grace": 0.5})).status == 201
    assert world.administration.grace == 0.5
    for grace in (-1, 1e9, "x"):
        await refused(client, "POST", f"{TOKENS}/{CRM.id}/rotate", 400, "malformed", json={"grace": grace})


async def test_name_agents_and_rights_are_changed(client: Client) -> None:
    changed = await client.patch(f"{TOKENS}/{CRM.id}", json={"name": "helpdesk", "rights": ["admin", "supervise"]})
    assert await changed.json() == SHOWN | {"name": "helpdesk", "rights": ["admin", "supervise"]}
    assert (await (await client.patch(f"{TOKENS}/{PARTNER.id}", json={"agents": None})).json())["agents"] is None


async def test_a_revoked_token_is_dead_and_revoking_again_is_harmless(client: Client, world: World) -> None:
    for _ in range(2):
        assert (await client.delete(f"{TOKENS}/{CRM.id}")).status == 204
    assert world.administration.records[CRM.id].revoked_at
    await refused(client, "PATCH", f"{TOKENS}/{CRM.id}", 404, "token_not_found", json={})


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "`name`"),
        ({"name": ""}, "`$.name`"),
        ({"name": "x" * 65}, "`$.name`"),
        ({"name": "x", "rights": ["root"]}, "`$.rights[0]`"),
        ({"name": "x", "agents": "all"}, "`$.agents`"),
        ({"name": "x", "expires_at": 1}, "`expires_at`"),
    ],
)
async def test_a_body_that_is_no_token_is_told_why(client: Client, body: Any, named: str) -> None:
    assert named in await refused(client, "POST", TOKENS, 400, "malformed", json=body)


async def test_what_does_not_fit_is_told(client: Client) -> None:
    await refused(client, "POST", TOKENS, 409, "conflict", json={"name": "crm"})
    body = {"name": "x", "agents": ["nobody@example.com"]}
    await refused(client, "POST", TOKENS, 404, "agent_not_found", json=body)


@pytest.mark.parametrize("token_id", ["absent", "crm", "a%00b", "%FF", "x" * 129])
async def test_an_unknown_token_is_not_there(client: Client, token_id: str) -> None:
    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {}),
        ("DELETE", "", None),
        ("POST", "/rotate", None),
    ):
        await refused(client, method, f"{TOKENS}/{token_id}{path}", 404, "token_not_found", json=body)


# who may


@pytest.mark.parametrize("token", [ANNAS_SESSION, ANNAS_TOKEN, LINK_TOKEN])
async def test_whoever_may_not_administer_learns_nothing(client: Client, world: World, token: str) -> None:
    before = dict(world.administration.records)
    for method, path in ROUTES:
        for token_id in (CRM.id, "absent"):
            url = path.replace("{token_id}", token_id)
            assert "`admin`" in await refused(client, method, url, 403, "not_allowed", headers=bearer(token))
    assert world.administration.records == before


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_no_token_is_refused_before_anything_else(wire: Wire, method: str, path: str) -> None:
    answer = await wire.request(method, path.replace("{token_id}", CRM.id), body=b"{")
    assert (answer.status, answer.json["code"]) == (401, "unauthorized")


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_a_database_that_is_away_is_told(client: Client, world: World, method: str, path: str) -> None:
    world.administration.failure = DatabaseUnreachable()
    body = {"json": {"name": "x"}} if method == "PATCH" or path == TOKENS else {}
    await refused(client, method, path.replace("{token_id}", CRM.id), 503, "database_unreachable", **body)
