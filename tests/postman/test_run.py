"""newman runs the whole collection against `ctc-ari demo`, as an admin does who imported it and pasted the token."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from ctc_ari.panel import build
from tests.demos import Demo, demo
from tests.panel.modules import installed
from tests.postman.collection import COLLECTION, ENVIRONMENT, FOLDER, read, requests

#: Seconds; half a minute where nothing else wants the processors.
PATIENCE = 240.0


@pytest.fixture(scope="module")
def newman(request: pytest.FixtureRequest) -> list[str]:
    """How to run it."""
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def say(text: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"\n{text}", file=sys.stderr, flush=True)

    (node, *_), _ = build.node("node")
    return [node, str(installed(FOLDER, say) / "node_modules/newman/bin/newman.js")]


async def run(newman: list[str], there: Demo, report: Path) -> dict[str, Any]:
    """One run of the whole collection; newman's report of it."""
    process = await asyncio.create_subprocess_exec(
        *newman, "run", str(COLLECTION), "--environment", str(ENVIRONMENT),
        "--env-var", f"base_url={there.address}", "--env-var", f"token={there.token}",
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


async def what_is_there(there: Demo) -> dict[str, Any]:
    """Everything that an admin can create, and the live calls."""
    headers = {"Authorization": f"Bearer {there.token}"}
    found: dict[str, Any] = {}
    async with aiohttp.ClientSession(there.address, headers=headers) as session:
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
    async with demo(tmp_path) as there:
        before = await what_is_there(there)
        done = await run(newman, there, tmp_path / "report.json")
        failures = [
            f"{each['source'].get('name')}: {each['error']['test'] if 'test' in each['error'] else each['at']}: "
            f"{each['error']['message']}"
            for each in done["failures"]
        ]
        assert not failures, "\n".join(failures)
        assert {each["item"]["name"] for each in done["executions"]} == {
            item["name"] for item in requests(read(COLLECTION))
        }
        assert await what_is_there(there) == before
