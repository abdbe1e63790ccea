"""`ctc-ari demo` as a newcomer starts it, in a folder and on a port of its own."""

from __future__ import annotations

import asyncio
import fcntl
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from ctc_ari.runtime import packages
from tests import phones

__all__ = ["Demo", "demo"]

#: Seconds until it is there, also on a busy machine that has to fetch Asterisk first.
PATIENCE = 240.0


@dataclass
class Demo:
    """What a demo prints."""

    #: The reference desk.
    page: str
    #: The service.
    address: str
    token: str
    #: Has the simulated carrier's customer call.
    carrier: str
    #: What it went on telling, once it has ended.
    story: str = ""


@asynccontextmanager
async def demo(folder: Path) -> AsyncIterator[Demo]:
    """A running demo, ended as Ctrl-C ends it."""
    async with AsyncExitStack() as stack:
        async with _alone():
            running = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "ctc_ari", "demo", "--port", str(phones.free_port()),
                cwd=folder, stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
            stack.push_async_callback(_interrupt, running)
            assert running.stdout
            printed = await _welcome(running.stdout)
        yield printed
        printed.story = await _interrupt(running)


async def _interrupt(running: asyncio.subprocess.Process) -> str:
    """Ends it, unless it has ended; what it told meanwhile is read, so that it never waits for a reader."""
    if running.returncode is None:
        running.send_signal(signal.SIGINT)
    told, _ = await asyncio.wait_for(running.communicate(), 30)
    return told.decode()


async def _welcome(output: asyncio.StreamReader) -> Demo:
    text = ""
    async with asyncio.timeout(PATIENCE):
        while line := (await output.readline()).decode():
            text += line
            if "Ctrl-C stops" in line:
                break
    page = re.search(r"Open (http://\S+) in a browser", text)
    service = re.search(r"base_url (http://\S+), token (\S+)", text)
    carrier = re.search(r"curl -X POST (http://\S+)", text)
    assert page, f"the demo ended: {text}"
    assert service, text
    assert carrier, text
    return Demo(page[1], service[1], service[2], carrier[1])


@asynccontextmanager
async def _alone() -> AsyncIterator[None]:
    """Two that start in the same seconds would choose the same ports for their Asterisks."""
    folder = packages.cache_dir()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "demo.lock").open("w") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        yield
