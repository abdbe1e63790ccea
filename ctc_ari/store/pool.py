"""Connections to PostgreSQL: settings, time limits, and one translation of everything that can go wrong with them."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, TypeAlias

import asyncpg

from ctc_ari.errors import ConfigError, DatabaseUnreachable

__all__ = ["Connection", "Pool", "acquire", "connect", "database_errors", "open_pool"]

#: It reports each failed reconnect with a stack trace; whoever needs the connection says it in one line.
logging.getLogger("asyncpg.pool").setLevel(logging.CRITICAL)

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
else:
    Pool, Connection = asyncpg.Pool, asyncpg.Connection

#: Seconds until a new connection stands, and until a pooled one is free: a click does not wait longer.
CONNECT_TIMEOUT = 2.0
#: Seconds a statement may take, told to the server, and a little more for its answer to come back.
STATEMENT_TIMEOUT = 5.0
COMMAND_TIMEOUT = 6.0

SETTINGS = {
    "application_name": "ctc-ari",
    "statement_timeout": f"{STATEMENT_TIMEOUT:.0f}s",
    "lock_timeout": f"{STATEMENT_TIMEOUT:.0f}s",
    #: A transaction of a process that froze gives its locks back.
    "idle_in_transaction_session_timeout": "30s",
    "timezone": "UTC",
    #: Every statement is short and prepared; compiling one costs more than it saves.
    "jit": "off",
}

#: The server is there and does not want us: nothing that waiting cures.
_REFUSED = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.ClientConfigurationError,
)
#: SQLSTATE classes 08 connection, 53 resources, 57 operator, and a standby that takes no writes. Constraint violations
#: are not among them: they mean something to whoever wrote the statement.
_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.LockNotAvailableError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
    *_REFUSED,
)


@contextmanager
def database_errors() -> Iterator[None]:
    """Turns every way of having no database into DatabaseUnreachable; the cause is kept for the log."""
    try:
        yield
    except _LOST as error:
        raise DatabaseUnreachable from error


@asynccontextmanager
async def acquire(pool: Pool) -> AsyncIterator[Connection]:
    """A pooled connection, waited for no longer than CONNECT_TIMEOUT. Raises DatabaseUnreachable."""
    with database_errors():
        async with pool.acquire(timeout=CONNECT_TIMEOUT) as connection:
            yield connection


async def open_pool(url: str, *, min_size: int = 2, max_size: int = 10) -> Pool:
    """A pool that replaces dead connections by itself. Raises ConfigError when refused, DatabaseUnreachable.

    `jsonb` goes in and comes out as UTF-8 bytes.
    """
    with _connecting():
        return await asyncpg.create_pool(
            url,
            min_size=min_size,
            max_size=max_size,
            timeout=CONNECT_TIMEOUT,
            command_timeout=COMMAND_TIMEOUT,
            max_inactive_connection_lifetime=60.0,
            server_settings=SETTINGS,
            init=_prepare,
        )


async def connect(url: str) -> asyncpg.Connection[asyncpg.Record]:
    """One connection outside any pool, for LISTEN. Raises ConfigError when refused, DatabaseUnreachable."""
    with _connecting():
        connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(
            url, timeout=CONNECT_TIMEOUT, command_timeout=COMMAND_TIMEOUT, server_settings=SETTINGS
        )
    return connection


@contextmanager
def _connecting() -> Iterator[None]:
    try:
        with database_errors():
            yield
    except DatabaseUnreachable as unreachable:
        if isinstance(unreachable.__cause__, _REFUSED):
            raise ConfigError(
                "database.url: PostgreSQL refuses this user, password or database; check each of them"
            ) from unreachable.__cause__
        raise
    except ValueError as error:
        raise ConfigError("database.url: must look like postgresql://user@host/database") from error


async def _prepare(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """The wire format of jsonb is a version byte and then the text."""
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", format="binary", encoder=_encode_jsonb, decoder=_decode_jsonb
    )


def _encode_jsonb(document: bytes) -> bytes:
    return b"\x01" + document


def _decode_jsonb(wire: bytes) -> bytes:
    return wire[1:]
