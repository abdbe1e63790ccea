"""The configuration's keys, their defaults, and what is told to whoever got one wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from ctc_ari import config as config_module
from ctc_ari.config import AgentSeed, Config, examine, load
from tests.config.files import problem, write

SHIPPED = Path(__file__).parents[2] / "config.yaml"


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
