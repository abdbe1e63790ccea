"""newman runs the whole collection against `ctc-ari demo`, as an admin does who imported it and pasted the token."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from ctc_ari.panel import build
from tests import phones
from tests.panel.modules import installed
from tests.postman.collection import COLLECTION, ENVIRONMENT, FOLDER, read, requests

#: Seconds; half a minute where nothing else wants the processors.
PATIENCE = 240.0


@asynccontextmanager
async def demo(folder: Path) -> AsyncIterator[dict[str, str]]:
    """A demo of its own; yields what it prints for the environment."""
    port = phones.free_port()
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ctc_ari", "demo", "--port", str(port), cwd=folder, stdout=asyncio.subprocess.PIPE
    )
    assert running.stdout
    try:
        printed: dict[str, str] = {}
        async with asyncio.timeout(120):
            while line := (await running.stdout.readline()).decode():
                printed |= re.findall(r"\b(base_url|token) (\S+?)(?=[,\s])", line)
                if "Ctrl-C stops" in line:
                    break
        assert set(printed) == {"base_url", "token"}, printed.keys()
        reading = asyncio.create_task(running.stdout.read())
        yield printed
    finally:
        running.send_signal(signal.SIGINT)
        await asyncio.wait_for(running.wait(), 30)
    await reading


@pytest.fixture(scope="module")
def newman(request: pytest.FixtureRequest) -> list[str]:
    """How to run it."""
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def say(text: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"\n{text}", file=sys.stderr, flush=True)

    (node, *_), _ = build.node("node")
    return [node, str(installed(FOLDER, say) / "node_modules/newman/bin/newman.js")]


async def run(newman: list[str], printed: dict[str, str], report: Path) -> dict[str, Any]:
    """One run of the whole collection; newman's report of it."""
    values = [option for name, value in printed.items() for option in ("--env-var", f"{name}={value}")]
    process = await asyncio.create_subprocess_exec(
        *newman, "run", str(COLLECTION), "--environment", str(ENVIRONMENT), *values,
        "--reporters", "json", "--reporter-json-export", str(report),
        env={**os.environ, "NODE_NO_WARNINGS": "1"}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        said, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    return outcome(report, said)


def outcome(report: Path, said: bytes) -> dict[str, Any]:
    """What newman wrote, or else said."""
    assert report.exists(), said.decode()
    return dict(msgspec.json.decode(report.read_bytes())["run"])


async def what_is_there(printed: dict[str, str]) -> dict[str, Any]:
    """Everything that an admin can create, and the live calls."""
    headers = {"Authorization": f"Bearer {printed['token']}"}
    found: dict[str, Any] = {}
    async with aiohttp.ClientSession(printed["base_url"], headers=headers) as session:
        for kind in ("agents", "contacts", "tokens", "webhooks", "calls"):
            async with session.get(f"/api/v1/{kind}", params={"limit": 200}) as answer:
                found[kind] = (await answer.json())[kind]
    for contact in found["contacts"]:
        #: Whoever was called was spoken to.
        del contact["last_spoken_at"]
    return found


async def test_every_request_gets_the_answer_it_describes_and_nothing_is_left(
    newman: list[str], tmp_path: Path
) -> None:
    async with demo(tmp_path) as printed:
        before = await what_is_there(printed)
        done = await run(newman, printed, tmp_path / "report.json")
        failures = [
            f"{each['source'].get('name')}: {each['error']['test'] if 'test' in each['error'] else each['at']}: "
            f"{each['error']['message']}"
            for each in done["failures"]
        ]
        assert not failures, "\n".join(failures)
        assert {each["item"]["name"] for each in done["executions"]} == {
            item["name"] for item in requests(read(COLLECTION))
        }
        assert await what_is_there(printed) == before
