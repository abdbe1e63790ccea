"""`ctc-ari agent …`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ctc_ari.cli.options import config_option, configuration, one_of, print_table

if TYPE_CHECKING:
    from ctc_ari.calls.model import Agent

__all__ = ["agent"]

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _agent_options(function: _Function) -> _Function:
    for option in reversed(
        (
            click.option("--name", help="Shown to colleagues and on telephones."),
            click.option("--extension", help="Her internal number; without one she gets no calls."),
            click.option("--desk-endpoint", metavar="NAME", help="Her phone in Asterisk: PJSIP/1001."),
            click.option("--contact", metavar="URI", help="A fixed address for a phone that does not register."),
            click.option("--caller-id", metavar="NUMBER", help="What her customers see."),
            click.option("--device", type=click.Choice(["desk", "web"]), help="What rings if a click does not say."),
            click.option("--auto-answer/--no-auto-answer", default=None, help="Her phone picks up by itself."),
        )
    ):
        function = option(function)
    return function


def _email_option(function: _Function) -> _Function:
    function = click.option("--email", "email", metavar="EMAIL", help="Her e-mail address.")(function)
    return click.argument("address", metavar="[EMAIL]", required=False)(function)


def _fields(given: dict[str, Any]) -> dict[str, Any]:
    """What was given; an empty text takes the value away."""
    return {
        key: (None if value == "" and key != "name" else value) for key, value in given.items() if value is not None
    }


def _checked(agent: Agent) -> Agent:
    from ctc_ari.config_rules import check_agent_fields
    from ctc_ari.errors import ConfigError

    try:
        check_agent_fields(agent)
    except ConfigError as error:
        key, colon, reason = error.message.partition(":")
        raise click.UsageError(f"--{key.replace('_', '-')}{colon}{reason}") from None
    return agent


@click.group()
@config_option
def agent() -> None:
    """The people whose phones ring. A running service knows every change at once."""


@agent.command()
@_email_option
@_agent_options
@config_option
def add(address: str | None, email: str | None, **given: Any) -> None:
    """Add an agent.

    \b
    Example:
      ctc-ari agent add --email anna@example.com --name Anna --extension 1001 --desk-endpoint PJSIP/1001
    """
    from ctc_ari.calls.model import Agent
    from ctc_ari.cli.database import with_database
    from ctc_ari.store.agents import add_agent

    new = _checked(Agent(one_of(address, email, "e-mail address"), **_fields(given)))
    added = with_database(configuration(), lambda connection: add_agent(connection, new))
    click.echo(f"added {added.email}")
    if added.extension is None:
        click.echo(f"she gets no calls before `ctc-ari agent set {added.email} --extension …`", err=True)


@agent.command("set")
@_email_option
@_agent_options
@config_option
def change(address: str | None, email: str | None, **given: Any) -> None:
    """Change an agent; only what is given, and an empty value takes one away.

    \b
    Examples:
      ctc-ari agent set anna@example.com --extension 1002 --auto-answer
      ctc-ari agent set anna@example.com --caller-id ""
    """
    from ctc_ari.calls.model import Agent
    from ctc_ari.cli.database import with_database
    from ctc_ari.store.agents import set_agent

    changes = _fields(given)
    email = one_of(address, email, "e-mail address")
    if not changes:
        raise click.UsageError("Nothing to change: give at least one option")
    _checked(Agent(email, **changes))
    with_database(configuration(), lambda connection: set_agent(connection, email, **changes))
    click.echo(f"changed {email}")


@agent.command()
@_email_option
@config_option
def remove(address: str | None, email: str | None) -> None:
    """Remove an agent; her calls stay in the log.

    \b
    Example:
      ctc-ari agent remove anna@example.com
    """
    from ctc_ari.cli.database import with_database
    from ctc_ari.errors import Conflict
    from ctc_ari.store.agents import remove_agent

    email = one_of(address, email, "e-mail address")
    config = configuration()
    if email.lower() in (seed.email.lower() for seed in config.agents):
        raise Conflict(f"{email} stands in the configuration and would be back at once; remove her there first")
    with_database(config, lambda connection: remove_agent(connection, email))
    click.echo(f"removed {email}")


@agent.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@config_option
def show(as_json: bool) -> None:
    """Show all agents.

    \b
    Example:
      ctc-ari agent list --json
    """
    import msgspec

    from ctc_ari.cli.database import with_database
    from ctc_ari.store.agents import read_agents

    agents = with_database(configuration(), read_agents)
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(agents), indent=2, ensure_ascii=False))
    elif not agents:
        click.echo("no agents yet; `ctc-ari agent add --email anna@example.com --extension 1001` adds one", err=True)
    else:
        print_table(
            ("EMAIL", "NAME", "EXTENSION", "DESK ENDPOINT", "CONTACT", "CALLER ID", "DEVICE", "AUTO-ANSWER"),
            [[_cell(value) for value in msgspec.structs.astuple(each)] for each in agents],
        )


def _cell(value: str | bool | None) -> str | None:
    return ("yes" if value else "no") if isinstance(value, bool) else value
