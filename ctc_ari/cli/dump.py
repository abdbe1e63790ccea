"""The database into one file and back, with the PostgreSQL programs that the embedded one brings along."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from ctc_ari.config import Config
from ctc_ari.errors import SetupError
from ctc_ari.runtime.postgres import embedded
from ctc_ari.runtime.postgres_programs import program
from ctc_ari.store.pool import connect, database_errors

__all__ = ["dump", "restore"]

#: The newest programs say this first, and servers before PostgreSQL 17 do not know it.
_TOO_NEW = b"SET transaction_timeout = 0;\n"


@asynccontextmanager
async def _url(config: Config) -> AsyncIterator[str]:
    if config.database.url != "embedded":
        yield config.database.url
        return
    async with embedded(Path(config.database.data_dir)) as url:
        yield url


def _reached(url: str) -> tuple[str, dict[str, str]]:
    """For libpq, with the password where others on this machine do not see it."""
    parts = urlsplit(url)
    account, at, place = parts.netloc.rpartition("@")
    plain = urlunsplit(parts._replace(netloc=account.partition(":")[0] + at + place))
    return plain, {**os.environ, "PGPASSWORD": unquote(parts.password)} if parts.password else dict(os.environ)


async def dump(config: Config, file: Path) -> None:
    """All of it, as it is at one moment. Raises ConfigError, SetupError, DatabaseUnreachable."""
    async with _url(config) as url:
        await (await connect(url)).close()
        place, environment = _reached(url)
        partial = file.with_name(f".{file.name}.part")
        partial.unlink(missing_ok=True)
        try:
            partial.touch(mode=0o600)
            command = [program("pg_dump"), "-Fc", "--no-owner", "--no-privileges", "-f", str(partial), "-d", place]
            _run(command, environment)
            partial.replace(file)
        except OSError as error:
            raise SetupError(f"{file}: {error.strerror}") from None
        finally:
            partial.unlink(missing_ok=True)


async def restore(config: Config, file: Path) -> None:
    """Into an empty database, all or nothing. Raises ConfigError, SetupError, DatabaseUnreachable."""
    async with _url(config) as url:
        connection = await connect(url)
        try:
            with database_errors():
                used = await connection.fetchval("select to_regclass('calls') is not null")
        finally:
            await connection.close()
        if used:
            raise SetupError(
                "the database holds calls already: name an empty one in database.url, or for the embedded one another "
                "database.data_dir"
            )
        place, environment = _reached(url)
        statements = _run([program("pg_restore"), "--no-owner", "--no-privileges", "-f", "-", str(file)], environment)
        kept = statements.replace(_TOO_NEW, b"", 1)
        command = [program("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "--single-transaction", "-d", place]
        _run(command, environment, kept)


def _run(command: list[str], environment: dict[str, str], fed: bytes | None = None) -> bytes:
    """What it prints. Raises SetupError with what it complains of."""
    done = subprocess.run(command, input=fed, capture_output=True, env=environment, check=False)
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit status {done.returncode}"]
        raise SetupError(f"{Path(command[0]).name} failed: {lines[0]}")
    return done.stdout
