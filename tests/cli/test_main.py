"""The command: what an admin types, sees, and gets back as exit status."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.shell import Shell

COMMANDS = [
    [],
    ["serve"],
    ["demo"],
    ["config"],
    ["config", "check"],
    ["asterisk"],
    ["asterisk", "install"],
    ["asterisk", "run"],
    ["asterisk", "config"],
    ["agent"],
    ["agent", "add"],
    ["agent", "set"],
    ["agent", "list"],
    ["agent", "remove"],
    ["token"],
    ["token", "create"],
    ["token", "list"],
    ["token", "rotate"],
    ["token", "revoke"],
    ["contact"],
    ["contact", "import"],
    ["contact", "erase"],
    ["log"],
    ["log", "rebuild"],
    ["cdr"],
    ["cdr", "import"],
    ["database"],
    ["database", "dump"],
    ["database", "restore"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(plain: Shell, command: list[str]) -> None:
    text = plain.ok(*command, "--help")
    assert text.startswith(f"Usage: {' '.join(['ctc-ari', *command])} ")
    assert "--config FILE" in text
    if command not in ([], ["config"], ["asterisk"], ["agent"], ["token"], ["contact"], ["log"], ["cdr"], ["database"]):
        assert re.search(rf"Examples?:\n +ctc-ari {' '.join(command)}", text)


def test_help_loads_nothing_that_takes_time() -> None:
    program = "import sys; from ctc_ari.cli import main; main(['--help']); print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert not [name for name in ("asyncpg", "aiohttp", "yaml", "phonenumbers", "alembic") if f"'{name}'" in loaded]


def test_without_a_command_the_help_is_shown(plain: Shell) -> None:
    for group in ((), ("agent",), ("token",), ("contact",), ("asterisk",), ("config",)):
        done = plain(*group)
        assert done.returncode == 2
        assert done.stderr.startswith("Usage: ctc-ari")


def test_the_version_is_told(plain: Shell) -> None:
    assert re.fullmatch(r"ctc-ari \d+\.\d+\.\d+\n", plain.ok("--version"))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("frob",), "No such command 'frob'"),
        (("agent", "add", "--emial", "x"), "No such option"),
        (("agent", "add"), "Give one e-mail address; see `ctc-ari agent add --help`"),
        (("agent", "add", "a@b", "--email", "a@b"), "Give one e-mail address"),
        (("agent", "add", "anna"), "--email: must be an e-mail address, not `anna`"),
        (("agent", "add", "a@b", "--extension", "1&2"), "--extension: must be 1 to 20 digits"),
        (("agent", "add", "a@b", "--desk-endpoint", "PJSIP/x/sip:y"), "--desk-endpoint: must be an endpoint's name"),
        (("agent", "add", "a@b", "--contact", "10.0.0.1"), "--contact: must be a SIP URI such as"),
        (("agent", "add", "a@b", "--caller-id", "Anna"), "--caller-id: must be a number such as"),
        (("agent", "add", "a@b", "--device", "fax"), "Invalid value for '--device'"),
        (("agent", "set", "a@b"), "Nothing to change: give at least one option"),
        (("token", "rotate"), "Give one name or id, as in `ctc-ari token rotate crm`"),
        (("token", "rotate", "crm", "--grace", "-1"), "Invalid value for '--grace'"),
        (("demo", "--port", "0"), "Invalid value for '--port'"),
        (("asterisk", "config"), "Missing option '--out'"),
        (("serve", "--config", "nowhere.yaml"), "nowhere.yaml: no such file; pass an existing one with --config"),
        (("agent", "list", "--config", "nowhere.yaml"), "nowhere.yaml: no such file"),
    ],
)
def test_a_wrong_command_is_one_line_and_status_2(plain: Shell, arguments: tuple[str, ...], expected: str) -> None:
    assert plain.refused(2, *arguments).startswith(expected)


@pytest.mark.parametrize("command", [("serve",), ("agent", "list"), ("token", "create", "x"), ("asterisk", "run")])
def test_a_wrong_configuration_is_one_line_and_status_2(plain: Shell, command: tuple[str, ...]) -> None:
    (plain.folder / "config.yaml").write_text("server: {prot: 1}\n")
    assert plain.refused(2, *command).startswith("server.prot: unknown key")


def test_config_is_accepted_before_and_behind_the_command(plain: Shell) -> None:
    (plain.folder / "good.yaml").write_text("server: {port: 9001}\n")
    (plain.folder / "bad.yaml").write_text("server: {port: 70000}\n")
    for arguments in (
        ("--config", "good.yaml", "config", "check"),
        ("config", "--config", "good.yaml", "check"),
        ("config", "check", "--config", "good.yaml"),
        ("--config", "bad.yaml", "config", "check", "--config", "good.yaml"),
    ):
        assert "http://127.0.0.1:9001" in plain.ok(*arguments)


def test_config_check_tells_every_problem_on_its_own_line(plain: Shell) -> None:
    (plain.folder / "config.yaml").write_text("server: {port: 70000, x: 1}\nnumbers: {default_region: UK}\n")
    done = plain("config", "check")
    assert done.returncode == 2
    assert done.stdout == ""
    assert [line.partition(":")[0] for line in done.stderr.splitlines()] == [
        "server.x",
        "server.port",
        "numbers.default_region",
    ]


def test_config_check_says_fine_and_shows_no_secret(plain: Shell) -> None:
    (plain.folder / "config.yaml").write_text("asterisk: {nodes: [{password: s3cret}]}\n")
    text = plain.ok("config", "check")
    assert text.startswith("config.yaml: fine\n")
    assert "warning" not in text
    assert "s3cret" not in text


def test_config_check_asks_to_change_the_shipped_password(plain: Shell) -> None:
    (plain.folder / "config.yaml").write_bytes((Path(__file__).parents[2] / "config.yaml").read_bytes())
    first, second, *_ = plain.ok("config", "check").splitlines()
    assert first.startswith("warning: asterisk.nodes[0].password: is still the one everybody knows")
    assert second == "config.yaml: fine"


def test_config_check_works_without_any_file(plain: Shell) -> None:
    assert "the defaults (there is no config.yaml here): fine" in plain.ok("config", "check")


@pytest.mark.parametrize("arguments", [("--help",), ("agent", "list", "--json")], ids=" ".join)
def test_a_closed_pipe_is_no_complaint(ctc: Shell, arguments: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*ctc.command, *arguments], cwd=ctc.folder, env=ctc.environ, stdout=writer, stderr=subprocess.PIPE, text=True
    )
    os.close(writer)
    assert done.stderr == ""
    assert done.returncode == 1
