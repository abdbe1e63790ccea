"""The command: what an admin types, sees, and gets back as exit status. Every command runs as its own process."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import asyncpg
import click
import pytest

from ctc_ari.cli.tokens import create
from ctc_ari.config import Config
from ctc_ari.directory import Right
from ctc_ari.errors import SetupError
from ctc_ari.runtime import asterisk
from ctc_ari.runtime.postgres import embedded
from ctc_ari.store.contacts import PostgresContacts
from ctc_ari.store.directory import PostgresDirectory
from ctc_ari.store.pool import Pool, open_pool
from tests.store import databases, long_log

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
ANNA = ("agent", "add", "--email", "Anna@example.com", "--name", "Anna", "--extension", "1001")


class Shell:
    """A folder and an environment in which commands are typed."""

    def __init__(self, folder: Path, **environ: str) -> None:
        kept = {
            name: os.environ[name] for name in ("PATH", "HOME", "XDG_CACHE_HOME", "PYTHONPATH") if name in os.environ
        }
        self.folder = folder
        self.environ = {**kept, **environ}

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-m", "ctc_ari"]

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.command, *arguments], cwd=self.folder, env=self.environ, capture_output=True, text=True, timeout=60
        )

    def ok(self, *arguments: str) -> str:
        done = self(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refused(self, status: int, *arguments: str) -> str:
        """The one line that says why."""
        done = self(*arguments)
        assert done.returncode == status, (done.stdout, done.stderr)
        assert done.stdout == ""
        assert re.fullmatch(r"ctc-ari: [^\n]+\n", done.stderr), done.stderr
        return done.stderr.removeprefix("ctc-ari: ").strip()


@pytest.fixture(scope="module")
def server() -> Iterator[databases.Server]:
    with databases.server() as running:
        yield running


@pytest.fixture
async def url(server: databases.Server) -> str:
    return await server.create()


@pytest.fixture
def ctc(tmp_path: Path, url: str) -> Shell:
    """On an empty database."""
    return Shell(tmp_path, CTC_DATABASE__URL=url)


@pytest.fixture
def plain(tmp_path: Path) -> Shell:
    """On no database at all."""
    return Shell(tmp_path, CTC_DATABASE__URL="postgresql://anna:s3cret@127.0.0.1:9/nowhere")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(plain: Shell, command: list[str]) -> None:
    text = plain.ok(*command, "--help")
    assert text.startswith(f"Usage: {' '.join(['ctc-ari', *command])} ")
    assert "--config FILE" in text
    if command not in ([], ["config"], ["asterisk"], ["agent"], ["token"], ["contact"], ["log"], ["cdr"], ["database"]):
        assert re.search(rf"Examples?:\n +ctc-ari {' '.join(command)}", text)


def test_help_answers_at_once(plain: Shell) -> None:
    took = []
    for _ in range(5):
        before = time.perf_counter()
        plain.ok("--help")
        took.append(time.perf_counter() - before)
    #: Measured 0.07 s; the bound leaves room for a busy machine.
    assert min(took) < 0.3
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
def test_a_wrong_command_is_one_line_and_status_2(ctc: Shell, arguments: tuple[str, ...], expected: str) -> None:
    assert ctc.refused(2, *arguments).startswith(expected)


@pytest.mark.parametrize("command", [("serve",), ("agent", "list"), ("token", "create", "x"), ("asterisk", "run")])
def test_a_wrong_configuration_is_one_line_and_status_2(plain: Shell, command: tuple[str, ...]) -> None:
    (plain.folder / "config.yaml").write_text("server: {prot: 1}\n")
    assert plain.refused(2, *command).startswith("server.prot: unknown key")


def test_a_database_out_of_reach_is_one_line_and_status_1(plain: Shell) -> None:
    message = plain.refused(1, "agent", "list")
    assert message == "the database cannot be reached; is it running, and is database.url right?"


def test_a_database_that_refuses_us_is_a_wrong_configuration(plain: Shell, server: databases.Server) -> None:
    plain.environ["CTC_DATABASE__URL"] = server.url("nowhere")
    assert plain.refused(2, "agent", "list").startswith("database.url: PostgreSQL refuses")


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
    (plain.folder / "config.yaml").write_bytes((Path(__file__).parents[1] / "config.yaml").read_bytes())
    first, second, *_ = plain.ok("config", "check").splitlines()
    assert first.startswith("warning: asterisk.nodes[0].password: is still the one everybody knows")
    assert second == "config.yaml: fine"


def test_config_check_works_without_any_file(plain: Shell) -> None:
    assert "the defaults (there is no config.yaml here): fine" in plain.ok("config", "check")


async def test_a_dump_is_restored_into_an_empty_database_only(
    ctc: Shell, server: databases.Server, url: str, tmp_path: Path
) -> None:
    ctc.ok(*ANNA)
    token = ctc.ok("token", "create", "crm").splitlines()[-1]
    connection = await asyncpg.connect(url)
    await long_log.fill(connection, 2)
    await connection.close()
    file = tmp_path / "all.dump"
    assert ctc.ok("database", "dump", str(file)).startswith(f"written to {file}, ")
    assert file.stat().st_mode & 0o077 == 0, "secrets and numbers are in it"
    assert "the database holds calls already" in ctc.refused(1, "database", "restore", str(file))
    restored = await server.create()
    other = Shell(tmp_path, CTC_DATABASE__URL=restored)
    assert other.ok("database", "restore", str(file)) == "restored; start the service\n"
    assert "anna@example.com" in other.ok("agent", "list")
    assert "crm" in other.ok("token", "list")
    connection = await asyncpg.connect(restored)
    assert await connection.fetchval("select count(*) from call_log where length(words) > 3") == 2
    await connection.close()
    assert token not in file.read_text(errors="replace")
    file.write_text("no dump")
    empty = Shell(tmp_path, CTC_DATABASE__URL=await server.create())
    assert empty.refused(1, "database", "restore", str(file)).startswith("pg_restore failed: ")
    missing = tmp_path / "no" / "folder.dump"
    assert "No such file or directory" in ctc.refused(1, "database", "dump", str(missing))


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


async def test_a_created_token_stands_alone_on_the_last_line_and_opens(ctc: Shell, url: str) -> None:
    ctc.ok(*ANNA)
    text = ctc.ok("token", "create", "crm", "--agent", "anna@example.com")
    assert text.count("only time") == 1
    token = text.splitlines()[-1]
    assert re.fullmatch(r"ctc_[0-9a-f]{12}_[A-Za-z0-9_-]{43}", token)
    pool = await open_pool(url)
    try:
        principal = (await opened(pool, url)).authenticate(token)
    finally:
        await pool.close()
    assert principal.name == "crm"
    assert principal.agents == frozenset({"anna@example.com"})


async def opened(pool: Pool, url: str) -> PostgresDirectory:
    directory = PostgresDirectory(pool, url)
    await directory.start()
    await directory.stop()
    return directory


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


CONTACTS = """\ufeffRecord ID;Name;Phone Number;Mobile;E-mail;Notes
1;Grace Hopper;020 7946 0001;07700 900123;grace@example.com;x
2;Alan Turing;12;;;
3;Zoë;+33 1 42 68 53 00;;;
4;;020 7946 0004;;;
"""


async def test_contacts_are_imported_once_and_refused_lines_are_told(ctc: Shell, url: str) -> None:
    (ctc.folder / "people.csv").write_text(CONTACTS, encoding="utf-8")
    done = ctc("contact", "import", "people.csv", "--refused", "refused.csv")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "2 added, 0 changed, 0 as they were, 2 refused",
        "  line 3: Phone Number: The number has too few digits",
        "  line 5: name: must not be empty",
    ]
    assert done.stderr.splitlines() == ["ignored columns: Notes", "4 lines, 100%"]
    assert (ctc.folder / "refused.csv").read_text(encoding="utf-8").splitlines() == [
        "line;reason;Record ID;Name;Phone Number;Mobile;E-mail;Notes",
        "3;Phone Number: The number has too few digits;2;Alan Turing;12;;;",
        "5;name: must not be empty;4;;020 7946 0004;;;",
    ]
    again = ctc("contact", "import", "people.csv")
    assert again.stdout.startswith("0 added, 0 changed, 2 as they were, 2 refused\n")
    assert "--refused FILE" in again.stderr
    pool = await open_pool(url)
    try:
        contacts = PostgresContacts(pool)
        (grace,) = await contacts.with_number("+447700900123")
        assert (grace.id, grace.numbers[1].label) == ("1", "mobile")
        assert [contact.name for contact in (await contacts.search([], None, after=None, limit=9)).contacts] == [
            "Grace Hopper",
            "Zoë",
        ]
    finally:
        await pool.close()


async def test_a_customer_is_erased_by_number_or_by_id(ctc: Shell, url: str) -> None:
    (ctc.folder / "people.csv").write_text(CONTACTS, encoding="utf-8")
    ctc("contact", "import", "people.csv")
    told = ctc.ok("contact", "erase", "--number", "(020) 7946-0001", "--yes")
    assert told.startswith("1 contacts, 0 recordings and 0 webhook messages deleted; 0 calls and 0 of Asterisk's")
    assert ctc.ok("contact", "erase", "3", "--yes").startswith("1 contacts")
    assert ctc.refused(1, "contact", "erase", "3", "--yes") == "There is no contact with that id."
    pool = await open_pool(url)
    try:
        assert await pool.fetchval("select count(*) from contacts") == 0
    finally:
        await pool.close()


@pytest.mark.parametrize("arguments", [(), ("3", "--number", "020 7946 0001")])
def test_one_customer_is_erased_at_a_time(plain: Shell, arguments: tuple[str, ...]) -> None:
    assert "Give a contact's id or --number" in plain.refused(2, "contact", "erase", *arguments, "--yes")


def test_nobody_is_erased_without_being_sure(ctc: Shell) -> None:
    assert ctc("contact", "erase", "3").returncode == 130


def test_what_was_refused_is_mended_and_imported(ctc: Shell) -> None:
    (ctc.folder / "people.csv").write_text(CONTACTS, encoding="utf-8")
    ctc.ok("contact", "import", "people.csv", "--refused", "refused.csv")
    refused = (ctc.folder / "refused.csv").read_text(encoding="utf-8")
    (ctc.folder / "mended.csv").write_text(refused.replace(";12;", ";020 7946 0003;").replace(";4;;", ";4;Ada;"))
    assert ctc.ok("contact", "import", "mended.csv") == "2 added, 0 changed, 0 as they were, 0 refused\n"


def test_more_refused_lines_than_one_can_read_are_counted_by_reason(ctc: Shell) -> None:
    lines = [f"Nr {n},{'12' if n % 2 else '020 7946 0001'}" for n in range(2500)]
    (ctc.folder / "people.csv").write_text("\n".join(["name,phone", *lines]))
    done = ctc("contact", "import", "people.csv")
    first, *told, counted = done.stdout.splitlines()
    assert first == "1,250 added, 0 changed, 0 as they were, 1,250 refused"
    assert (len(told), told[0]) == (10, "  line 3: phone: The number has too few digits")
    assert counted == "  1,250 times: phone: The number has too few digits"
    assert [line.partition(" ")[0] for line in done.stderr.splitlines()[:-1]] == ["1,000", "2,000", "2,500"]


def test_columns_delimiter_and_region_can_be_said(ctc: Shell) -> None:
    (ctc.folder / "people.csv").write_text("Wer~Durchwahl\nGrace~030 901820\n")
    said = ("--delimiter", "~", "--region", "DE", "--column", "name=Wer", "--column", "number=Durchwahl")
    assert ctc.ok("contact", "import", "people.csv", *said).startswith("1 added")


@pytest.mark.parametrize(
    ("content", "arguments", "expected"),
    [
        (b"name,phone\n", ("--region", "UK"), "--region: `UK` is not a region"),
        (b"name,phone\n", ("--delimiter", "ab"), "--delimiter: must be one character"),
        (b"name,phone\n", ("--column", "fax=x"), "--column: must be FIELD=HEADER, and FIELD one of id, name"),
        (b"name,phone\n", ("--column", "name=x"), "people.csv: no column is called `x`; there are `name`, `phone`"),
        (b"name,phone\n", ("--refused", "nowhere/x.csv"), "--refused: cannot write nowhere/x.csv"),
        (b"who,phone\n", (), "people.csv: no column with a name; there are `who`, `phone`"),
        (b"name,phone\nZo\xeb,1\n", (), "people.csv: line 2 is not UTF-8; save it as `CSV UTF-8`"),
        (None, (), "Invalid value for 'FILE': File 'people.csv' does not exist"),
    ],
)
def test_a_file_that_cannot_be_imported_is_one_line(
    ctc: Shell, content: bytes | None, arguments: tuple[str, ...], expected: str
) -> None:
    if content is not None:
        (ctc.folder / "people.csv").write_bytes(content)
    assert ctc.refused(2, "contact", "import", "people.csv", *arguments).startswith(expected)


async def test_commands_work_on_the_embedded_database_while_a_service_uses_it(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.ok(*ANNA)
    async with embedded(tmp_path / "var") as url:
        pool = await open_pool(url)
        try:
            directory = await opened(pool, url)
            assert directory.agent("anna@example.com").extension == "1001"
            token = shell.ok("token", "create", "crm").splitlines()[-1]
            assert (await opened(pool, url)).authenticate(token).name == "crm"
        finally:
            await pool.close()


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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def installed() -> asterisk.Installation:
    try:
        return asterisk.find() or asterisk.install()
    except SetupError as error:
        pytest.skip(str(error))


@pytest.fixture
def pbx(tmp_path: Path, installed: asterisk.Installation) -> Shell:
    """With ports of one's own."""
    assert installed
    ari = f"http://127.0.0.1:{free_port()}/ari"
    sip = f"127.0.0.1:{free_port()}"
    return Shell(tmp_path, CTC_ASTERISK__NODES__0__ARI_URL=ari, CTC_ASTERISK__SIP_BIND=sip)


def test_asterisk_config_writes_the_files_and_says_how_to_run_them(pbx: Shell) -> None:
    text = pbx.ok("asterisk", "config", "--out", "out")
    assert text.startswith("written to out; this runs it:\n")
    assert text.strip().endswith("-f")
    assert f"[{Config().asterisk.nodes[0].username}]" in (pbx.folder / "out/ari.conf").read_text()


def test_asterisk_run_says_when_it_answers_and_ends_when_told(pbx: Shell) -> None:
    with subprocess.Popen(
        [*pbx.command, "asterisk", "run"], cwd=pbx.folder, env=pbx.environ, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Asterisk ")
        assert (pbx.folder / "var/asterisk/asterisk.conf").exists()
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0


def test_asterisk_run_on_a_busy_port_is_one_line(pbx: Shell) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        pbx.environ["CTC_ASTERISK__NODES__0__ARI_URL"] = f"http://127.0.0.1:{busy.getsockname()[1]}/ari"
        assert "cannot be used" in pbx.refused(1, "asterisk", "run")


@pytest.mark.usefixtures("installed")
def test_asterisk_install_says_what_to_type_next(plain: Shell) -> None:
    text = plain.ok("asterisk", "install")
    assert re.search(r"^Asterisk \d+\.\d+\.\d+ is ready; `ctc-ari asterisk run` runs it$", text, re.MULTILINE)


# the call log

CDR_LINES = (
    '"","1003","+442079460001","from-phones","""Carol"" <1003>","PJSIP/1003-01","PJSIP/trunk-02","Dial","x",'
    '"2025-06-15 15:06:40","2025-06-15 15:06:42","2025-06-15 15:06:48",8,6,"ANSWERED","DOCUMENTATION",'
    '"1750000000.1","","","1750000000.1",1\n'
    '"","1003","1001","from-phones","""Carol"" <1003>","PJSIP/1003-03","PJSIP/1001-04","Dial","x",'
    '"2025-06-15 16:06:40","","2025-06-15 16:06:48",8,0,"NO ANSWER","DOCUMENTATION",'
    '"1750003600.1","","","1750003600.1",2\n'
    "not a record\n"
)


def test_records_of_another_asterisk_are_imported_once_and_their_calls_logged(ctc: Shell) -> None:
    ctc.ok(*ANNA)
    (ctc.folder / "Master.csv").write_text(CDR_LINES)
    assert ctc.ok("cdr", "import", "Master.csv").splitlines() == [
        "3 lines: 2 records added, 0 known, 1 refused",
        "  line 3: 1 columns instead of 18 or 21",
        "call log: 2 added, 0 corrected, 0 as they were",
    ]
    assert ctc.ok("cdr", "import", "Master.csv").splitlines()[0] == "3 lines: 0 records added, 2 known, 1 refused"
    assert ctc.ok("log", "rebuild", "--since", "2025-06-15", "--until", "2025-06-15T16:00") == (
        "call log: 0 added, 0 corrected, 1 as they were\n"
    )
    assert ctc.ok("log", "rebuild", "--since", "12h").startswith("call log: 0 added")


def test_a_rebuild_says_which_times_it_understands(ctc: Shell) -> None:
    assert "2026-01-31" in ctc.refused(2, "log", "rebuild", "--since", "yesterday")
    assert "--since" in ctc.refused(2, "log", "rebuild")
