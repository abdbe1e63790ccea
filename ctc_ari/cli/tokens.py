"""`ctc-ari token …`."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from ctc_ari.cli.options import config_option, configuration, one_of, print_table

if TYPE_CHECKING:
    from ctc_ari.directory import Right, TokenRecord
    from ctc_ari.store.pool import Connection

__all__ = ["token"]

_SHOWN_ONCE = "This is the only time the token is shown; only its hash is kept:"


@click.group()
@config_option
def token() -> None:
    """What programs such as a CRM show to be let in. A running service knows every change at once."""


@token.command()
@click.argument("label", metavar="[NAME]", required=False)
@click.option("--name", help="What it is for; stands in the log instead of the token.  [default: token, token-2, …]")
@click.option("--agent", "agents", metavar="EMAIL", multiple=True, help="May act for her only; repeat for several.")
@click.option(
    "--right",
    "rights",
    type=click.Choice(["admin", "supervise"]),
    multiple=True,
    help="May administer over REST, or listen in; repeat for both.  [default: admin for all agents, none for some]",
)
@click.option("--no-rights", is_flag=True, help="Calls and contacts only, though it is for all agents.")
@config_option
def create(
    label: str | None, name: str | None, agents: tuple[str, ...], rights: tuple[Right, ...], no_rights: bool
) -> None:
    """Create a token for all agents or for some, and print it on the last line.

    \b
    Examples:
      ctc-ari token create crm
      ctc-ari token create links --no-rights
      ctc-ari token create partner --agent anna@example.com --agent bob@example.com
      ctc-ari token create supervisors --right supervise
    """
    if rights and no_rights:
        raise click.UsageError("Give --right or --no-rights, not both")
    from ctc_ari.cli.database import with_database
    from ctc_ari.store.tokens import create_token

    given = one_of(label, name, "name") if label or name else None
    now = time.time()

    async def work(connection: Connection) -> tuple[TokenRecord, str]:
        free = given or await _free_name(connection, now)
        wanted = rights if rights or no_rights else None
        return await create_token(connection, free, agents or None, now=now, rights=wanted)

    record, secret = with_database(configuration(), work)
    click.echo(f"Token {record.name} ({record.id}) may act for {_scope(record)}{_extras(record)}. {_SHOWN_ONCE}")
    click.echo(secret)


async def _free_name(connection: Connection, now: float) -> str:
    from ctc_ari.store.tokens import read_tokens

    taken = {record.name for record in await read_tokens(connection) if record.live(now)}
    return next(name for name in ("token", *(f"token-{n}" for n in range(2, len(taken) + 3))) if name not in taken)


@token.command()
@click.argument("argument", metavar="[NAME|ID]", required=False)
@click.option("--name", "--id", "option", metavar="NAME|ID", help="Which one.")
@click.option("--grace", type=click.FloatRange(0), default=24, show_default=True, help="Hours the old one still works.")
@config_option
def rotate(argument: str | None, option: str | None, grace: float) -> None:
    """Create a new token in place of an old one, which works on for a while; print the new one on the last line.

    At most two tokens of a name work: rotating again ends the oldest at once.

    \b
    Example:
      ctc-ari token rotate crm --grace 2
    """
    from ctc_ari.cli.database import with_database
    from ctc_ari.store.tokens import rotate_token

    wanted = one_of(argument, option, "name or id, as in `ctc-ari token rotate crm`")
    record, secret = with_database(
        configuration(),
        lambda connection: rotate_token(connection, wanted, now=time.time(), grace=grace * 3600),
    )
    until = f"works for {grace:g} h more" if grace else "works no more"
    click.echo(f"Token {record.name} ({record.id}); the old one {until}. {_SHOWN_ONCE}")
    click.echo(secret)


@token.command()
@click.argument("argument", metavar="[NAME|ID]", required=False)
@click.option("--name", "--id", "option", metavar="NAME|ID", help="Which one.")
@config_option
def revoke(argument: str | None, option: str | None) -> None:
    """End a token at once: one by its id, or all of a name.

    \b
    Example:
      ctc-ari token revoke crm
    """
    from ctc_ari.cli.database import with_database
    from ctc_ari.store.tokens import revoke_token

    wanted = one_of(argument, option, "name or id, as in `ctc-ari token revoke crm`")
    revoked = with_database(configuration(), lambda connection: revoke_token(connection, wanted, now=time.time()))
    for record in revoked:
        click.echo(f"revoked {record.name} ({record.id})")


@token.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--all", "dead_too", is_flag=True, help="Expired and revoked ones too.")
@config_option
def show(as_json: bool, dead_too: bool) -> None:
    """Show the tokens that work; never the tokens themselves.

    \b
    Example:
      ctc-ari token list --all
    """
    from ctc_ari.cli.database import with_database
    from ctc_ari.store.tokens import read_tokens

    now = time.time()
    tokens = [record for record in with_database(configuration(), read_tokens) if dead_too or record.live(now)]
    if as_json:
        click.echo(json.dumps([_as_json(record, now) for record in tokens], indent=2, ensure_ascii=False))
    elif not tokens:
        click.echo("no tokens yet; `ctc-ari token create crm` creates one", err=True)
    else:
        print_table(
            ("ID", "NAME", "MAY ACT FOR", "RIGHTS", "CREATED", "EXPIRES", "REVOKED"),
            [
                (
                    record.id,
                    record.name,
                    _scope(record),
                    ", ".join(sorted(record.rights)),
                    *map(_time, (record.created_at, record.expires_at, record.revoked_at)),
                )
                for record in tokens
            ],
        )


def _scope(record: TokenRecord) -> str:
    return "all agents" if record.agents is None else ", ".join(sorted(record.agents))


def _extras(record: TokenRecord) -> str:
    """What it may do beside calls, in words."""
    words = {"admin": "administer", "supervise": "listen in"}
    return "".join(f" and {words[right]}" for right in sorted(record.rights))


def _as_json(record: TokenRecord, now: float) -> dict[str, Any]:
    return {
        "id": record.id,
        "name": record.name,
        "agents": None if record.agents is None else sorted(record.agents),
        "rights": sorted(record.rights),
        "live": record.live(now),
        "created_at": _time(record.created_at),
        "expires_at": _time(record.expires_at),
        "revoked_at": _time(record.revoked_at),
    }


def _time(moment: float | None) -> str | None:
    if moment is None:
        return None
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
