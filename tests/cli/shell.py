"""A folder and an environment in which commands are typed; every command runs as its own process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from ctc_ari.store.directory import PostgresDirectory
from ctc_ari.store.pool import Pool

ANNA = ("agent", "add", "--email", "Anna@example.com", "--name", "Anna", "--extension", "1001")


class Shell:
    """A folder and an environment in which commands are typed."""

    def __init__(self, folder: Path, **environ: str) -> None:
        kept = {
            name: os.environ[name] for name in ("PATH", "HOME", "XDG_CACHE_HOME", "PYTHONPATH") if name in os.environ
        }
        self.folder = folder
        self.environ = {**kept, **environ}

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-m", "ctc_ari"]

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.command, *arguments], cwd=self.folder, env=self.environ, capture_output=True, text=True, timeout=60
        )

    def ok(self, *arguments: str) -> str:
        done = self(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refused(self, status: int, *arguments: str) -> str:
        """The one line that says why."""
        done = self(*arguments)
        assert done.returncode == status, (done.stdout, done.stderr)
        assert done.stdout == ""
        assert re.fullmatch(r"ctc-ari: [^\n]+\n", done.stderr), done.stderr
        return done.stderr.removeprefix("ctc-ari: ").strip()


async def directory(pool: Pool, url: str) -> PostgresDirectory:
    """What the service would know of agents and tokens."""
    read = PostgresDirectory(pool, url)
    await read.start()
    await read.stop()
    return read
