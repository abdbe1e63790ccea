"""Pages of other origins: who may read an answer."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient

from tests.http.conftest import Client, Server, World
from tests.http.fakes import TOKEN

CRM = "https://crm.example.com"
CALLS = "/api/v1/calls"
ASKING = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}


@pytest.fixture
async def crm(world: World) -> AsyncIterator[Client]:
    """A service that knows one CRM."""
    services = world.services(allowed_origins=(CRM,), public_url="https://calls.example.com/below")
    async with Server(services) as server:
        client: Client = TestClient(server, headers={"Authorization": f"Bearer {TOKEN}"})
        async with client:
            yield client


@pytest.mark.parametrize("origin", [CRM, "https://calls.example.com"])
async def test_a_page_of_ours_may_ask_and_read(crm: Client, origin: str) -> None:
    asked = await crm.options(CALLS, headers={"Origin": origin, **ASKING})
    assert (asked.status, asked.headers["Access-Control-Allow-Origin"]) == (204, origin)
    assert "Authorization" in asked.headers["Access-Control-Allow-Headers"]
    assert "DELETE" in asked.headers["Access-Control-Allow-Methods"]
    for path in (CALLS, f"{CALLS}/absent", "/readyz"):
        answer = await crm.get(path, headers={"Origin": origin})
        assert (answer.headers["Access-Control-Allow-Origin"], answer.headers["Vary"]) == (origin, "Origin")
        assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("origin", ["https://evil.example", "http://crm.example.com", f"{CRM}.evil.example", "null"])
async def test_another_page_may_neither_ask_nor_read(crm: Client, origin: str) -> None:
    asked = await crm.options(CALLS, headers={"Origin": origin, **ASKING})
    answer = await crm.get(CALLS, headers={"Origin": origin})
    assert asked.status == 405
    assert not [name for each in (asked, answer) for name in each.headers if name.startswith("Access-Control")]


async def test_the_click_is_never_open_to_pages(crm: Client) -> None:
    asked = await crm.options("/ClickToCallAPI", headers={"Origin": CRM, **ASKING})
    assert (asked.status, "Access-Control-Allow-Origin" in asked.headers) == (405, False)


async def test_without_an_origin_nothing_changes(crm: Client) -> None:
    assert (await crm.options(CALLS)).status == 405
    assert "Vary" not in (await crm.get(CALLS)).headers
