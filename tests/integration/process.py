"""The service as its own process, so that it can be killed as nothing but a process can be."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import yaml
from msgspec.structs import replace

from ctc_ari.config import Database, Inbound, RingTimeout, Server
from ctc_ari.runtime import processes
from tests import phones
from tests.integration.world import Exchange, World, prepare
from tests.store import databases

__all__ = ["Killable", "killable"]


@dataclass
class Killable(World):
    """A world whose service can be killed and started again."""

    folder: Path = Path()
    process: processes.Process | None = None

    async def start(self, *, ready: bool = True) -> None:
        """Start it as an admin would."""
        command = [sys.executable, "-m", "ctc_ari", "serve", "--config", str(self.folder / "config.yaml")]
        self.process = await processes.start(command, output=self.folder / "log")
        if ready:
            await self._listening()
            await self.ready()

    async def kill(self) -> None:
        """SIGKILL: it cannot say goodbye."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def up(self, seconds: float) -> None:
        """Wait until it is ready, though it may be starting again and again meanwhile."""
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            with contextlib.suppress(aiohttp.ClientError, AssertionError, OSError):
                await self.ready(200, 2.0)
                return
            assert asyncio.get_running_loop().time() < deadline, (self.folder / "log").read_text()[-2000:]
            await asyncio.sleep(0.1)

    async def _listening(self) -> None:
        for _ in range(1500):
            try:
                async with self.session.get(f"{self.address}/livez"):
                    return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.02)
        raise AssertionError(f"not started: {(self.folder / 'log').read_text()}")


@asynccontextmanager
async def killable(at: Exchange, server: databases.Server, folder: Path, **changes: Any) -> AsyncIterator[Killable]:
    """A service process on that Asterisk with a database of its own; `changes` are of `asterisk`, but for `routes`."""
    routes: dict[str, str | list[str]] = changes.pop("routes", {})
    own = {"app": "killed", "ring_timeout": RingTimeout(agent=10, customer=10)} | changes
    async with server.migrated() as url, aiohttp.ClientSession() as session:
        #: Below the range for outgoing connections: one to a port of that range, before we listen, can meet itself.
        port = phones.free_port()
        config = replace(
            at.config,
            server=Server(port=port),
            database=Database(url=url, data_dir=str(folder / "var")),
            asterisk=replace(at.config.asterisk, **own),
            inbound=Inbound(routes=routes),
        )
        (folder / "config.yaml").write_text(yaml.safe_dump(msgspec.to_builtins(config)))
        token = await prepare(url)
        made = Killable(at, config, url, f"http://127.0.0.1:{port}", token, session, folder=folder)
        await made.start()
        try:
            yield made
        finally:
            if made.process is not None:
                await processes.stop(made.process)
