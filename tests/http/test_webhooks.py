"""/api/v1/webhooks: for administrators; a secret is shown when it is new."""

from __future__ import annotations

from typing import Any

import pytest

from ctc_ari.errors import DatabaseUnreachable
from tests.http.asking import bearer, refused
from tests.http.conftest import Client, Wire, World
from tests.http.fake_webhooks import DEAD, HELPDESK, NEW_SECRET
from tests.http.fakes import ANNA, ANNAS_SESSION, ANNAS_TOKEN, LINK_TOKEN

WEBHOOKS = "/api/v1/webhooks"
ONE = f"{WEBHOOKS}/{{webhook_id}}"
ROTATE, DELIVERIES = f"{ONE}/rotate", f"{ONE}/deliveries"
REPLAY = f"{DELIVERIES}/{{did}}/replay"
ROUTES = (
    *(("GET", WEBHOOKS), ("POST", WEBHOOKS)),
    *(("GET", ONE), ("PATCH", ONE), ("DELETE", ONE)),
    *(("POST", ROTATE), ("GET", DELIVERIES), ("POST", REPLAY)),
)
SHOWN = {
    "id": HELPDESK.id,
    "url": "https://crm.example.com/hooks",
    "description": "helpdesk",
    "types": ["call.answered", "call.ended"],
    "agents": [ANNA.email],
    "enabled": True,
    "created_at": "2026-03-01T09:30:00.125Z",
    "failing_since": None,
    "disabled_at": None,
    "disabled_reason": None,
}
NEW = {"url": "https://new.example.com/hook"}


def url(path: str, webhook_id: str = HELPDESK.id, did: str = "2") -> str:
    return path.replace("{webhook_id}", webhook_id).replace("{did}", did)


async def test_webhooks_are_listed_without_secrets(client: Client) -> None:
    response = await client.get(WEBHOOKS)
    assert [each["id"] for each in (await response.json())["webhooks"]] == [HELPDESK.id, DEAD.id]
    assert (await response.json())["webhooks"][0] == SHOWN
    assert "whsec" not in await response.text()


async def test_one_that_was_switched_off_says_when_and_why(client: Client) -> None:
    shown = await (await client.get(url(ONE, DEAD.id))).json()
    assert (shown["enabled"], shown["disabled_reason"]) == (False, "for a day: no connection")
    assert shown["disabled_at"] == "2026-03-01T09:32:00.125Z"
    assert shown["failing_since"] == "2026-03-01T09:31:00.125Z"


async def test_a_new_webhooks_secret_is_shown_once(client: Client, world: World) -> None:
    response = await client.post(WEBHOOKS, json=NEW | {"types": ["call.ended"], "agents": [ANNA.email]})
    body = await response.json()
    assert response.status == 201
    assert body.pop("secret") == NEW_SECRET
    assert (body["types"], body["agents"], body["enabled"]) == (["call.ended"], [ANNA.email], True)
    assert response.headers["Location"] == f"{WEBHOOKS}/{body['id']}"
    assert await (await client.get(response.headers["Location"])).json() == body


async def test_a_webhook_is_changed_and_null_means_all(client: Client) -> None:
    changed = await client.patch(url(ONE), json={"types": None, "description": "all"})
    assert await changed.json() == SHOWN | {"types": None, "description": "all"}
    assert (await (await client.patch(url(ONE, DEAD.id), json={"enabled": True})).json())["enabled"] is True


async def test_a_rotated_secret_is_shown_once(client: Client, world: World) -> None:
    response = await client.post(url(ROTATE))
    assert (response.status, await response.json()) == (201, SHOWN | {"secret": NEW_SECRET})
    assert world.webhooks.grace == 86400
    assert (await client.post(url(ROTATE), json={"grace": 0})).status == 201
    assert world.webhooks.grace == 0
    for grace in (-1, 1e9, "x"):
        await refused(client, "POST", url(ROTATE), 400, "malformed", json={"grace": grace})


async def test_a_removed_webhook_is_gone(client: Client) -> None:
    assert (await client.delete(url(ONE))).status == 204
    await refused(client, "GET", url(ONE), 404, "webhook_not_found")


async def test_deliveries_are_shown_page_by_page_with_what_was_sent(client: Client) -> None:
    first = await (await client.get(url(DELIVERIES) + "?limit=2")).json()
    assert first["deliveries"][0] == {
        "id": "3",
        "message_id": "msg_call-1_3",
        "type": "call.ended",
        "call_id": "call-1",
        "state": "pending",
        "attempts": 2,
        "created_at": "2026-03-01T09:30:00.125Z",
        "last_attempt_at": "2026-03-01T09:30:05.125Z",
        "next_attempt_at": "2026-03-01T09:30:30.125Z",
        "status": 500,
        "error": "answered 500",
        "payload": {"type": "call.ended", "timestamp": "2026-03-01T09:30:00.125Z", "data": {}},
    }
    assert first["deliveries"][1]["next_attempt_at"] is None
    second = await (await client.get(url(DELIVERIES) + f"?limit=2&cursor={first['next']}")).json()
    assert ([each["id"] for each in second["deliveries"]], second["next"]) == (["1"], None)
    pending = await (await client.get(url(DELIVERIES) + "?state=pending")).json()
    assert [each["id"] for each in pending["deliveries"]] == ["3"]


@pytest.mark.parametrize("query", ["state=lost", "limit=0", "limit=201", "cursor=x", "cursor=LTE", "cursor=Im4i"])
async def test_a_query_that_cannot_be_read(client: Client, query: str) -> None:
    await refused(client, "GET", f"{url(DELIVERIES)}?{query}", 400, "malformed")


async def test_a_delivery_is_sent_again(client: Client, world: World) -> None:
    response = await client.post(url(REPLAY))
    body = await response.json()
    assert (response.status, body["id"], body["state"], body["attempts"]) == (202, "2", "pending", 0)
    assert world.webhooks.replayed == [2]
    for did in ("9", "x", "-1", "9" * 30, "²"):
        await refused(client, "POST", url(REPLAY, did=did), 404, "delivery_not_found")
    await refused(client, "POST", url(REPLAY, DEAD.id), 409, "conflict")


async def test_the_crms_own_is_seen_and_not_changed(client: Client) -> None:
    assert (await client.get(url(DELIVERIES, "crm"))).status == 200
    await refused(client, "PATCH", url(ONE, "crm"), 409, "conflict", json={"enabled": False})
    await refused(client, "DELETE", url(ONE, "crm"), 409, "conflict")
    await refused(client, "POST", url(ROTATE, "crm"), 409, "conflict")


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "`url`"),
        ({"url": ""}, "`$.url`"),
        ({"url": "ftp://example.com/"}, "url:"),
        ({"url": "http://127.0.0.1/"}, "allow_private"),
        (NEW | {"types": []}, "`$.types`"),
        (NEW | {"types": ["call.anserd"]}, "call.anserd"),
        (NEW | {"agents": "all"}, "`$.agents`"),
        (NEW | {"agents": []}, "`$.agents`"),
        (NEW | {"description": "x" * 201}, "`$.description`"),
        (NEW | {"description": "a\u0000"}, "description:"),
        (NEW | {"secret": "whsec_mine"}, "`secret`"),
    ],
)
async def test_a_body_that_is_no_webhook_is_told_why(client: Client, body: Any, named: str) -> None:
    assert named in await refused(client, "POST", WEBHOOKS, 400, "malformed", json=body)


@pytest.mark.parametrize("webhook_id", ["absent", "a%00b", "%FF", "x" * 129])
async def test_an_unknown_webhook_is_not_there(client: Client, webhook_id: str) -> None:
    for method, path in ROUTES:
        if path != WEBHOOKS:
            body: dict[str, str] | None = {} if method == "PATCH" else None
            await refused(client, method, url(path, webhook_id), 404, "webhook_not_found", json=body)


# who may


@pytest.mark.parametrize("token", [ANNAS_SESSION, ANNAS_TOKEN, LINK_TOKEN])
async def test_whoever_may_not_administer_learns_nothing(client: Client, world: World, token: str) -> None:
    before = dict(world.webhooks.known)
    for method, path in ROUTES:
        for webhook_id in (HELPDESK.id, "absent"):
            problem = await refused(client, method, url(path, webhook_id), 403, "not_allowed", headers=bearer(token))
            assert "`admin`" in problem
    assert (world.webhooks.known, world.webhooks.replayed) == (before, [])


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_no_token_is_refused_before_anything_else(wire: Wire, method: str, path: str) -> None:
    answer = await wire.request(method, url(path), body=b"{")
    assert (answer.status, answer.json["code"]) == (401, "unauthorized")


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_a_database_that_is_away_is_told(client: Client, world: World, method: str, path: str) -> None:
    world.webhooks.failure = DatabaseUnreachable()
    body = {"json": NEW} if method == "PATCH" or path == WEBHOOKS else {}
    await refused(client, method, url(path), 503, "database_unreachable", **body)
