"""What tests of a running Asterisk look at."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from ctc_ari.config import Config
from ctc_ari.runtime.asterisk import Installation

ROOT = Path(__file__).resolve().parents[2]

ALICE = {"email": "alice@example.com", "name": "Alice", "extension": "1001"}


@asynccontextmanager
async def ari(config: Config) -> AsyncIterator[aiohttp.ClientSession]:
    node = config.asterisk.nodes[0]
    login = {"Authorization": aiohttp.encode_basic_auth(node.username, node.password, encoding="utf-8")}
    async with aiohttp.ClientSession(node.ari_url.removesuffix("ari"), headers=login) as session:
        yield session


def console(installation: Installation, out: Path, line: str) -> str:
    done = subprocess.run(
        [*installation.argv, "-C", str(out / "asterisk.conf"), "-rx", line], capture_output=True, text=True, check=True
    )
    return done.stdout


def complaints(out: Path) -> list[str]:
    return [
        line for line in (out / "log" / "messages").read_text().splitlines() if "WARNING" in line or "ERROR" in line
    ]
