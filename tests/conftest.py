"""For all tests: the service logs warnings and worse, nothing else; one PostgreSQL; and what else can be asked for."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from ctc_ari import logs
from tests.store import databases

logs.configure(level=logging.WARNING, readable=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    """What CI has no time for."""
    parser.addoption(
        "--both-transports", action="store_true", help="each integration test over WebSocket and over HTTP"
    )


@pytest.fixture(scope="session")
def server() -> Iterator[databases.Server]:
    """One PostgreSQL for all tests that do nothing to it but ask for databases."""
    with databases.server() as running:
        yield running
