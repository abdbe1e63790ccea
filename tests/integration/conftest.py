"""One Asterisk for all of these tests, and a service for each transport."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.integration.world import TRANSPORTS, Exchange, World, exchange, world
from tests.store import databases


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A scenario takes one transport, the next one the other: what they do with each request, `tests/ari` compares.

    `--both-transports` tries everything with both, and so do tests that say so themselves.
    """
    said = any("transport" in mark.args[0] for mark in metafunc.definition.iter_markers("parametrize"))
    if "transport" in metafunc.fixturenames and not said:
        tests = [name for name in vars(metafunc.module) if name.startswith("test_")]
        turn = tests.index(metafunc.function.__name__) % len(TRANSPORTS)
        both = metafunc.config.getoption("both_transports")
        metafunc.parametrize("transport", TRANSPORTS if both else TRANSPORTS[turn : turn + 1], scope="session")


@pytest.fixture(scope="session")
async def pbx() -> AsyncIterator[Exchange]:
    """Asterisk, the carrier and the agents' phones."""
    async with exchange() as running:
        yield running


@pytest.fixture(scope="session")
async def desk(transport: str, pbx: Exchange, server: databases.Server) -> AsyncIterator[World]:
    """The service, with REST over the event socket or over HTTP."""
    async with world(pbx, server, app=f"it{transport}", transport=transport) as running:
        yield running
