"""Fixtures: a fresh `database_url`, `pool` and `store` for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from ctc_ari.store.calls import PostgresCallStore
from ctc_ari.store.pool import Pool
from tests.store import databases
from tests.store.kept_calls import keeping


@pytest.fixture
async def database_url(server: databases.Server) -> AsyncIterator[str]:
    """A database with the current schema and nothing in it."""
    async with server.migrated() as url:
        yield url


@pytest.fixture
async def pool(server: databases.Server, database_url: str) -> AsyncIterator[Pool]:
    """Connections to that database."""
    async with server.pool(database_url) as opened:
        yield opened


@pytest.fixture
async def store(pool: Pool, database_url: str) -> AsyncIterator[PostgresCallStore]:
    """A store of calls that writes."""
    async with keeping(pool, database_url) as running:
        yield running
