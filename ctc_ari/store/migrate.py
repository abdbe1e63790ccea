"""Brings the database to this version's schema: one query when it is there already, Alembic only when it is not."""

from __future__ import annotations

import io
from pathlib import Path

import asyncpg

from ctc_ari.errors import SetupError
from ctc_ari.store.pool import Connection, Pool, database_errors

__all__ = ["HEAD", "ensure_current"]

#: The newest step in `migrations/versions`; a test compares.
HEAD = "0009"
MIGRATIONS = Path(__file__).parent / "migrations"

#: "ctc_ari" as a number: of several processes that start at once, one migrates and the others wait.
ADVISORY_LOCK = 0x6374635F617269
#: A step over many rows takes as long as it takes.
TIMEOUT = 600.0


async def ensure_current(pool: Pool) -> None:
    """Create or upgrade the schema. Raises SetupError when it is newer than this program, DatabaseUnreachable."""
    with database_errors():
        async with pool.acquire() as connection:
            if await _version(connection) != HEAD:
                await _upgrade(connection)


async def _version(connection: Connection) -> str | None:
    try:
        version: str | None = await connection.fetchval("select version_num from alembic_version")
    except asyncpg.UndefinedTableError:
        return None
    return version


async def _upgrade(connection: Connection) -> None:
    async with connection.transaction():
        await connection.execute("set local statement_timeout = 0; set local lock_timeout = 0")
        await connection.execute("select pg_advisory_xact_lock($1)", ADVISORY_LOCK, timeout=TIMEOUT)
        #: An error would spoil the transaction, so the table is asked for before it is read.
        exists = await connection.fetchval("select to_regclass('alembic_version') is not null")
        version = await _version(connection) if exists else None
        if version != HEAD:
            await connection.execute(script(version), timeout=TIMEOUT)


def script(version: str | None, head: str = HEAD) -> str:
    """The SQL that leads from one version to another. Raises SetupError for an unknown version."""
    #: Imported here: Alembic and SQLAlchemy cost a third of a second, and a restart must not pay it.
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    output = io.StringIO()
    config = Config(attributes={"output": output})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    steps = ScriptDirectory.from_config(config)
    try:
        known = version is None or steps.get_revision(version) is not None
    except CommandError:
        known = False
    if not known:
        raise SetupError(
            f"The database has schema {version}, this program knows {head} at most; start the newer ctc-ari instead."
        )
    with EnvironmentContext(
        config,
        steps,
        fn=lambda current, _: steps._upgrade_revs(head, current),
        as_sql=True,
        starting_rev=version,
        destination_rev=head,
    ):
        steps.run_env()
    return output.getvalue()
