"""Connections: whatever goes wrong is one error, comes within seconds, and heals by itself."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from ctc_ari.errors import ConfigError, DatabaseUnreachable
from ctc_ari.store import pool as pools
from ctc_ari.store.pool import Pool, acquire, connect, database_errors, open_pool
from tests.store import databases


async def test_jsonb_goes_in_and_comes_out_as_bytes(pool: Pool) -> None:
    assert await pool.fetchval("select $1::jsonb", b'{"a": [1, "\xc3\xa4"]}') == b'{"a": [1, "\xc3\xa4"]}'
    assert await pool.fetchval("select null::jsonb") is None


async def test_the_server_knows_who_is_there_and_how_long_it_may_ask(pool: Pool) -> None:
    assert await pool.fetchval("show application_name") == "ctc-ari"
    assert await pool.fetchval("show statement_timeout") == "5s"
    assert await pool.fetchval("show timezone") == "UTC"


async def test_nobody_there_is_told_quickly() -> None:
    for url in ("postgresql://anna:secret@127.0.0.1:9/x", "postgresql:///x?host=/nowhere"):
        before = time.perf_counter()
        with pytest.raises(DatabaseUnreachable) as caught:
            await open_pool(url)
        assert time.perf_counter() - before < 3
        assert "secret" not in caught.value.message


@pytest.mark.parametrize("opening", [connect, open_pool])
async def test_a_server_that_never_answers_is_given_up_after_two_seconds(
    opening: Callable[[str], Awaitable[object]],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        before = time.perf_counter()
        with pytest.raises(DatabaseUnreachable):
            await opening(f"postgresql://anna@127.0.0.1:{port}/x?sslmode=disable")
        assert 1.5 < time.perf_counter() - before < 4


async def test_a_wrong_database_is_a_wrong_configuration(server: databases.Server) -> None:
    for url in (server.url("nowhere"), "postgresql://x:port/y"):
        with pytest.raises(ConfigError, match=r"database\.url") as caught:
            await open_pool(url)
        assert "\n" not in caught.value.message
        assert url not in caught.value.message


async def test_a_constraint_keeps_its_own_error(pool: Pool) -> None:
    await pool.execute("insert into agents (email) values ('a@b')")
    with pytest.raises(asyncpg.UniqueViolationError):
        async with acquire(pool) as connection:
            await connection.execute("insert into agents (email) values ('a@b')")


async def test_a_closed_pool_is_no_database(pool: Pool) -> None:
    await pool.close()
    with pytest.raises(DatabaseUnreachable):
        async with acquire(pool):
            pass


async def test_an_exhausted_pool_is_told_instead_of_waited_for(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "CONNECT_TIMEOUT", 0.2)
    small = await open_pool(database_url, min_size=1, max_size=1)
    async with acquire(small):
        with pytest.raises(DatabaseUnreachable):
            async with acquire(small):
                pass
    await small.close()


async def test_a_statement_that_takes_too_long_is_ended(pool: Pool) -> None:
    with pytest.raises(DatabaseUnreachable):
        async with acquire(pool) as connection:
            await connection.execute("set statement_timeout = '100ms'; select pg_sleep(5)")
    assert await pool.fetchval("select 1") == 1


@pytest.mark.parametrize("farewell", ["stop", "kill"])
async def test_the_pool_works_again_as_soon_as_postgresql_does(farewell: str, caplog: pytest.LogCaptureFixture) -> None:
    with databases.server() as own:
        async with own.pool(own.url()) as pool:
            await asyncio.gather(*(pool.fetchval("select pg_sleep(0.05)") for _ in range(5)))
            await asyncio.to_thread(getattr(own, farewell))
            for _ in range(3):
                before = time.perf_counter()
                with pytest.raises(DatabaseUnreachable):
                    async with acquire(pool) as connection:
                        await connection.fetchval("select 1")
                assert time.perf_counter() - before < 2.5
            await asyncio.to_thread(own.start)
            for _ in range(10):
                async with acquire(pool) as connection:
                    assert await connection.fetchval("select 1") == 1
    assert "Traceback" not in caplog.text


async def test_a_connection_cut_in_the_middle_is_told_and_replaced(pool: Pool, server: databases.Server) -> None:
    with pytest.raises(DatabaseUnreachable):
        async with acquire(pool) as connection:
            await connection.execute("select pg_terminate_backend(pg_backend_pid())")
    async with acquire(pool) as connection:
        assert await connection.fetchval("select 1") == 1


def test_programming_errors_are_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError), database_errors():
        raise ZeroDivisionError
    with pytest.raises(asyncpg.PostgresSyntaxError), database_errors():
        raise asyncpg.PostgresSyntaxError
