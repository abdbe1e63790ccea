"""/api/v1/call-log: filtered, paged, as CSV however long it is, and only what one had to do with."""

from __future__ import annotations

from typing import Any

import pytest

from ctc_ari.call_log import LogFilter, LogText
from ctc_ari.calls.numbers import NumberPart
from ctc_ari.errors import DatabaseUnreachable
from ctc_ari.log.row import Disposition
from tests.http.asking import bearer, refused
from tests.http.conftest import Client, Wire, World
from tests.http.fakes import ANNA, ANNAS_SESSION, ANNAS_TOKEN, BORIS, LINK_TOKEN, NUMBER

#: Of a contact, in the log.
UNKNOWN = {"company": None, "email": None, "url": None}

LOG = "/api/v1/call-log"
ONE = f"{LOG}/{{id}}"
ROUTES = (("GET", LOG), ("GET", ONE), ("PATCH", ONE))
AS_CSV = {"Accept": "text/csv"}
SHOWN = {
    "id": "call-1",
    "calls": ["call-1", "call-2"],
    "source": "service",
    "direction": "outbound",
    "number": NUMBER,
    "did": None,
    "agent": {"email": BORIS.email, "name": "Boris", "extension": "1002", "talked": True},
    "agents": [
        {"email": ANNA.email, "name": "Anna Berg", "extension": "1001", "talked": True},
        {"email": BORIS.email, "name": "Boris", "extension": "1002", "talked": True},
    ],
    "device": "desk",
    "contact": {"id": "grace", "name": "Grace Hopper", **UNKNOWN},
    "contact_by": "number",
    "candidates": [
        {"id": "grace", "name": "Grace Hopper", **UNKNOWN},
        {"id": "ada", "name": "Ada Lovelace", **UNKNOWN},
    ],
    "disposition": "answered",
    "end_reason": "completed",
    "ended_by": "customer",
    "started_at": "2026-03-01T09:30:00.125Z",
    "agent_answered_at": "2026-03-01T09:30:02.125Z",
    "answered_at": "2026-03-01T09:30:09.625Z",
    "ended_at": "2026-03-01T09:31:40.125Z",
    "ring_seconds": 7.5,
    "talk_seconds": 90.5,
    "hold_seconds": 3.25,
    "recordings": ["/api/v1/calls/call-1/recordings/1"],
    "notes": "=SUM(A1)",
    "outcome": None,
}


async def ids(client: Client, query: str = "", **more: Any) -> list[str]:
    response = await client.get(f"{LOG}?{query}", **more)
    assert response.status == 200, await response.text()
    return [call["id"] for call in (await response.json())["calls"]]


# finding


async def test_the_newest_call_comes_first_and_is_shown_whole(client: Client) -> None:
    page = await (await client.get(LOG)).json()
    assert [call["id"] for call in page["calls"]] == ["call-1", "call-9"]
    assert page["next"] is None
    shown = page["calls"][0]
    assert {key: shown[key] for key in SHOWN} == SHOWN
    assert shown["transfers"][0]["started_at"] == "2026-03-01T09:30:50.125Z"
    assert shown["quality"][0]["mos"] == 4.1


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", LogFilter()),
        ("from=2026-03-01", LogFilter(since=1772323200.0)),
        (
            "from=2026-03-01T10:00:00%2B01:00&until=2026-03-01T10:00:00.5Z",
            LogFilter(since=1772355600.0, until=1772359200.5),
        ),
        ("from=2026-03-01t09:00:00z", LogFilter(since=1772355600.0)),
        ("until=2026-03-01T10:00:00+01:00", LogFilter(until=1772355600.0)),
        ("from=2026-03-01T09:00:00", LogFilter(since=1772355600.0)),
        ("agent=Anna@Example.com", LogFilter(agent=ANNA.email)),
        ("contact=grace", LogFilter(contact_id="grace")),
        ("number=020%207946%200123", LogFilter(number=NUMBER)),
        ("number=+442079460123", LogFilter(number=NUMBER)),
        ("number=1002", LogFilter(number="1002")),
        ("number=*43", LogFilter(number="*43")),
        ("direction=inbound&disposition=missed", LogFilter(direction="inbound", disposition=Disposition.MISSED)),
        ("q=gra%20hop", LogFilter(text=LogText("gra hop"))),
        ("q=79460", LogFilter(text=LogText("79460", NumberPart(("+79460", "+4479460"), "79460")))),
        ("agent=&contact=&number=&direction=&disposition=&q=&from=&until=&limit=&cursor=", LogFilter()),
    ],
)
async def test_filters_are_read(client: Client, world: World, query: str, wanted: LogFilter) -> None:
    await ids(client, query)
    assert world.call_log.asked == [wanted]


async def test_a_text_without_any_word_finds_nothing(client: Client, world: World) -> None:
    assert await ids(client, "q=%21%3F") == []
    assert world.call_log.asked == []
    answer = await client.get(f"{LOG}?q=%21", headers=AS_CSV)
    assert len((await answer.text()).splitlines()) == 1


async def test_pages_follow_each_other(client: Client) -> None:
    first = await (await client.get(f"{LOG}?limit=1")).json()
    second = await (await client.get(f"{LOG}?limit=1&cursor={first['next']}")).json()
    assert [first["calls"][0]["id"], second["calls"][0]["id"], second["next"]] == ["call-1", "call-9", None]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "cursor=x",
        "cursor=WyJhIiwiYiJd",
        "cursor=Wy0xLCJhIl0",
        "cursor=WzI1MzQwMjMwMDgwMDAwMDAwMCwiYSJd",
        "cursor=WzEsIlx1MDAwMCJd",
        "from=yesterday",
        "from=1772355600",
        "from=0001-01-01",
        "until=9999-12-31",
        "until=2026-03-01T10:00:00-99:00",
        "from=2026-03-01&from=2026-03-02",
        "direction=up",
        "disposition=won",
        "disposition=answered&disposition=missed",
        "agent=a%00b",
        f"agent={'x' * 255}",
        "contact=%0A",
        f"contact={'x' * 129}",
        f"q={'x' * 129}",
        "q=%FF",
        "q=a%00b",
    ],
)
async def test_a_query_that_cannot_be_read_is_told(client: Client, world: World, query: str) -> None:
    await refused(client, "GET", f"{LOG}?{query}", 400, "malformed")
    assert world.call_log.asked == []


@pytest.mark.parametrize("number", ["anna", "%2B", "12%20ab", "020794601234567890123"])
async def test_what_is_no_number_is_told(client: Client, number: str) -> None:
    await refused(client, "GET", f"{LOG}?number={number}", 422, "invalid_number")


# one call


async def test_a_call_is_shown_by_any_id_of_its_chain(client: Client) -> None:
    for call_id in ("call-1", "call-2"):
        shown = await (await client.get(f"{LOG}/{call_id}")).json()
        assert shown["id"] == "call-1"


@pytest.mark.parametrize("call_id", ["absent", "a%00b", "%FF", "x" * 129])
async def test_an_unknown_call_is_not_there(client: Client, call_id: str) -> None:
    for method, body in (("GET", None), ("PATCH", {"notes": "x"})):
        await refused(client, method, f"{LOG}/{call_id}", 404, "call_not_found", json=body)


async def test_notes_and_outcome_are_added_and_emptied(client: Client, world: World) -> None:
    changed = await client.patch(f"{LOG}/call-2", json={"notes": " Two lines:\n\tthe second ", "outcome": "won"})
    body = await changed.json()
    assert (changed.status, body["notes"], body["outcome"]) == (200, "Two lines:\n\tthe second", "won")
    assert (await (await client.patch(f"{LOG}/call-1", json={"notes": None, "outcome": " "})).json())["outcome"] is None
    assert (await client.patch(f"{LOG}/call-1", json={})).status == 200
    assert world.call_log.changes[-2:] == [{"notes": None, "outcome": None}, {}]


async def test_a_call_is_moved_to_another_contact(client: Client) -> None:
    body = await (await client.patch(f"{LOG}/call-1", json={"contact_id": "ada"})).json()
    assert (body["contact"], body["contact_by"]) == ({"id": "ada", "name": "Ada Lovelace", **UNKNOWN}, "person")
    assert (await (await client.patch(f"{LOG}/call-1", json={"contact_id": None})).json())["contact"] is None
    for contact_id in ("absent", "a\u0000b"):
        body = {"contact_id": contact_id}
        await refused(client, "PATCH", f"{LOG}/call-1", 404, "contact_not_found", json=body)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"notes": 7}, "`$.notes`"),
        ({"notes": "x" * 10_001}, "notes: 10000"),
        ({"notes": "a\u0000b"}, "notes: holds"),
        ({"outcome": "x" * 201}, "outcome: 200"),
        ({"outcome": "a\nb"}, "outcome: holds"),
        ({"contact_id": ""}, "`$.contact_id`"),
        ({"contact_id": "x" * 129}, "`$.contact_id`"),
        ({"disposition": "answered"}, "`disposition`"),
        ([], "expected `object`"),
    ],
)
async def test_changes_that_cannot_be_are_told(client: Client, world: World, body: Any, named: str) -> None:
    assert named in await refused(client, "PATCH", f"{LOG}/call-1", 400, "malformed", json=body)
    assert world.call_log.changes == []


# who sees what


@pytest.mark.parametrize("token", [ANNAS_SESSION, ANNAS_TOKEN])
async def test_agents_see_and_change_what_they_had_to_do_with(client: Client, world: World, token: str) -> None:
    mine = bearer(token)
    assert await ids(client, headers=mine) == ["call-1"]
    assert await ids(client, f"agent={BORIS.email}", headers=mine) == ["call-1"]
    assert world.call_log.asked[-1] == LogFilter(agent=BORIS.email, visible=frozenset({ANNA.email}))
    lines = (await (await client.get(LOG, headers=mine | AS_CSV)).text()).splitlines()
    assert len(lines) == 2
    assert (await client.patch(f"{LOG}/call-1", json={"notes": "x"}, headers=mine)).status == 200


@pytest.mark.parametrize("token", [ANNAS_SESSION, ANNAS_TOKEN])
async def test_another_agents_call_does_not_exist(client: Client, world: World, token: str) -> None:
    before = dict(world.call_log.rows)
    for method, body in (("GET", None), ("PATCH", {"notes": "mine now"})):
        answers = [
            await client.request(method, f"{LOG}/{call_id}", json=body, headers=bearer(token))
            for call_id in ("call-9", "absent")
        ]
        assert [answer.status for answer in answers] == [404, 404]
        assert await answers[0].read() == await answers[1].read()
    assert world.call_log.rows == before


async def test_a_token_for_all_agents_sees_all(client: Client) -> None:
    assert await ids(client, headers=bearer(LINK_TOKEN)) == ["call-1", "call-9"]


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_no_token_is_refused_before_anything_else(wire: Wire, method: str, path: str) -> None:
    answer = await wire.request(method, path.replace("{id}", "call-1") + "?limit=x", body=b"{")
    assert (answer.status, answer.json["code"]) == (401, "unauthorized")


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("accept", ["application/json", "text/csv"])
async def test_a_database_that_is_away_is_told(
    client: Client, world: World, method: str, path: str, accept: str
) -> None:
    world.call_log.failure = DatabaseUnreachable()
    body = {"notes": "x"} if method == "PATCH" else None
    path = path.replace("{id}", "call-1")
    await refused(client, method, path, 503, "database_unreachable", json=body, headers={"Accept": accept})
