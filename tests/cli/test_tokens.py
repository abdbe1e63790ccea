"""`ctc-ari token …`."""

from __future__ import annotations

import json
import re
from typing import get_args

import click

from ctc_ari.cli.tokens import create
from ctc_ari.directory import Right
from ctc_ari.store.pool import open_pool
from tests.cli.shell import ANNA, Shell, directory


async def test_a_created_token_stands_alone_on_the_last_line_and_opens(ctc: Shell, url: str) -> None:
    ctc.ok(*ANNA)
    text = ctc.ok("token", "create", "crm", "--agent", "anna@example.com")
    assert text.count("only time") == 1
    token = text.splitlines()[-1]
    assert re.fullmatch(r"ctc_[0-9a-f]{12}_[A-Za-z0-9_-]{43}", token)
    pool = await open_pool(url)
    try:
        principal = (await directory(pool, url)).authenticate(token)
    finally:
        await pool.close()
    assert principal.name == "crm"
    assert principal.agents == frozenset({"anna@example.com"})


def test_tokens_are_listed_rotated_and_revoked_and_never_shown_again(ctc: Shell) -> None:
    assert ctc("token", "list").stderr.startswith("no tokens yet; `ctc-ari token create")
    secrets = [ctc.ok("token", "create", "--name", "crm").splitlines()[-1]]
    assert ctc.refused(1, "token", "create", "crm").startswith("There is a live token crm already; rotate it")
    for _ in range(2):
        secrets.append(ctc.ok("token", "rotate", "crm", "--grace", "2").splitlines()[-1])
    listed = json.loads(ctc.ok("token", "list", "--json", "--all"))
    assert [token["live"] for token in listed] == [True, True, False]
    assert [bool(token["expires_at"]) for token in listed] == [False, True, True]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", listed[0]["created_at"])
    table = ctc.ok("token", "list")
    assert len(table.splitlines()) == 3
    assert "all agents" in table
    for secret in secrets:
        assert secret.split("_", 2)[2] not in table + json.dumps(listed)
    assert ctc.ok("token", "revoke", listed[1]["id"]) == f"revoked crm ({listed[1]['id']})\n"
    assert ctc.ok("token", "revoke", "--name", "crm") == f"revoked crm ({listed[0]['id']})\n"
    assert "`ctc-ari token list`" in ctc.refused(1, "token", "revoke", "crm")
    assert "`ctc-ari token list`" in ctc.refused(1, "token", "rotate", "crm")


def test_a_token_is_created_with_rights(ctc: Shell) -> None:
    ctc.ok(*ANNA)
    said = {
        name: ctc.ok("token", "create", name, *more).splitlines()[0]
        for name, more in {
            "crm": (),
            "links": ("--no-rights",),
            "lead": ("--right", "supervise"),
            "both": ("--right", "supervise", "--right", "admin"),
            "partner": ("--agent", "anna@example.com"),
            "team": ("--agent", "anna@example.com", "--right", "supervise"),
        }.items()
    }
    assert "all agents and administer. " in said["crm"]
    assert "all agents. " in said["links"]
    assert "anna@example.com and listen in. " in said["team"]
    assert {token["name"]: token["rights"] for token in json.loads(ctc.ok("token", "list", "--json"))} == {
        "crm": ["admin"],
        "links": [],
        "lead": ["supervise"],
        "both": ["admin", "supervise"],
        "partner": [],
        "team": ["supervise"],
    }
    assert re.search(r" both +all agents +admin, supervise +20", ctc.ok("token", "list"))
    bound = ("token", "create", "x", "--agent", "anna@example.com", "--right", "admin")
    assert ctc.refused(2, *bound).startswith("rights: a token for some agents cannot have admin")
    assert "not both" in ctc.refused(2, "token", "create", "x", "--right", "admin", "--no-rights")
    choice = next(option for option in create.params if option.name == "rights").type
    assert isinstance(choice, click.Choice)
    assert tuple(choice.choices) == get_args(Right)


def test_a_token_without_a_name_gets_one(ctc: Shell) -> None:
    for _ in range(3):
        ctc.ok("token", "create")
    listed = json.loads(ctc.ok("token", "list", "--json"))
    assert {token["name"] for token in listed} == {"token", "token-2", "token-3"}


def test_a_token_for_an_unknown_agent_is_refused_with_what_to_type(ctc: Shell) -> None:
    message = ctc.refused(1, "token", "create", "crm", "--agent", "bob@example.com")
    assert message == "There is no agent bob@example.com; add her first with `ctc-ari agent add`."
