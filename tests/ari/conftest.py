"""One private Asterisk for these tests; what a test does to it, it undoes."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from msgspec.structs import replace

from ctc_ari.ari.gateway import Gateway
from ctc_ari.calls.ports import Heard, Snapshot
from ctc_ari.config import Asterisk, Config, Node
from ctc_ari.runtime import asterisk, processes
from tests.phones import free_port


@dataclass
class Pbx:
    """An Asterisk that can be frozen, killed and started again."""

    config: Asterisk
    folder: Path
    installation: asterisk.Installation
    process: processes.Process
    #: A phone's address at which INVITEs arrive and nobody speaks.
    phone: str

    @property
    def node(self) -> Node:
        return self.config.nodes[0]

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It neither answers nor hangs up."""
        os.kill(self.process.pid, signal.SIGSTOP)
        try:
            while not self._stopped():
                time.sleep(0.001)
            yield
        finally:
            os.kill(self.process.pid, signal.SIGCONT)

    def _stopped(self) -> bool:
        """Whether all of its threads are; a busy one on another processor stops a moment later (proc_pid_stat(5))."""
        threads = Path(f"/proc/{self.process.pid}/task").glob("*/stat")
        return all(thread.read_text().rpartition(")")[2].split()[0] == "T" for thread in threads)

    async def kill(self) -> None:
        """As a crash would."""
        self.process.kill()
        await self.process.wait()

    async def start(self) -> None:
        """Again, with the files and at the address of before."""
        command = asterisk.command(self.installation, self.folder)
        self.process = await processes.start(command, output=self.folder / "log" / "console")


@dataclass
class Watched:
    """A running gateway and what it said: of which channel, and what."""

    gateway: Gateway
    snapshots: list[Snapshot] = field(default_factory=list)
    inputs: list[tuple[str, Heard]] = field(default_factory=list)
    #: Whether each request was answered.
    timed: list[bool] = field(default_factory=list)

    async def until(self, condition: Callable[[], bool], seconds: float = 20.0) -> float:
        """Seconds until it held."""
        before = time.monotonic()
        while not condition():
            passed = time.monotonic() - before
            assert passed < seconds, f"not within {seconds} s; trouble: {self.gateway.trouble}"
            await asyncio.sleep(0.02)
        return time.monotonic() - before

    async def connected(self, seconds: float = 20.0) -> float:
        """Seconds until calls could be placed."""
        return await self.until(lambda: self.gateway.connected, seconds)


@asynccontextmanager
async def gateway(config: Asterisk) -> AsyncIterator[Watched]:
    """A gateway that is kept connected until the block ends."""
    snapshots: list[Snapshot] = []
    inputs: list[tuple[str, Heard]] = []
    timed: list[bool] = []
    made = Gateway(
        config.nodes[0],
        config,
        feed=lambda channel, heard: inputs.append((channel, heard)),
        reconcile=snapshots.append,
        timed=lambda seconds, answered: timed.append(answered and seconds > 0),
    )
    task = asyncio.create_task(made.run())
    try:
        yield Watched(made, snapshots, inputs, timed)
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled(), task.exception()


@pytest.fixture(scope="package")
async def pbx() -> AsyncIterator[Pbx]:
    """Asterisk on free ports."""
    folder = Path(tempfile.mkdtemp(prefix="ctc-ari-"))
    config = Config(
        asterisk=Asterisk(
            nodes=(Node(name="pbx", ari_url=f"http://127.0.0.1:{free_port()}/ari", password="gateway-tests"),),
            sip_bind=f"127.0.0.1:{free_port()}",
            trunk_contact=f"sip:127.0.0.1:{free_port()}",
        )
    )
    installation = asterisk.find() or asterisk.install()
    try:
        async with asterisk.running(config, folder / "asterisk", installation) as process:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
                phone.bind(("127.0.0.1", 0))
                address = f"127.0.0.1:{phone.getsockname()[1]}"
                running = Pbx(config.asterisk, folder / "asterisk", installation, process, address)
                try:
                    yield running
                finally:
                    if running.process is not process:
                        await processes.stop(running.process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def named(pbx: Pbx, app: str, **changes: object) -> Asterisk:
    """That Asterisk's configuration for an application of its own."""
    return replace(pbx.config, app=app, **changes)
