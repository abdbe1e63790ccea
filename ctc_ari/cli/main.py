"""`ctc-ari`: the service, the demo, the private Asterisk, and administration without HTTP.

Only click is imported here; what a command needs, it imports itself, so that `--help` answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from ctc_ari import __version__
from ctc_ari.cli.agents import agent
from ctc_ari.cli.backup import database
from ctc_ari.cli.contacts import contact
from ctc_ari.cli.log import cdr, log
from ctc_ari.cli.options import config_option, configuration, configuration_file
from ctc_ari.cli.tokens import token

__all__ = ["main"]

_FOLDER = click.Path(path_type=Path, file_okay=False)

WRONG, FAILED, INTERRUPTED = 2, 1, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0, 1 for what failed, 2 for a wrong command or configuration. Errors are one line on stderr."""
    from ctc_ari.errors import AgentNotFound, ConfigError, CtcError, DatabaseUnreachable

    try:
        status = cli.main(args=arguments, prog_name="ctc-ari", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help(), err=True)
        return WRONG
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "ctc-ari"
        return _tell(f"{error.format_message().rstrip('.')}; see `{command} --help`", WRONG)
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except ConfigError as error:
        return _tell(error.message, WRONG)
    except DatabaseUnreachable:
        return _tell("the database cannot be reached; is it running, and is database.url right?", FAILED)
    except CtcError as error:
        hint = "`ctc-ari agent list` shows all"
        unknown = isinstance(error, AgentNotFound) and "`" not in error.message
        return _tell(f"{error.message.rstrip('.')}; {hint}" if unknown else error.message, FAILED)
    except Exception as error:
        if os.environ.get("CTC_DEBUG"):
            raise
        return _tell(f"{type(error).__name__}, which is a mistake of ours; CTC_DEBUG=1 shows where", FAILED)
    #: What a command returns, or the status that it ended with early.
    return status if isinstance(status, int) else 0


def _tell(message: str, status: int) -> int:
    click.echo(f"ctc-ari: {' '.join(message.split())}", err=True)
    return status


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="ctc-ari %(version)s")
@config_option
def cli() -> None:
    """Click-to-call for Asterisk: a link in the CRM rings the agent's phone, then the customer's.

    \b
    Start here:
      ctc-ari demo                     everything on this machine, with a simulated carrier
    Or, in a folder with a config.yaml:
      ctc-ari asterisk install         fetch a private Asterisk, if you have none
      ctc-ari asterisk run             run it
      ctc-ari serve                    the service
      ctc-ari agent add --email anna@example.com --extension 1001
      ctc-ari token create crm         what the CRM shows with each request
    """


@cli.command(short_help="Run the service.")
@config_option
def serve() -> None:
    """Run the service until Ctrl-C.

    Calls survive a restart: they go on in Asterisk and are taken over again.

    \b
    Example:
      ctc-ari serve --config /etc/ctc-ari/config.yaml
    """
    config = configuration()
    from ctc_ari.app import run

    run(config)


@cli.command()
@click.option(
    "--port", type=click.IntRange(1, 65535), default=8080, show_default=True, help="Where the service listens."
)
@config_option
def demo(port: int) -> None:
    """Asterisk, database, service, agents and a simulated carrier on this machine, until Ctrl-C.

    Prints a `curl` line that places a call, and tells what happens. Uses no config.yaml; nothing is left running.

    \b
    Example:
      ctc-ari demo --port 9000
    """
    from ctc_ari.demo.main import run

    run(port)


@cli.group()
@config_option
def config() -> None:
    """Look at the configuration."""


@config.command()
@click.option("--connect", is_flag=True, help="Ask Asterisk and the database, too.")
@config_option
def check(connect: bool) -> None:
    """Tell everything that is wrong with the configuration, a line each, before a start does.

    With --connect also what Asterisk and the database say of it: whether they answer, take the password, have what a
    call needs, and know the trunk and each agent's phone. Nothing rings.

    \b
    Examples:
      ctc-ari config check --config /etc/ctc-ari/config.yaml
      ctc-ari config check --connect
    """
    from ctc_ari.config import examine
    from ctc_ari.config_rules import warnings

    path = configuration_file()
    name = "the defaults (there is no config.yaml here)" if path is None else str(path)
    found, problems = examine(path)
    for problem in problems:
        click.echo(problem, err=True)
    if found is None or problems:
        raise click.exceptions.Exit(WRONG)
    doubts, facts = list(warnings(found)), []
    if connect:
        from ctc_ari.cli.check import look

        seen = look(found)
        for problem in seen.problems:
            click.echo(problem, err=True)
        if seen.problems:
            for warning in seen.warnings:
                click.echo(f"warning: {warning}", err=True)
            raise click.exceptions.Exit(FAILED)
        doubts, facts = doubts + seen.warnings, seen.facts
    for warning in doubts:
        click.echo(f"warning: {warning}")
    server, database, numbers = found.server, found.database, found.numbers
    kept = f"embedded, in {database.data_dir}" if database.url == "embedded" else "PostgreSQL at database.url"
    click.echo(f"{name}: fine")
    click.echo(f"  service   http://{server.host}:{server.port}")
    click.echo(f"  database  {kept}")
    for node in found.asterisk.nodes:
        click.echo(f"  asterisk  {node.name} at {node.ari_url}, as {node.username}")
    click.echo(f"  trunk     {found.asterisk.trunk}")
    click.echo(f"  numbers   {', '.join(numbers.allowed_regions) or 'none'}; read as {numbers.default_region}")
    click.echo(f"  agents    {len(found.agents)} in the configuration")
    for part, fact in facts:
        click.echo(f"  {part:9} {fact}")


@cli.group(short_help="A private Asterisk, without root.")
@config_option
def asterisk() -> None:
    """The private Asterisk: an ordinary one, in a folder of its own, without root."""


@asterisk.command()
@config_option
def install() -> None:
    """Fetch Asterisk 20 or newer from Debian or Ubuntu and unpack it into ~/.cache; nothing is installed.

    \b
    Example:
      ctc-ari asterisk install
    """
    from ctc_ari.runtime.asterisk import install as fetch

    shown = ""

    def progress(text: str, done: int, total: int) -> None:
        nonlocal shown
        line = f"{text} {100 * done // total}%" if total and sys.stderr.isatty() else text
        if line != shown:
            click.echo(f"\r\x1b[K{line}" if sys.stderr.isatty() else line, err=True, nl=not sys.stderr.isatty())
        shown = line

    found = fetch(progress)
    if shown and sys.stderr.isatty():
        click.echo(err=True)
    click.echo(f"Asterisk {'.'.join(map(str, found.version))} is ready; `ctc-ari asterisk run` runs it")


@asterisk.command("run")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Where its files go.  [default: data_dir/asterisk]"
)
@config_option
def run_asterisk(out: Path | None) -> None:
    """Render the configuration and run Asterisk with it until Ctrl-C.

    \b
    Example:
      ctc-ari asterisk run
    """
    from ctc_ari.cli.asterisk import run

    config = configuration()
    run(config, out or Path(config.database.data_dir) / "asterisk")


@asterisk.command("config")
@click.option("--out", type=_FOLDER, required=True, help="The folder to write to.")
@config_option
def render_asterisk(out: Path) -> None:
    """Only write Asterisk's configuration, to look at it or to run Asterisk in another way.

    It is a whole one, in a folder of its own. For an Asterisk you already have take parts of it only, as
    docs/installing.md says.

    \b
    Example:
      ctc-ari asterisk config --out /tmp/asterisk
    """
    from ctc_ari.cli.asterisk import installation
    from ctc_ari.runtime.asterisk import command, render
    from ctc_ari.runtime.postgres import address

    found, config = installation(), configuration()
    url = config.database.url
    records = address(Path(config.database.data_dir)) if url == "embedded" else url
    render(config, out, found, records=records)
    click.echo(f"written to {out}; this runs it:")
    click.echo(" ".join(command(found, out)))


cli.add_command(agent)
cli.add_command(token)
cli.add_command(contact)
cli.add_command(log)
cli.add_command(cdr)
cli.add_command(database)
