"""The service as a process of its own: started, killed, started again."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from ctc_ari.runtime.processes import Process, start, stop

__all__ = ["ServiceProcess", "Started"]

#: Followed by the configuration file.
SERVE = ("-m", "ctc_ari", "serve", "--config")
POLL = 0.002


@dataclass(frozen=True)
class Started:
    """How long a start took, in seconds from the fork."""

    reconciled: float
    ready: float


@dataclass
class ServiceProcess:
    """One configuration file and the process that runs it."""

    folder: Path
    document: dict[str, Any]
    port: int
    process: Process | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self.process is not None
        return self.process.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs."""
        return self.process.returncode if self.process else None

    async def start(self, **limits: int) -> Started:
        """Run it and wait until it is ready; `limits` replace those of the configuration."""
        document = self.document | {"limits": self.document["limits"] | limits}
        file, log = self.folder / "config.yaml", self.folder / "service.log"
        file.write_text(json.dumps(document))  # YAML contains JSON
        file.chmod(0o600)
        seen = log.stat().st_size if log.exists() else 0
        begun = time.perf_counter()
        self.process = await start([sys.executable, *SERVE, str(file)], output=log)
        reconciled = 0.0
        async with aiohttp.ClientSession() as session:
            while True:
                if self.process.returncode is not None or time.perf_counter() - begun > 20:
                    raise RuntimeError(f"the service did not start:\n{self.last_words()}")
                if not reconciled and b'"reconciled"' in log.read_bytes()[seen:]:
                    reconciled = time.perf_counter() - begun
                if reconciled and await self._ready(session):
                    return Started(reconciled, time.perf_counter() - begun)
                await asyncio.sleep(POLL)

    def last_words(self) -> str:
        """The end of its log without the everyday lines, for when something went wrong."""
        lines = (self.folder / "service.log").read_text(errors="replace").splitlines()
        return "\n".join([line for line in lines if '"level":"info"' not in line][-40:])

    async def _ready(self, session: aiohttp.ClientSession) -> bool:
        try:
            async with session.get(f"{self.url}/readyz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def kill(self) -> None:
        """As a crash ends it: no farewell to anybody."""
        if self.process is not None:
            if self.process.returncode is None:
                self.process.kill()
            await self.process.wait()
            self.process = None

    async def stop(self) -> None:
        """As an admin ends it."""
        if self.process is not None:
            await stop(self.process)
            self.process = None
