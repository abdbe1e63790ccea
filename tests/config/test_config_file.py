"""What is read: the file, the environment over it, and secrets from files of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from ctc_ari.config import AgentSeed, Config, Database, Node, load
from ctc_ari.errors import ConfigError
from tests.config.files import problem, write


def test_no_file_and_an_empty_file_mean_the_defaults() -> None:
    assert load(None, {}) == Config()
    assert load(write("# nothing\n"), {}) == Config()


def test_config_yaml_in_the_working_directory_is_found_by_itself() -> None:
    write("server: {port: 9001}")
    assert load(None, {}).server.port == 9001


def test_data_dir_counts_from_the_files_folder(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    assert load(write("", "etc/c.yaml"), {}).database.data_dir == "etc/var"
    assert load(write("database: {data_dir: data}", "etc/c.yaml"), {}).database.data_dir == "etc/data"
    assert load(write("database: {data_dir: /srv/x}", "etc/c.yaml"), {}).database.data_dir == "/srv/x"
    assert load(Path("etc/c.yaml"), {"CTC_DATABASE__DATA_DIR": "here"}).database.data_dir == "here"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("server: {", "config.yaml: line 2, column 1: expected the node content"),
        ("server:\n\tport: 1", "config.yaml: line 2, column 1: found character '\\t'"),
        ("server: {}\nserver: {}", "config.yaml: line 2, column 1: `server` is there twice"),
        ("- a", "config.yaml: must hold sections"),
        ("a: \x07", "config.yaml: holds characters that YAML does not allow"),
    ],
)
def test_what_is_not_yaml_is_told_with_its_place(text: str, expected: str) -> None:
    assert problem(text + ("\n" if text.endswith("{") else "")).startswith(expected)


def test_a_missing_or_unreadable_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: no such file; pass an existing one with --config"):
        load(Path("nowhere.yaml"), {})
    with pytest.raises(ConfigError, match="Is a directory"):
        load(tmp_path, {})
    Path("latin.yaml").write_bytes(b"a: \xe4")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(Path("latin.yaml"), {})


def test_plain_values_mean_what_an_admin_thinks() -> None:
    write("""
        numbers: {default_region: NO, allowed_regions: [NO]}
        asterisk: {caller_id: +4722000000}
        inbound: {routes: {+4722000000: anna@example.com}}
        agents: [{email: a@b, extension: 0123, auto_answer: true}]
        """)
    config = load(None, {})
    assert config.numbers.default_region == "NO"
    assert config.asterisk.caller_id == "+4722000000"
    assert config.inbound.routes == {"+4722000000": "anna@example.com"}
    assert config.agents == (AgentSeed(email="a@b", extension="0123", auto_answer=True),)


def test_the_environment_overrides_every_kind_of_key() -> None:
    write("server: {port: 1}\nasterisk: {nodes: [{name: a, password: x}, {name: b, password: y}]}")
    config = load(
        None,
        {
            "CTC_SERVER__PORT": "9000",
            "CTC_SERVER__TRUSTED_PROXIES": "10.0.0.0/8, 192.0.2.1",
            "CTC_NUMBERS__ALLOWED_REGIONS": "[GB, NO]",
            "CTC_NUMBERS__DEFAULT_REGION": "NO",
            "CTC_NUMBERS__BLOCKED_TYPES": "",
            "CTC_ASTERISK__NODES__0__PASSWORD": "12345",
            "CTC_ASTERISK__NODES__1__NAME": "c",
            "CTC_ASTERISK__RING_TIMEOUT__AGENT": "5",
            "CTC_ASTERISK__CALLER_ID": "442079460000",
            "CTC_ASTERISK__TRUNK_CONTACT": "",
            "CTC_DATABASE__URL": "postgresql://ctc@db/ctc",
            "CTC_AGENTS": "[{email: a@b, auto_answer: true}]",
            "CTC_AGENTS__0__EXTENSION": "1001",
            "CTC_DEMO_LEASH": "1",
            "PATH": "/bin",
        },
    )
    assert config.server.port == 9000
    assert config.server.trusted_proxies == ("10.0.0.0/8", "192.0.2.1")
    assert config.numbers.allowed_regions == ("GB", "NO")
    assert config.numbers.default_region == "NO"
    assert config.numbers.blocked_types == ()
    assert [(node.name, node.password) for node in config.asterisk.nodes] == [("a", "12345"), ("c", "y")]
    assert config.asterisk.ring_timeout.agent == 5
    assert config.asterisk.caller_id == "442079460000"
    assert config.asterisk.trunk_contact is None
    assert config.database.url == "postgresql://ctc@db/ctc"
    assert config.agents == (AgentSeed(email="a@b", extension="1001", auto_answer=True),)


def test_one_variable_is_enough_where_there_is_no_file() -> None:
    config = load(None, {"CTC_ASTERISK__NODES__0__PASSWORD": "secret"})
    assert config.asterisk.nodes == (Node(password="secret"),)


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        ("CTC_SERVER__PORT", "high", "server.port: expected int, got str (set by CTC_SERVER__PORT)"),
        ("CTC_SERVER__PORT", "70000", "server.port: must be from 0 to 65535, not 70000 (set by CTC_SERVER__PORT)"),
        (
            "CTC_SERVER__PROT",
            "1",
            "server.prot: unknown key; see config.yaml for the keys there are (set by CTC_SERVER__P",
        ),
        ("CTC_SERVR__PORT", "1", "CTC_SERVR__PORT: there is no section `servr`; there are agents, asterisk, crm, "),
        ("CTC_SERVER__PORT__X", "1", "CTC_SERVER__PORT__X: `port` is a value, not a section"),
        ("CTC_ASTERISK__NODES__5__NAME", "x", "CTC_ASTERISK__NODES__5__NAME: `5` must be the position of one of 1 "),
        ("CTC_ASTERISK__NODES__A__NAME", "x", "CTC_ASTERISK__NODES__A__NAME: `a` must be the position of one of 1 "),
        ("CTC_SERVER", "8080", "server: expected a section, got int (set by CTC_SERVER)"),
        ("CTC_DATABASE__URL_FILE", "/nowhere", "CTC_DATABASE__URL_FILE: /nowhere cannot be read: No such file"),
    ],
)
def test_a_wrong_variable_is_named_in_one_line(variable: str, text: str, expected: str) -> None:
    assert problem("server: {port: 1}\nasterisk: {nodes: [{name: a}]}", **{variable: text}).startswith(expected)


def test_secrets_come_from_files_that_variables_name() -> None:
    write("postgresql://ctc:s3@db/ctc\n", "url")
    write("12345\n", "password")
    config = load(None, {"CTC_DATABASE__URL_FILE": "url", "CTC_ASTERISK__NODES__0__PASSWORD_FILE": "password"})
    assert config.database.url == "postgresql://ctc:s3@db/ctc"
    assert config.asterisk.nodes[0].password == "12345"


def test_secrets_come_from_files_that_the_file_names(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    write("postgresql://ctc@db/ctc\n", "etc/url")
    write("12345\n", "etc/password")
    path = write(
        """
        database: {url_file: url}
        asterisk: {nodes: [{password_file: password}]}
        agents: [{email: a@b, sip_password_file: password}]
        """,
        "etc/config.yaml",
    )
    config = load(path, {})
    assert config.database.url == "postgresql://ctc@db/ctc"
    assert config.asterisk.nodes[0].password == "12345"
    assert config.agents[0].sip_password == "12345"
    assert load(path, {"CTC_ASTERISK__NODES__0__PASSWORD": "other"}).asterisk.nodes[0].password == "other"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("database: {url_file: nowhere}", "database.url_file: nowhere cannot be read: No such file"),
        ("database: {url: embedded, url_file: x}", "database.url_file: `url` is there too; keep one of them"),
        (
            "asterisk: {nodes: [{password_file: /}]}",
            "asterisk.nodes[0].password_file: / cannot be read: Is a directory",
        ),
        ("server: {host_file: x}", "server.host_file: unknown key"),
    ],
)
def test_a_secrets_file_that_cannot_be_had_is_named(text: str, expected: str) -> None:
    assert problem(text).startswith(expected)


def test_a_variable_and_its_file_together_are_refused() -> None:
    write("x", "secret")
    text = problem("", CTC_DATABASE__URL="embedded", CTC_DATABASE__URL_FILE="secret")
    assert text == "CTC_DATABASE__URL_FILE: CTC_DATABASE__URL is set too; keep one of them"


def test_secrets_are_never_printed() -> None:
    config = Config(
        database=Database(url="postgresql://ctc:s3cret@db/ctc"),
        agents=(AgentSeed(email="a@b", sip_password="s3cret"),),
    )
    assert "s3cret" not in repr(config)
    assert "s3cret" not in repr(Node(password="s3cret"))
    assert "a@b" in repr(config)
    for text in ("database: {url: 'mysql://u:s3cret@x'}", 'asterisk: {nodes: [{password: "s3cret\\n"}]}'):
        assert "s3cret" not in problem(text)
