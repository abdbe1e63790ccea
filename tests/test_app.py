"""The start and the end of the whole."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest
import yaml

from ctc_ari import app
from ctc_ari.errors import DatabaseUnreachable
from ctc_ari.runtime import processes
from tests.phones import free_port


async def test_told_to_stop_while_it_waits_for_the_database_it_stops(tmp_path: Path) -> None:
    config = {
        "server": {"port": free_port()},
        "database": {"url": f"postgresql://ctc@127.0.0.1:{free_port()}/ctc", "data_dir": str(tmp_path)},
        "asterisk": {
            "nodes": [{"name": "pbx", "ari_url": f"http://127.0.0.1:{free_port()}/ari", "password": "another"}]
        },
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    output = tmp_path / "output"
    command = [sys.executable, "-m", "ctc_ari", "serve", "--config", str(tmp_path / "config.yaml")]
    process = await processes.start(command, output=output)
    try:
        for _ in range(1200):
            if "waiting for the database" in output.read_text():
                break
            await asyncio.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 30) == 0
    finally:
        await processes.stop(process)
    assert len(output.read_text().splitlines()) == 1, "one clear line"


async def test_a_database_that_goes_away_in_the_middle_of_a_start_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(app, "DATABASE_RETRY_SECONDS", 0.01)
    tries: list[int] = []

    async def step() -> str:
        tries.append(len(tries))
        if len(tries) < 4:
            raise DatabaseUnreachable
        return "done"

    assert await app._patiently(step) == "done"
