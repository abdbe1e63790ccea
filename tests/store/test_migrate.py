"""Migrations: their sum is `schema.sql`, they run once, and a restart does not pay for them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from ctc_ari.errors import SetupError
from ctc_ari.store import migrate
from ctc_ari.store.pool import Pool
from tests.store.databases import Server

SCHEMA = Path(migrate.__file__).parent / "schema.sql"

CATALOG = {
    "columns": """
        select table_name, column_name, data_type, udt_name, is_nullable, column_default
        from information_schema.columns where table_schema = 'public' order by 1, 2""",
    "order": """
        select table_name, column_name, ordinal_position
        from information_schema.columns where table_schema = 'public' order by 1, 3""",
    "indexes": "select indexname, indexdef from pg_indexes where schemaname = 'public' order by 1",
    "constraints": """
        select conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        from pg_constraint where connamespace = 'public'::regnamespace order by 1, 2""",
    "functions": """
        select proname, pg_get_functiondef(oid) from pg_proc where pronamespace = 'public'::regnamespace order by 1""",
    "triggers": """
        select tgrelid::regclass::text, tgname, pg_get_triggerdef(oid)
        from pg_trigger where not tgisinternal order by 1, 2""",
}


async def catalog(url: str) -> dict[str, list[str]]:
    connection = await asyncpg.connect(url)
    try:
        found = {name: await connection.fetch(query) for name, query in CATALOG.items()}
    finally:
        await connection.close()
    return {name: [str(tuple(row)) for row in rows if "alembic" not in str(row)] for name, rows in found.items()}


async def version(pool: Pool) -> str | None:
    found: str | None = await pool.fetchval("select version_num from alembic_version")
    return found


async def test_the_sum_of_the_migrations_is_schema_sql(server: Server, database_url: str) -> None:
    drawn = await server.create()
    connection = await asyncpg.connect(drawn)
    await connection.execute(SCHEMA.read_text())
    await connection.close()
    migrated = await catalog(database_url)
    assert migrated == await catalog(drawn)
    assert len(migrated["columns"]) > 50
    assert len(migrated["triggers"]) == 8


def test_head_is_the_newest_step() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(migrate.MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == migrate.HEAD


async def test_a_second_run_changes_nothing(pool: Pool) -> None:
    await pool.execute("insert into agents (email) values ('anna@example.com')")
    await migrate.ensure_current(pool)
    assert await version(pool) == migrate.HEAD
    assert await pool.fetchval("select count(*) from agents") == 1


async def test_a_start_waits_for_nobody_when_there_is_nothing_to_do(pool: Pool) -> None:
    async with pool.acquire() as other:
        await other.execute("select pg_advisory_lock($1)", migrate.ADVISORY_LOCK)
        await asyncio.wait_for(migrate.ensure_current(pool), 2)


async def test_an_older_database_is_brought_up_with_what_is_in_it(server: Server, database_url: str) -> None:
    url = await server.create()
    async with server.pool(url) as pool:
        await pool.execute(migrate.script(None, "0001"))
        await pool.execute("insert into agents (email) values ('anna@example.com')")
        await migrate.ensure_current(pool)
        assert await version(pool) == migrate.HEAD
        assert await pool.fetchval("select email from agents") == "anna@example.com"
    assert await catalog(url) == await catalog(database_url)


async def test_a_token_for_all_agents_that_was_there_administers_and_one_for_some_does_not(server: Server) -> None:
    async with server.pool(await server.create()) as pool:
        await pool.execute(migrate.script(None, "0002"))
        await pool.execute("insert into tokens (id, name, hash) values ('a', 'crm', sha256(''))")
        await pool.execute("insert into tokens (id, name, hash, agents) values ('b', 'partner', sha256(''), '{a@b}')")
        await migrate.ensure_current(pool)
        rows = await pool.fetch("select rights from tokens order by id")
    assert [row["rights"] for row in rows] == [["admin"], []]


async def test_several_processes_at_once_migrate_once(server: Server) -> None:
    url = await server.create()
    async with server.pool(url) as one, server.pool(url) as two, server.pool(url) as three:
        await asyncio.gather(*(migrate.ensure_current(pool) for pool in (one, two, three, one, two, three)))
        assert await version(one) == migrate.HEAD
        assert await one.fetchval("select count(*) from alembic_version") == 1


async def test_a_newer_database_is_refused_and_left_alone(pool: Pool) -> None:
    await pool.execute("update alembic_version set version_num = '9999'")
    with pytest.raises(SetupError, match=f"schema 9999, this program knows {migrate.HEAD}"):
        await migrate.ensure_current(pool)
    assert await version(pool) == "9999"


async def test_a_failed_step_leaves_nothing_behind(server: Server) -> None:
    url = await server.create()
    async with server.pool(url) as pool:
        await pool.execute("create table calls (id text)")
        with pytest.raises(asyncpg.DuplicateTableError):
            await migrate.ensure_current(pool)
        tables = await pool.fetch("select tablename from pg_tables where schemaname = 'public'")
        assert [row[0] for row in tables] == ["calls"]


async def test_a_restart_imports_no_alembic_and_asks_one_query(database_url: str) -> None:
    program = """
import asyncio, sys, time
from ctc_ari.store.pool import open_pool
from ctc_ari.store.migrate import ensure_current
async def main():
    pool = await open_pool(sys.argv[1])
    before = time.perf_counter()
    await ensure_current(pool)
    print(time.perf_counter() - before, "alembic" in sys.modules, "sqlalchemy" in sys.modules)
    await pool.close()
asyncio.run(main())
"""
    command = [sys.executable, "-c", program, database_url]
    done = await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True, text=True)
    took, *imported = done.stdout.split()
    assert imported == ["False", "False"]
    assert float(took) < 0.1


async def test_one_agent_has_one_live_call(pool: Pool) -> None:
    insert = """
        insert into calls (id, node, direction, state, phase, agent_email, device, number, created_at, snapshot)
        values ($1, 'pbx1', 'outbound', $2, $2, 'anna@example.com', 'desk', '+442079460018', now(), $3)"""
    await pool.execute(insert, "a", "ended", b"{}")
    await pool.execute(insert, "b", "talking", b'{"id":"b"}')
    with pytest.raises(asyncpg.UniqueViolationError) as caught:
        await pool.execute(insert, "c", "ringing_agent", b"{}")
    assert caught.value.constraint_name == "calls_one_live_per_agent"
    assert await pool.fetchval("select snapshot from calls where id = 'b'") == b'{"id": "b"}'


@pytest.mark.parametrize(
    "statement",
    [
        "insert into agents (email) values ('Anna@example.com')",
        "insert into agents (email) values ('anna')",
        "insert into agents (email, extension) values ('a@b', '1&2')",
        "insert into agents (email, device) values ('a@b', 'fax')",
        "insert into contacts values ('1', 'x'); insert into contact_numbers values ('1', '1@evil')",
        "insert into tokens (id, name, hash) values ('a', 'b', 'short')",
        "insert into tokens (id, name, hash, rights) values ('a', 'b', sha256(''), '{root}')",
        "insert into tokens (id, name, hash, agents, rights) values ('a', 'b', sha256(''), '{a@b}', '{admin}')",
    ],
)
async def test_the_database_itself_refuses_nonsense(pool: Pool, statement: str) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute(statement)


async def test_a_contact_takes_its_numbers_along(pool: Pool) -> None:
    await pool.execute("insert into contacts (id, name) values ('1', 'Bob')")
    await pool.execute("insert into contact_numbers values ('1', '+442079460018', 0)")
    await pool.execute("delete from contacts")
    assert await pool.fetchval("select count(*) from contact_numbers") == 0
