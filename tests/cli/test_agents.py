"""`ctc-ari agent …`."""

from __future__ import annotations

import json

from tests.cli.shell import ANNA, Shell


def test_an_agent_is_added_shown_changed_and_removed(ctc: Shell) -> None:
    assert ctc("agent", "list").stderr.startswith("no agents yet; `ctc-ari agent add")
    assert ctc.ok(*ANNA, "--desk-endpoint", "PJSIP/1001") == "added anna@example.com\n"
    assert ctc.refused(1, *ANNA) == "There is an agent anna@example.com already."
    assert ctc.refused(1, "agent", "add", "b@b", "--extension", "1001").startswith("Extension 1001 belongs to another")
    ctc.ok("agent", "set", "ANNA@example.com", "--auto-answer", "--caller-id", "+442079460001", "--desk-endpoint", "")
    assert json.loads(ctc.ok("agent", "list", "--json")) == [
        {
            "email": "anna@example.com",
            "name": "Anna",
            "extension": "1001",
            "desk_endpoint": None,
            "contact": None,
            "caller_id": "+442079460001",
            "device": "desk",
            "auto_answer": True,
        }
    ]
    heads, row = ctc.ok("agent", "list").splitlines()
    assert heads.split()[:3] == ["EMAIL", "NAME", "EXTENSION"]
    assert row.split() == ["anna@example.com", "Anna", "1001", "-", "-", "+442079460001", "desk", "yes"]
    ctc.ok("agent", "set", "--email", "anna@example.com", "--no-auto-answer")
    assert json.loads(ctc.ok("agent", "list", "--json"))[0]["auto_answer"] is False
    assert ctc.ok("agent", "remove", "anna@example.com") == "removed anna@example.com\n"
    for command in (("agent", "remove", "anna@example.com"), ("agent", "set", "anna@example.com", "--name", "x")):
        assert ctc.refused(1, *command) == "There is no agent with that e-mail address; `ctc-ari agent list` shows all"


def test_an_agent_without_an_extension_is_added_with_a_hint(ctc: Shell) -> None:
    done = ctc("agent", "add", "anna@example.com")
    assert done.returncode == 0
    assert "ctc-ari agent set anna@example.com --extension" in done.stderr


def test_an_agent_of_the_configuration_is_there_and_is_removed_there(ctc: Shell) -> None:
    (ctc.folder / "config.yaml").write_text("agents: [{email: anna@example.com}]\n")
    assert json.loads(ctc.ok("agent", "list", "--json"))[0]["email"] == "anna@example.com"
    assert "stands in the configuration" in ctc.refused(1, "agent", "remove", "anna@example.com")
    ctc.ok("token", "create", "crm", "--agent", "anna@example.com")
