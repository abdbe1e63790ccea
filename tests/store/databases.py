"""A real PostgreSQL for tests: one server, a fresh database for each test, copied from a migrated one in 20 ms."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg

from ctc_ari.runtime import processes
from ctc_ari.runtime.postgres_programs import become, data_owner, program, run
from ctc_ari.store import migrate
from ctc_ari.store.pool import Pool, open_pool

__all__ = ["Server", "server"]

#: Nothing here outlives the tests, so nothing waits for the disk.
SETTINGS = """
listen_addresses = ''
max_connections = 200
fsync = off
synchronous_commit = off
full_page_writes = off
"""
_numbers = itertools.count()


class Server:
    """One running PostgreSQL and the folder it lives in; reached through a socket, as the superuser."""

    def __init__(self, folder: Path) -> None:
        self._data = folder / "data"
        self._log = folder / "log"
        owner = data_owner(self._data)
        self._data.mkdir(mode=0o700)
        self._log.touch()
        self._as_owner: tuple[str, ...] = ()
        if os.geteuid() == 0:
            self._as_owner = become(owner, folder)
            for path in (self._data, self._log):
                os.chown(path, owner, -1)
        self._run("initdb", "-D", str(self._data), "-U", "postgres", "--auth=trust", "-E", "UTF8", "--no-sync")
        with (self._data / "postgresql.conf").open("a") as file:
            file.write(f"{SETTINGS}unix_socket_directories = '{self._data}'\n")
        self.start()

    def _run(self, name: str, *arguments: str) -> None:
        failure = run([*self._as_owner, program(name), *arguments])
        assert not failure, failure

    def _control(self, *arguments: str) -> None:
        self._run("pg_ctl", "-D", str(self._data), "-w", *arguments)

    def start(self) -> None:
        """Run, again perhaps, at the same address."""
        self._control("-l", str(self._log), "start")

    def stop(self) -> None:
        """Close every connection and stop; the data stays."""
        self._control("-m", "fast", "stop")

    def kill(self) -> None:
        """Stop without a farewell, as a power cut would."""
        self._control("-m", "immediate", "stop")

    @property
    def kill_command(self) -> list[str]:
        """What does the same from outside."""
        return [*self._as_owner, program("pg_ctl"), "-D", str(self._data), "-m", "immediate", "stop"]

    @property
    def running(self) -> bool:
        """Whether there is a server now."""
        return (self._data / "postmaster.pid").exists()

    def url(self, database: str = "postgres") -> str:
        """Where a database of this server is reached."""
        return f"postgresql://postgres@/{database}?host={self._data}"

    async def create(self, template: str | None = None) -> str:
        """The URL of a new database, empty or a copy."""
        name = f"t{os.getpid()}_{next(_numbers)}"
        connection = await asyncpg.connect(self.url())
        try:
            await connection.execute(f"create database {name}" + (f" template {template}" if template else ""))
        finally:
            await connection.close()
        return self.url(name)

    @asynccontextmanager
    async def migrated(self) -> AsyncIterator[str]:
        """The URL of a new database with the current schema."""
        yield await self.create(await self._template())

    async def _template(self) -> str:
        connection = await asyncpg.connect(self.url())
        try:
            if await connection.fetchval("select 1 from pg_database where datname = 'migrated'"):
                return "migrated"
            await connection.execute("create database migrated")
        finally:
            await connection.close()
        async with self.pool(self.url("migrated")) as pool:
            await migrate.ensure_current(pool)
        return "migrated"

    @asynccontextmanager
    async def pool(self, url: str) -> AsyncIterator[Pool]:
        """A pool that is closed again, even when its server has gone."""
        pool = await open_pool(url)
        try:
            yield pool
        finally:
            try:
                await asyncio.wait_for(pool.close(), 5)
            except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                pool.terminate()


@contextmanager
def server() -> Iterator[Server]:
    """A PostgreSQL of one's own; removed afterwards, even when the tests are killed."""
    #: /tmp, because a socket's path may have 107 bytes only.
    folder = Path(tempfile.mkdtemp(prefix="ctc-pg-", dir="/tmp"))
    try:
        running = Server(folder)
        guard = processes.guard(
            ["sh", "-c", 'folder=$1; shift; "$@"; rm -rf "$folder"', "sh", str(folder), *running.kill_command]
        )
        try:
            yield running
        finally:
            if running.running:
                running.kill()
            guard.release()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
