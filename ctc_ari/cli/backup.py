"""`ctc-ari database`: all of the service's data into one file, and back."""

from __future__ import annotations

from pathlib import Path

import click

from ctc_ari.cli.options import config_option, configuration

__all__ = ["database"]

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group(short_help="Back up and restore.")
@config_option
def database() -> None:
    """All of the service's data: agents, contacts, tokens, webhooks, calls, the call log, Asterisk's records."""


@database.command()
@click.argument("file", type=_FILE)
@config_option
def dump(file: Path) -> None:
    """Write everything into FILE, while the service runs or not. The file holds secrets and customers' numbers.

    \b
    Example:
      ctc-ari database dump /var/backups/ctc-ari-2026-03-01.dump
    """
    import asyncio

    from ctc_ari.cli.dump import dump as write

    asyncio.run(write(configuration(), file))
    click.echo(f"written to {file}, {file.stat().st_size:,} bytes")


@database.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@config_option
def restore(file: Path) -> None:
    """Read what `dump` wrote into an empty database; the service must not run.

    An older schema is upgraded when the service starts.

    \b
    Example:
      ctc-ari database restore /var/backups/ctc-ari-2026-03-01.dump
    """
    import asyncio

    from ctc_ari.cli.dump import restore as read

    asyncio.run(read(configuration(), file))
    click.echo("restored; start the service")
