"""The configuration: `config.yaml`, overridden by `CTC_<SECTION>__<KEY>`, decoded once into frozen structs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from ctc_ari import config_file
from ctc_ari.config_rules import problems_of
from ctc_ari.config_sections import (
    AgentSeed,
    Asterisk,
    Config,
    Crm,
    CrmAgent,
    CrmContact,
    CrmHttp,
    Database,
    IceServer,
    Inbound,
    Limits,
    Log,
    Node,
    Numbers,
    RingTimeout,
    Server,
    Webhooks,
    WebRtc,
    Zammad,
)
from ctc_ari.errors import ConfigError

__all__ = [
    "AgentSeed",
    "Asterisk",
    "Config",
    "Crm",
    "CrmAgent",
    "CrmContact",
    "CrmHttp",
    "Database",
    "IceServer",
    "Inbound",
    "Limits",
    "Log",
    "Node",
    "Numbers",
    "RingTimeout",
    "Server",
    "WebRtc",
    "Webhooks",
    "Zammad",
    "examine",
    "load",
]

DEFAULT_FILE = Path("config.yaml")


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
