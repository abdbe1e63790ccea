"""`ctc-ari asterisk run`: Asterisk as a child of ours, until somebody wants it to end."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import click

from ctc_ari.config import Config
from ctc_ari.errors import SetupError
from ctc_ari.runtime import asterisk

__all__ = ["installation", "run"]


def installation() -> asterisk.Installation:
    """The Asterisk to use. Raises SetupError."""
    found = asterisk.find()
    if found is None:
        raise SetupError("there is no Asterisk 20 or newer on this machine; `ctc-ari asterisk install` fetches one")
    return found


def run(config: Config, out: Path) -> None:
    """Until SIGINT or SIGTERM. Raises SetupError, also when Asterisk ends by itself."""
    asyncio.run(_run(config, out, installation()))


async def _run(config: Config, out: Path, found: asterisk.Installation) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    stopped = asyncio.create_task(stop.wait())
    async with asterisk.running(config, out, found) as process:
        version = ".".join(map(str, found.version))
        click.echo(f"Asterisk {version} answers at {config.asterisk.nodes[0].ari_url}; its log: {out / 'log/messages'}")
        ended = asyncio.create_task(process.wait())
        await asyncio.wait((ended, stopped), return_when=asyncio.FIRST_COMPLETED)
        if ended.done() and not stopped.done():
            stopped.cancel()
            raise SetupError(f"Asterisk ended by itself with status {ended.result()}; its log: {out / 'log/messages'}")
