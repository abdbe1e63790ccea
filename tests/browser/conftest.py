"""One service, one Asterisk and one browser for these tests; each gets tabs of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, BrowserContext

from tests.browser.chromium import launched
from tests.browser.stage import Stage, stage
from tests.integration.world import exchange
from tests.store import databases


@pytest.fixture(scope="session")
async def crm(server: databases.Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """Everything on real parts."""
    async with exchange() as pbx, stage(pbx, server, tmp_path_factory.mktemp("browser")) as running:
        yield running


@pytest.fixture
async def context(crm: Stage) -> AsyncIterator[BrowserContext]:
    """A browser profile that may use the microphone; no call outlives it."""
    async with crm.context() as made:
        yield made
    _, body = await crm.desk.api("GET", "/api/v1/calls")
    for call in body["calls"]:
        await crm.desk.api("DELETE", f"/api/v1/calls/{call['id']}")
    await crm.desk.nothing_left()


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """For pages whose service is only pretended."""
    async with launched() as running:
        yield running
