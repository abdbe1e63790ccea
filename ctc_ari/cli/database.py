"""The database as a command uses it: opened, migrated, and closed again, whether the service runs or not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from ctc_ari import logs
from ctc_ari.config import Config
from ctc_ari.runtime.postgres import embedded
from ctc_ari.store.agents import seed_agents
from ctc_ari.store.migrate import ensure_current
from ctc_ari.store.pool import Connection, Pool, acquire, open_pool

__all__ = ["database", "with_database", "with_pool"]

_Result = TypeVar("_Result")


@asynccontextmanager
async def database_pool(config: Config) -> AsyncIterator[Pool]:
    """A connection to the current schema, as often as it is needed.

    Raises ConfigError, SetupError, DatabaseUnreachable.
    """
    async with AsyncExitStack() as stack:
        url = config.database.url
        if url == "embedded":
            url = await stack.enter_async_context(embedded(Path(config.database.data_dir)))
        pool = await open_pool(url, min_size=1, max_size=1)
        stack.push_async_callback(pool.close)
        await ensure_current(pool)
        yield pool


@asynccontextmanager
async def database(config: Config) -> AsyncIterator[Connection]:
    """A connection to the current schema, with the configuration's agents planted as the service would.

    Raises ConfigError, SetupError, DatabaseUnreachable.
    """
    async with database_pool(config) as pool, acquire(pool) as connection:
        await seed_agents(connection, config.agents)
        yield connection


def with_database(config: Config, work: Callable[[Connection], Coroutine[Any, Any, _Result]]) -> _Result:
    """What `work` returns, done on the configuration's database."""

    async def run() -> _Result:
        async with database(config) as connection:
            return await work(connection)

    logs.configure(level=logging.WARNING)
    return asyncio.run(run())


def with_pool(config: Config, work: Callable[[Pool], Coroutine[Any, Any, _Result]]) -> _Result:
    """The same for work that is no single transaction."""

    async def run() -> _Result:
        async with database_pool(config) as pool:
            return await work(pool)

    logs.configure(level=logging.WARNING)
    return asyncio.run(run())
