"""The configuration: what is written in config.yaml, said by the environment, and told to whoever got it wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from ctc_ari import config as config_module
from ctc_ari.config import AgentSeed, Config, Database, Node, examine, load
from ctc_ari.config_rules import warnings
from ctc_ari.errors import ConfigError

SHIPPED = Path(__file__).parents[1] / "config.yaml"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of one's own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(text: str, name: str = "config.yaml") -> Path:
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


def problem(text: str, **environ: str) -> str:
    """The one line that a start with this file stops with."""
    with pytest.raises(ConfigError) as caught:
        load(write(text), environ)
    assert "\n" not in caught.value.message
    return caught.value.message


def keys_of(value: Any, prefix: str = "") -> set[str]:
    if isinstance(value, dict) and value:
        return {path for key, below in value.items() for path in keys_of(below, f"{prefix}.{key}" if prefix else key)}
    if isinstance(value, list | tuple) and value and isinstance(value[0], dict):
        return keys_of(value[0], f"{prefix}[]")
    return {prefix}


def test_the_shipped_file_says_exactly_the_defaults(elsewhere: Path) -> None:
    (elsewhere / "config.yaml").write_bytes(SHIPPED.read_bytes())
    assert load(None, {}) == Config()


def test_the_shipped_file_shows_every_key_there_is() -> None:
    written = keys_of(yaml.safe_load(SHIPPED.read_text(encoding="utf-8")))
    assert written == keys_of(msgspec.to_builtins(Config()))
    commented = (
        SHIPPED.read_text(encoding="utf-8").partition("agents: []\n")[2].replace("#", "", 1).replace("\n#", "\n")
    )
    example = yaml.safe_load(commented)[0]
    assert list(example) == list(AgentSeed.__struct_fields__)
    assert msgspec.convert(example, AgentSeed).email == "anna@example.com"


def test_the_keys_are_those_of_the_contract() -> None:
    assert sorted(keys_of(msgspec.to_builtins(Config()))) == [
        "agents",
        "asterisk.app",
        "asterisk.caller_id",
        "asterisk.extensions",
        "asterisk.log_folder",
        "asterisk.max_call_seconds",
        "asterisk.nodes[].ari_url",
        "asterisk.nodes[].name",
        "asterisk.nodes[].password",
        "asterisk.nodes[].username",
        "asterisk.ring_timeout.agent",
        "asterisk.ring_timeout.customer",
        "asterisk.sip_bind",
        "asterisk.transport",
        "asterisk.trunk",
        "asterisk.trunk_addresses",
        "asterisk.trunk_contact",
        "crm.http.agent.extension",
        "crm.http.agent.name",
        "crm.http.agent_url",
        "crm.http.authorization",
        "crm.http.cache_seconds",
        "crm.http.calls_url",
        "crm.http.contact.company",
        "crm.http.contact.email",
        "crm.http.contact.id",
        "crm.http.contact.name",
        "crm.http.contact.url",
        "crm.http.contact_url",
        "crm.http.header",
        "crm.kind",
        "crm.zammad.url",
        "database.data_dir",
        "database.url",
        "inbound.routes",
        "limits.agent_calls_per_minute",
        "limits.calls_per_second",
        "limits.concurrent_calls",
        "limits.duplicate_window",
        "log.keep_days",
        "log.keep_recordings_days",
        "numbers.allowed_regions",
        "numbers.blocked_types",
        "numbers.default_region",
        "numbers.emergency",
        "server.allowed_origins",
        "server.host",
        "server.port",
        "server.public_url",
        "server.trusted_proxies",
        "webhooks.allow_private",
        "webhooks.keep_days",
        "webrtc.enabled",
        "webrtc.ice_servers",
        "webrtc.turn_secret",
    ]


def test_public_names() -> None:
    assert all(hasattr(config_module, name) for name in config_module.__all__)
    assert config_module.__all__ == sorted(config_module.__all__)


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
        ("servr: {}", "servr: unknown key; see config.yaml for the keys there are"),
        ("server: {prot: 1}", "server.prot: unknown key; see config.yaml for the keys there are"),
        (
            "asterisk: {nodes: [{naem: x}]}",
            "asterisk.nodes[0].naem: unknown key; see config.yaml for the keys there are",
        ),
        ("server: {port: yes}", "server.port: expected int, got str"),
        ('server: {port: "8080"}', "server.port: expected int, got str"),
        ("server: {port: 8080.5}", "server.port: expected int, got float"),
        ("server: [1]", "server: expected a section, got a list"),
        ("server:", "server: expected a section, got null"),
        ("numbers: {allowed_regions: GB}", "numbers.allowed_regions: expected a list, got str"),
        (
            "numbers: {allowed_regions: [GB, 1]}",
            "numbers.allowed_regions[1]: expected str, got int; write it in quotes",
        ),
        ("numbers: {blocked_types: [premium]}", "numbers.blocked_types[0]: must be `fixed_line`, `mobile`, "),
        ("numbers: {emergency: allow}", "numbers.emergency: must be `deny`"),
        ("asterisk: {transport: tcp}", "asterisk.transport: must be `auto`, `websocket` or `http`"),
        ("agents: [{name: Anna}]", "agents[0].email: is missing and has no default"),
        ("agents: [anna]", "agents[0]: expected a section, got str"),
        (
            "agents: [{email: a@b, extension: 1001}]",
            "agents[0].extension: expected str, got int; write it in quotes",
        ),
        ("inbound: {routes: {'+441': 5}}", "inbound.routes: expected str or a list, got int; write it in quotes"),
    ],
)
def test_an_unknown_key_or_a_wrong_type_is_named_in_one_line(text: str, expected: str) -> None:
    assert problem(text).startswith(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("server: {port: 70000}", "server.port: must be from 0 to 65535, not 70000"),
        ("server: {allowed_origins: ['https://crm.example.com/']}", "server.allowed_origins[0]: must be scheme, host"),
        ("webrtc: {ice_servers: [{urls: ['http://x']}]}", "webrtc.ice_servers[0].urls[0]: must be like stun:"),
        ("webrtc: {ice_servers: [{urls: []}]}", "webrtc.ice_servers[0].urls: must name"),
        ("webrtc: {ice_servers: [{urls: ['turn:x']}]}", "webrtc.ice_servers[0]: a TURN server needs username"),
        ("webrtc: {ice_servers: [{urls: ['turn:x'], username: u}]}", "webrtc.ice_servers[0]: has a username without"),
        ("server: {trusted_proxies: [proxy]}", "server.trusted_proxies: `proxy` is not an address or network"),
        ("server: {public_url: calls.example.com}", "server.public_url: must look like https://"),
        ("database: {url: mysql://root:secret@x/y}", "database.url: must be `embedded` or postgresql://"),
        ("asterisk: {nodes: []}", "asterisk.nodes: must name at least one Asterisk"),
        ("asterisk: {nodes: [{name: a}, {name: a}]}", "asterisk.nodes: two nodes have the same name"),
        ("asterisk: {nodes: [{ari_url: pbx}]}", "asterisk.nodes[0].ari_url: must look like http"),
        ("asterisk: {nodes: [{ari_url: 'http://u:secret@h/ari'}]}", "asterisk.nodes[0].ari_url: must look like http"),
        ("asterisk: {nodes: [{password: ''}]}", "asterisk.nodes[0].password: must be one line"),
        ("asterisk: {nodes: [{ari_url: 'http://pbx/ari'}]}", "asterisk.nodes[0].password: is still the one everybody"),
        ("asterisk: {trunk: PJSIP/trunk}", "asterisk.trunk: must contain {number} or {e164}"),
        ("asterisk: {trunk: 'PJSIP/{number}@a&PJSIP/b'}", "asterisk.trunk: must be one dial string"),
        ("asterisk: {trunk: '{number}'}", "asterisk.trunk: must be one dial string"),
        ("asterisk: {app: 'a b'}", "asterisk.app: must be letters"),
        ("asterisk: {trunk_contact: carrier}", "asterisk.trunk_contact: must be like sip:carrier"),
        ("asterisk: {caller_id: anna}", "asterisk.caller_id: must be a number"),
        ("asterisk: {sip_bind: localhost}", "asterisk.sip_bind: must be address:port"),
        ("asterisk: {ring_timeout: {agent: 0}}", "asterisk.ring_timeout.agent: must be from 1 to 600"),
        ("asterisk: {max_call_seconds: 0}", "asterisk.max_call_seconds: must be from 1"),
        ("numbers: {allowed_regions: [UK]}", "numbers.allowed_regions: `UK` is not a region"),
        ("limits: {calls_per_second: 0}", "limits.calls_per_second: must be from 1"),
        ("webhooks: {keep_days: 1}", "webhooks.keep_days: must be from 2 to 90"),
        ("crm: {kind: zammad}", "crm.zammad.url: is needed for kind zammad"),
        (
            "crm: {zammad: {url: zammad/secret}}",
            "crm.zammad.url: must look like https://zammad.example.com/api/v1/cti/",
        ),
        ("crm: {kind: http}", "crm.http: name agent_url, contact_url or calls_url"),
        ("crm: {http: {agent_url: crm}}", "crm.http.agent_url: must look like https://"),
        ("crm: {http: {agent_url: 'https://crm/x'}}", "crm.http.agent_url: must contain {email}"),
        ("crm: {http: {contact_url: 'https://crm/x'}}", "crm.http.contact_url: must contain {number} or {digits}"),
        ("crm: {http: {calls_url: 'https://u:secret@crm/x'}}", "crm.http.calls_url: must look like https://"),
        ("crm: {http: {header: 'X Y'}}", "crm.http.header: must be the name of a header"),
        ('crm: {http: {authorization: "a\\r\\nb"}}', "crm.http.authorization: must be one line"),
        ("crm: {http: {agent: {extension: 'a..b'}}}", "crm.http.agent.extension: must be a path such as data.0.id"),
        ("crm: {http: {contact: {id: 'a b'}}}", "crm.http.contact.id: must be a path"),
        ("crm: {http: {cache_seconds: -1}}", "crm.http.cache_seconds: must be from 0"),
        ("asterisk: {extensions: PJSIP/1}", "asterisk.extensions: must be one dial string like PJSIP/{extension}"),
        ("asterisk: {extensions: 'PJSIP/{extension}&PJSIP/2'}", "asterisk.extensions: must be one dial string"),
        (
            "inbound: {routes: {'020 7946 0000': a@b}}",
            "inbound.routes: `020 7946 0000` must be written as E.164 such as",
        ),
        ("inbound: {routes: {'442079460000': a@b}}", "inbound.routes: `442079460000` must be written as E.164"),
        (
            "inbound: {routes: {'+4402079460000': a@b}}",
            "inbound.routes: `+4402079460000` must be written as +442079460000",
        ),
        (
            "inbound: {routes: {'+9992079460000': a@b}}",
            "inbound.routes: `+9992079460000` must begin with the code of a",
        ),
        ("inbound: {routes: {'+442079460000': []}}", "inbound.routes: `+442079460000` leads nowhere; name an agent's"),
        ("inbound: {routes: {'+442079460000': ''}}", "inbound.routes: `+442079460000` leads nowhere"),
        (
            "inbound: {routes: {'+442079460000': anna}}",
            "inbound.routes: `+442079460000` must lead to an agent's e-mail",
        ),
        (
            "inbound: {routes: {'+442079460000': [a@b, '7']}}",
            "inbound.routes: `+442079460000` must lead to e-mails only",
        ),
        ("agents: [{email: anna}]", "agents[0].email: must be an e-mail address, not `anna`"),
        ("agents: [{email: a@b}, {email: A@B}]", "agents[1].email: `a@b` belongs to another agent already"),
        (
            "agents: [{email: a@b, extension: '1'}, {email: c@d, extension: '1'}]",
            "agents[1].extension: `1` belongs to another agent already",
        ),
        ("agents: [{email: a@b, contact: 'sip:x@y?Evil=1'}]", "agents[0].contact: must be a SIP URI"),
        ("agents: [{email: a@b, desk_endpoint: 'PJSIP/a/sip:evil'}]", "agents[0].desk_endpoint: must be an endpoint"),
    ],
)
def test_a_value_that_cannot_work_is_named_in_one_line(text: str, expected: str) -> None:
    assert problem(text).startswith(expected)


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


def test_every_problem_is_found_at_once() -> None:
    config, problems = examine(
        write("""
            server: {port: high, host: 1}
            database: {url: mysql://x}
            numbers: {default_region: UK}
            agents: [{email: anna, extension: 1001}]
            """),
        {"CTC_LIMITS__CONCURRENT_CALLS": "0"},
    )
    assert config is not None
    assert [line.partition(":")[0] for line in problems] == [
        "server.port",
        "server.host",
        "agents[0].extension",
        "database.url",
        "numbers.default_region",
        "limits.concurrent_calls",
        "agents[0].email",
    ]


def test_a_required_key_of_a_wrong_type_is_told_once() -> None:
    config, problems = examine(write("agents: [{email: 1}]"), {})
    assert config is None
    assert problems == ["agents[0].email: expected str, got int; write it in quotes"]


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


def test_what_works_but_hardly_as_meant_is_a_warning() -> None:
    assert [line.partition(":")[0] for line in warnings(load(None, {}))] == ["asterisk.nodes[0].password"]
    config = load(None, {"CTC_ASTERISK__NODES__0__PASSWORD": "x", "CTC_NUMBERS__ALLOWED_REGIONS": "DE"})
    assert [line.partition(":")[0] for line in warnings(config)] == ["numbers.default_region"]
