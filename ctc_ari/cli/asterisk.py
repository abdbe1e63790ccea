"""`ctc-ari asterisk run`: Asterisk as a child of ours, until somebody wants it to end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import click

from ctc_ari.config import Config
from ctc_ari.errors import DatabaseUnreachable, SetupError
from ctc_ari.runtime import asterisk
from ctc_ari.runtime.postgres import embedded
from ctc_ari.store.migrate import ensure_current
from ctc_ari.store.pool import open_pool

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
    async with _records(config) as records, asterisk.running(config, out, found, records=records) as process:
        version = ".".join(map(str, found.version))
        click.echo(f"Asterisk {version} answers at {config.asterisk.nodes[0].ari_url}; its log: {out / 'log/messages'}")
        ended = asyncio.create_task(process.wait())
        await asyncio.wait((ended, stopped), return_when=asyncio.FIRST_COMPLETED)
        if ended.done() and not stopped.done():
            stopped.cancel()
            raise SetupError(f"Asterisk ended by itself with status {ended.result()}; its log: {out / 'log/messages'}")


@asynccontextmanager
async def _records(config: Config) -> AsyncIterator[str]:
    """The database that Asterisk writes its records to; it looks for the tables when it starts."""
    async with AsyncExitStack() as stack:
        url = config.database.url
        if url == "embedded":
            url = await stack.enter_async_context(embedded(Path(config.database.data_dir)))
        try:
            pool = await open_pool(url, min_size=1, max_size=1)
            try:
                await ensure_current(pool)
            finally:
                await pool.close()
        except DatabaseUnreachable:
            click.echo("the database cannot be reached; until it can, Asterisk's records are kept in files", err=True)
        yield url
