"""One Asterisk for all of these tests, and a service for each transport."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.integration.world import Exchange, World, exchange, world
from tests.store import databases


@pytest.fixture(scope="session")
def server() -> Iterator[databases.Server]:
    """One PostgreSQL for all of these tests."""
    with databases.server() as running:
        yield running


@pytest.fixture(scope="session")
async def pbx() -> AsyncIterator[Exchange]:
    """Asterisk, the carrier and the agents' phones."""
    async with exchange() as running:
        yield running


@pytest.fixture(scope="session", params=["websocket", "http"])
async def desk(request: pytest.FixtureRequest, pbx: Exchange, server: databases.Server) -> AsyncIterator[World]:
    """The service, once with REST over the event socket and once over HTTP."""
    async with world(pbx, server, app=f"it{request.param}", transport=request.param) as running:
        yield running
