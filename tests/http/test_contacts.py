"""/api/v1/contacts: written by administrators, found by everybody, by any spelling of a number."""

from __future__ import annotations

from typing import Any

import pytest

from ctc_ari.contacts import ContactDetails, ContactNumber
from ctc_ari.errors import DatabaseUnreachable
from tests.http.conftest import Client, Wire, World
from tests.http.fake_contacts import GRACE
from tests.http.fakes import ANNAS_SESSION, ANNAS_TOKEN, LINK_TOKEN

CONTACTS = "/api/v1/contacts"
ONE = f"{CONTACTS}/{{id}}"
READING = (("GET", CONTACTS), ("GET", ONE))
WRITING = (("POST", CONTACTS), ("PUT", ONE), ("PATCH", ONE), ("DELETE", ONE))
ROUTES = (*READING, *WRITING)
SHOWN = {
    "id": "grace",
    "name": "Grace Hopper",
    "numbers": [{"number": "+442079460001", "label": "work"}, {"number": "+447700900123", "label": "mobile"}],
    "email": "grace@example.com",
    "company": "Example Ltd",
    "url": "https://crm.example.com/grace",
    "external": {"crm_id": "4711"},
    "created_at": "2026-03-01T09:30:00.125Z",
    "updated_at": "2026-03-01T09:30:00.125Z",
    "last_spoken_at": "2026-03-01T09:31:00.125Z",
}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def refused(client: Client, method: str, path: str, status: int, code: str, **more: Any) -> str:
    response = await client.request(method, path, **more)
    problem: dict[str, Any] = await response.json(content_type="application/problem+json")
    assert (response.status, problem["code"]) == (status, code)
    return str(problem["detail"])


async def found(client: Client, query: str, **more: Any) -> list[str]:
    response = await client.get(f"{CONTACTS}?{query}", **more)
    assert response.status == 200, await response.text()
    return [contact["id"] for contact in (await response.json())["contacts"]]


# reading


async def test_a_contact_is_shown_whole(client: Client) -> None:
    response = await client.get(f"{CONTACTS}/grace")
    assert (response.status, await response.json()) == (200, SHOWN)


@pytest.mark.parametrize(
    "spelling",
    [
        "020+7946+0001",
        "020%207946%200001",
        "02079460001",
        "%2B442079460001",
        "+442079460001",
        "+44%20(0)20%207946-0001",
        "0044%2020%207946%200001",
        "tel:+44-20-7946-0001",
    ],
)
async def test_any_spelling_of_a_number_finds_the_contact(client: Client, spelling: str) -> None:
    assert await found(client, f"number={spelling}") == ["grace"]
    assert await found(client, "number=020%207946%200002") == []


async def test_a_number_that_may_not_be_called_is_kept_and_found(client: Client) -> None:
    new = {"id": "paris", "name": "Paris", "numbers": ["+33 1 42 68 53 00", "09098 790123"]}
    created = await client.post(CONTACTS, json=new)
    assert created.status == 201
    assert [number["number"] for number in (await created.json())["numbers"]] == ["+33142685300", "+449098790123"]
    assert await found(client, "number=0033142685300") == ["paris"]


@pytest.mark.parametrize("number", ["999", "anna", "12", "%2B"])
async def test_what_is_no_number_is_told(client: Client, number: str) -> None:
    await refused(client, "GET", f"{CONTACTS}?number={number}", 422, "invalid_number")


@pytest.mark.parametrize("q", ["gra", "GRACE+HOP", "hopper%20g", "020%207946", "%2B4420", "+4420", "07700"])
async def test_contacts_are_searched_by_name_and_number(client: Client, world: World, q: str) -> None:
    world.contacts.known["x"] = ContactDetails("x", "Ada Lovelace", (ContactNumber("+33142685300"),))
    assert await found(client, f"q={q}") == ["grace"]
    assert await found(client, "q=x") == await found(client, "q=!") == []
    assert await found(client, "q=") == ["x", "grace"]


async def test_pages_follow_each_other(client: Client, world: World) -> None:
    for number in range(4):
        world.contacts.known[f"m{number}"] = ContactDetails(f"m{number}", "Müller")
    seen, cursor = [], ""
    for expected in (2, 2, 1):
        page = await (await client.get(f"{CONTACTS}?limit=2{cursor}")).json()
        assert len(page["contacts"]) == expected
        seen += [contact["id"] for contact in page["contacts"]]
        cursor = f"&cursor={page['next']}"
    assert page["next"] is None
    assert seen == ["grace", "m0", "m1", "m2", "m3"]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=x",
        "limit=-1",
        "cursor=x",
        "cursor=%C3%A4",
        "cursor=W10",
        "cursor=WyJcdTAwMDAiLCJhIl0",
        "q=a&number=020",
        "q=a&q=b",
        "q=%FF",
        f"q={'a' * 129}",
    ],
)
async def test_a_query_that_cannot_be_read_is_told(client: Client, query: str) -> None:
    await refused(client, "GET", f"{CONTACTS}?{query}", 400, "malformed")


@pytest.mark.parametrize("contact_id", ["absent", "a%00b", "%FF", "x" * 129])
async def test_an_unknown_contact_is_not_there(client: Client, contact_id: str) -> None:
    for method, body in (("GET", None), ("PATCH", {}), ("DELETE", None)):
        await refused(client, method, f"{CONTACTS}/{contact_id}", 404, "contact_not_found", json=body)


# writing


async def test_a_contact_without_an_id_gets_one(client: Client, world: World) -> None:
    response = await client.post(CONTACTS, json={"name": " Ada   Lovelace ", "numbers": ["020 7946 0002"]})
    body = await response.json()
    assert response.status == 201
    assert response.headers["Location"] == f"{CONTACTS}/{body['id']}"
    assert (body["name"], body["numbers"]) == ("Ada Lovelace", [{"number": "+442079460002", "label": None}])
    assert world.contacts.known[body["id"]].name == "Ada Lovelace"


async def test_an_id_is_given_once(client: Client) -> None:
    await refused(client, "POST", CONTACTS, 409, "conflict", json={"id": "grace", "name": "Grace"})


async def test_any_printable_id_leads_back_to_its_contact(client: Client) -> None:
    response = await client.post(CONTACTS, json={"id": "crm/4711 ä?", "name": "Ada"})
    again = await client.get(response.headers["Location"])
    assert (await again.json())["id"] == "crm/4711 ä?"


async def test_put_creates_and_replaces_whole(client: Client, world: World) -> None:
    assert (await client.put(f"{CONTACTS}/ada", json={"name": "Ada"})).status == 201
    replaced = await client.put(f"{CONTACTS}/grace", json={"name": "Grace"})
    body = await replaced.json()
    assert (replaced.status, body["name"], body["numbers"], body["email"]) == (200, "Grace", [], None)
    assert sorted(world.contacts.known) == ["ada", "grace"]


async def test_patch_changes_what_is_given(client: Client) -> None:
    changes = {"company": None, "numbers": [{"number": "020 7946 0009", "label": "work"}, "+44 20 7946 0009"]}
    response = await client.patch(f"{CONTACTS}/grace", json=changes)
    body = await response.json()
    assert response.status == 200
    assert body.pop("updated_at") != SHOWN["updated_at"]
    expected = SHOWN | {"company": None, "numbers": [{"number": "+442079460009", "label": "work"}]}
    assert body == {key: value for key, value in expected.items() if key != "updated_at"}


async def test_a_deleted_contact_is_gone(client: Client) -> None:
    assert (await client.delete(f"{CONTACTS}/grace")).status == 204
    await refused(client, "GET", f"{CONTACTS}/grace", 404, "contact_not_found")


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "`name`"),
        ({"name": " "}, "name: must not be empty"),
        ({"name": "a\u0000b"}, "name: holds control"),
        ({"name": "x" * 201}, "name: 200 characters"),
        ({"name": "x", "phone": "1"}, "`phone`"),
        ({"name": "x", "email": "nobody"}, "email: must be"),
        ({"name": "x", "url": "javascript:alert(1)"}, "url: must be an http"),
        ({"name": "x", "numbers": [{"number": "020 7946 0001", "label": "x" * 41}]}, "numbers[0].label"),
        ({"name": "x", "numbers": ["020 7946 0001"] * 21}, "`$.numbers`"),
        ({"name": "x", "external": {"a": 1}}, "`$.external[...]`"),
        ({"name": "x", "external": {"a": "\u0000"}}, "external.a"),
        ({"name": "x", "external": {str(n): "" for n in range(21)}}, "external: 20 keys"),
        ([], "expected `object`"),
    ],
)
async def test_a_body_that_is_no_contact_is_told_why(client: Client, world: World, body: Any, named: str) -> None:
    for method, path in (("POST", CONTACTS), ("PUT", f"{CONTACTS}/new"), ("PATCH", f"{CONTACTS}/grace")):
        if method == "PATCH" and body == {}:
            continue
        assert named in await refused(client, method, path, 400, "malformed", json=body)
    assert world.contacts.known == {"grace": GRACE}


async def test_a_body_that_is_no_json_is_told_where(client: Client) -> None:
    headers = {"Content-Type": "application/json"}
    detail = await refused(client, "POST", CONTACTS, 400, "malformed", data=b'{"name": x}', headers=headers)
    assert detail.startswith("The body is not a contact: JSON is malformed")


async def test_the_number_that_is_wrong_is_named(client: Client) -> None:
    body = {"name": "x", "numbers": ["020 7946 0001", "020 12"]}
    detail = await refused(client, "POST", CONTACTS, 422, "invalid_number", json=body)
    assert detail == "numbers[1]: The number has too few digits."


async def test_no_id_may_break_a_line(client: Client) -> None:
    await refused(client, "POST", CONTACTS, 400, "malformed", json={"id": "a\nb", "name": "x"})


# who may


def request_of(method: str, path: str) -> tuple[str, str, dict[str, Any]]:
    body = {"json": {"name": "Changed"}} if method in ("POST", "PUT", "PATCH") else {}
    return method, path.replace("{id}", "grace"), body


@pytest.mark.parametrize("token", [ANNAS_SESSION, ANNAS_TOKEN, LINK_TOKEN])
async def test_whoever_may_not_administer_reads_only(client: Client, world: World, token: str) -> None:
    for route in READING:
        method, path, more = request_of(*route)
        assert (await client.request(method, path, headers=bearer(token), **more)).status == 200
    for route in WRITING:
        method, path, more = request_of(*route)
        detail = await refused(client, method, path, 403, "not_allowed", headers=bearer(token), **more)
        assert "`admin`" in detail
    assert world.contacts.known == {"grace": GRACE}


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_no_token_is_refused_before_anything_else(wire: Wire, method: str, path: str) -> None:
    answer = await wire.request(method, path.replace("{id}", "absent"), body=b"{")
    assert (answer.status, answer.json["code"]) == (401, "unauthorized")


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_a_database_that_is_away_is_told(client: Client, world: World, method: str, path: str) -> None:
    world.contacts.failure = DatabaseUnreachable()
    method, path, more = request_of(method, path)
    await refused(client, method, path, 503, "database_unreachable", **more)
