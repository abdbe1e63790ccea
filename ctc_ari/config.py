"""The configuration: `config.yaml`, overridden by `CTC_<SECTION>__<KEY>`, decoded once into frozen structs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from ctc_ari import config_file
from ctc_ari.config_rules import SHIPPED_PASSWORD, problems_of
from ctc_ari.errors import ConfigError

__all__ = [
    "AgentSeed",
    "Asterisk",
    "Config",
    "Crm",
    "Database",
    "Inbound",
    "Limits",
    "Node",
    "Numbers",
    "RingTimeout",
    "Server",
    "examine",
    "load",
]

DEFAULT_FILE = Path("config.yaml")

NumberType = Literal[
    "fixed_line",
    "mobile",
    "fixed_line_or_mobile",
    "toll_free",
    "premium_rate",
    "shared_cost",
    "voip",
    "personal_number",
    "pager",
    "uan",
    "voicemail",
    "unknown",
]


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    def __repr__(self) -> str:
        """Without secrets: what is printed ends in a log."""
        shown = (
            f"{name}={'***' if name in config_file.SECRETS else repr(getattr(self, name))}"
            for name in self.__struct_fields__
        )
        return f"{type(self).__name__}({', '.join(shown)})"


class Server(_Section, frozen=True, kw_only=True):
    """Where the service listens."""

    host: str = "127.0.0.1"
    port: int = 8080
    public_url: str | None = None
    trusted_proxies: tuple[str, ...] = ()


class Database(_Section, frozen=True, kw_only=True):
    """PostgreSQL: `embedded` keeps one below `data_dir`, anything else is its URL."""

    url: str = "embedded"
    data_dir: str = "var"


class Node(_Section, frozen=True, kw_only=True):
    """One Asterisk."""

    name: str = "pbx1"
    ari_url: str = "http://127.0.0.1:8088/ari"
    username: str = "ctc"
    password: str = SHIPPED_PASSWORD


class RingTimeout(_Section, frozen=True, kw_only=True):
    """Seconds a phone rings before the call gives up on it."""

    agent: int = 25
    customer: int = 45


class Asterisk(_Section, frozen=True, kw_only=True):
    """The telephony side."""

    nodes: tuple[Node, ...] = (Node(),)
    app: str = "ctc"
    trunk: str = "PJSIP/{number}@trunk"
    trunk_contact: str | None = None
    caller_id: str | None = None
    sip_bind: str = "127.0.0.1:5060"
    transport: Literal["auto", "websocket", "http"] = "auto"
    ring_timeout: RingTimeout = RingTimeout()
    max_call_seconds: int = 4 * 3600


class Numbers(_Section, frozen=True, kw_only=True):
    """Which numbers may be dialled."""

    default_region: str = "GB"
    allowed_regions: tuple[str, ...] = ("GB",)
    blocked_types: tuple[NumberType, ...] = ("premium_rate", "shared_cost", "personal_number", "unknown")
    emergency: Literal["deny"] = "deny"


class Limits(_Section, frozen=True, kw_only=True):
    """How much the service accepts; beyond it the answer is 429 at once."""

    agent_calls_per_minute: int = 10
    concurrent_calls: int = 100
    calls_per_second: int = 30
    duplicate_window: int = 10


class Crm(_Section, frozen=True, kw_only=True):
    """Where agents and contacts come from."""

    kind: Literal["builtin"] = "builtin"


class Inbound(_Section, frozen=True, kw_only=True):
    """DID -> agent e-mail, list of e-mails, or extension."""

    routes: dict[str, str | list[str]] = {}


class AgentSeed(_Section, frozen=True, kw_only=True):
    """An agent written into the directory at start, unless an agent with that e-mail is there already."""

    email: str
    name: str = ""
    extension: str | None = None
    desk_endpoint: str | None = None
    contact: str | None = None
    caller_id: str | None = None
    device: Literal["desk", "web"] = "desk"
    auto_answer: bool = False
    sip_password: str | None = None


class Config(_Section, frozen=True, kw_only=True):
    """All of `config.yaml`."""

    server: Server = Server()
    database: Database = Database()
    asterisk: Asterisk = Asterisk()
    numbers: Numbers = Numbers()
    limits: Limits = Limits()
    crm: Crm = Crm()
    inbound: Inbound = Inbound()
    agents: tuple[AgentSeed, ...] = ()


def load(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Config:
    """The configuration of `path` (default: `config.yaml` in this folder, if there is one) and the environment.

    A relative `database.data_dir` in a file counts from that file's folder. Raises ConfigError with one line that names
    the key and what to write instead.
    """
    config, problems = examine(path, environ)
    if config is None or problems:
        raise ConfigError(problems[0])
    return config


def examine(path: Path | None = None, environ: Mapping[str, str] | None = None) -> tuple[Config | None, list[str]]:
    """Like `load`, but tells everything that is wrong, a line each. Raises ConfigError when nothing can be read."""
    if path is None and DEFAULT_FILE.exists():
        path = DEFAULT_FILE
    document: dict[str, Any] = {}
    if path is not None:
        document = config_file.read(path)
        _anchor_data_dir(document, path.parent)
    origins = config_file.apply_environment(document, os.environ if environ is None else environ, Config)
    problems: list[str] = []
    removed: set[config_file.Key] = set()
    config: Config | None = None
    while config is None:
        try:
            config = msgspec.convert(document, Config, strict=True)
        except msgspec.ValidationError as error:
            key, problem = config_file.explain(error, Config)
            if key not in removed:
                problems.append(problem)
            #: Without what is wrong, the rest can be looked at.
            removed.add(key)
            if not config_file.remove(document, key):
                break
    if config is not None:
        problems += problems_of(config)
    return config, [_with_origin(problem, origins) for problem in problems]


def _anchor_data_dir(document: dict[str, Any], folder: Path) -> None:
    section = document.setdefault("database", {})
    if isinstance(section, dict) and isinstance(section.get("data_dir", ""), str):
        section["data_dir"] = str(folder / section.get("data_dir", Database().data_dir))


def _with_origin(problem: str, origins: Mapping[str, str]) -> str:
    variable = origins.get(problem.partition(":")[0])
    return f"{problem} (set by {variable})" if variable else problem
