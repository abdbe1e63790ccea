"""How a configuration is read: YAML, then secrets from files, then the environment, as one plain document.

Knows no key; `ctc_ari.config` says which there are.
"""

from __future__ import annotations

import itertools
import re
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec
import yaml

from ctc_ari.errors import ConfigError

__all__ = ["ENV_PREFIX", "SECRETS", "Key", "apply_environment", "explain", "read", "remove", "spell"]

#: Where a value stands: section, key, position in a list, …
Key = tuple[str | int, ...]

ENV_PREFIX = "CTC_"
#: Keys that may be written `<key>_file: PATH` instead, and whose values nobody is shown.
SECRETS = frozenset({"authorization", "credential", "password", "sip_password", "turn_secret", "url"})
_FILE = "_file"


class _Loader(yaml.SafeLoader):
    """YAML 1.2's plain values: `NO` is Norway, `0123` and `+4420…` are text. A key that is there twice is an error."""

    #: YAML 1.1's own rules are not inherited.
    yaml_implicit_resolvers = {}  # noqa: RUF012

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"`{key.value}` is there twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


for _kind, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"-?(?:0|[1-9][0-9]*)", "-0123456789"),
    ("float", r"-?[0-9]+\.[0-9]+", "-0123456789"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", re.compile(rf"(?:{_pattern})\Z"), list(_first))


def _parse(text: str) -> Any:
    return yaml.load(text, _Loader)  # noqa: S506 -- a SafeLoader


def read(path: Path) -> dict[str, Any]:
    """The document in a file, its secrets fetched from the files it names. Raises ConfigError."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; pass an existing one with --config") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8 text") from None
    try:
        document = _parse(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" line {mark.line + 1}, column {mark.column + 1}:" if mark else ""
        raise ConfigError(f"{path}:{where} {error.problem or 'not YAML'}") from None
    except yaml.YAMLError:
        raise ConfigError(f"{path}: holds characters that YAML does not allow") from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: must hold sections such as `server:`")
    _fetch_secrets(document, path.parent, ())
    return document


def _fetch_secrets(place: Any, folder: Path, where: Key) -> None:
    if isinstance(place, list):
        for position, entry in enumerate(place):
            _fetch_secrets(entry, folder, (*where, position))
    elif isinstance(place, dict):
        for key in list(place):
            _fetch_secrets(place[key], folder, (*where, key))
            name = str(key).removesuffix(_FILE)
            if name == key or name not in SECRETS:
                continue
            if name in place:
                raise ConfigError(f"{spell((*where, key))}: `{name}` is there too; keep one of them")
            place[name] = _secret(spell((*where, key)), folder / str(place.pop(key)))


def _secret(asked_by: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(f"{asked_by}: {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{asked_by}: {path} is not UTF-8 text") from None


def apply_environment(document: dict[str, Any], environ: Mapping[str, str], root: type) -> dict[str, str]:
    """`CTC_SERVER__PORT=9000`, `CTC_ASTERISK__NODES__0__PASSWORD_FILE=/run/secrets/ari`.

    Returns which variable set which key. Raises ConfigError.
    """
    sections = sorted(get_type_hints(root))
    origins: dict[str, str] = {}
    for variable, text in sorted(environ.items()):
        names = variable.removeprefix(ENV_PREFIX).lower().split("__")
        if not variable.startswith(ENV_PREFIX) or (names[0] not in sections and len(names) == 1):
            continue
        if names[0] not in sections:
            raise ConfigError(f"{variable}: there is no section `{names[0]}`; there are {', '.join(sections)}")
        from_file = names[-1].endswith(_FILE)
        key: Key = tuple(int(name) if name.isdecimal() else name for name in names)
        if from_file:
            key = (*key[:-1], names[-1].removesuffix(_FILE))
        if spell(key) in origins:
            raise ConfigError(f"{variable}: {origins[spell(key)]} is set too; keep one of them")
        value = _secret(variable, Path(text)) if from_file else _typed(text, _type_at(root, key))
        _put(document, key, value, variable)
        origins[spell(key)] = variable
    return origins


def _typed(text: str, kind: Any) -> Any:
    """Text where text is wanted, `GB,IE` where a list is, otherwise what YAML makes of it."""
    if str in _alternatives(kind):
        return None if type(None) in _alternatives(kind) and text in ("", "null") else text
    try:
        value = _parse(text)
    except yaml.YAMLError:
        return text
    if get_origin(kind) is tuple and isinstance(value, str | None):
        return [part.strip() for part in (value or "").split(",") if part.strip()]
    return value


def _put(document: dict[str, Any], key: Key, value: Any, variable: str) -> None:
    place: Any = document
    for name, following in itertools.pairwise(key):
        if isinstance(place, dict) and place.get(name) is None:
            place[name] = [] if isinstance(following, int) else {}
        place = place[_index(name, place, variable) if isinstance(place, list) else name]
        if not isinstance(place, dict | list):
            raise ConfigError(f"{variable}: `{name}` is a value, not a section")
    place[_index(key[-1], place, variable) if isinstance(place, list) else key[-1]] = value


def _index(name: str | int, place: list[Any], variable: str) -> int:
    if not isinstance(name, int) or name > len(place):
        raise ConfigError(f"{variable}: `{name}` must be the position of one of {len(place)} entries, counted from 0")
    if name == len(place):
        place.append({})
    return name


_PLAIN_WORDS = {"`": "", "Expected": "expected", " | null": "", " | ": " or ", "object": "a section", "array": "a list"}


def explain(error: msgspec.ValidationError, root: type) -> tuple[Key, str]:
    """msgspec says ``Expected `int`, got `str` - at `$.server.port` ``; a reader wants the key and a plain sentence."""
    what, _, where = str(error).partition(" - at `$")
    parts = re.finditer(r"\.([^.\[\]`]+)|\[(\d+)\]", where)
    key: Key = tuple(int(part[2]) if part[2] else part[1] for part in parts)
    if named := re.fullmatch(r"Object contains unknown field `(.+)`", what, re.DOTALL):
        key = (*key, named[1])
        return key, f"{spell(key)}: unknown key; see config.yaml for the keys there are"
    if named := re.fullmatch(r"Object missing required field `(.+)`", what):
        key = (*key, named[1])
        return key, f"{spell(key)}: is missing and has no default"
    kind = _type_at(root, key)
    if get_origin(kind) is Literal:
        return key, f"{spell(key)}: must be {_any_of(get_args(kind))}"
    for technical, plain in _PLAIN_WORDS.items():
        what = what.replace(technical, plain)
    hint = "; write it in quotes" if re.fullmatch(r"expected str.*, got (int|float|bool)", what) else ""
    return key, f"{spell(key) or 'config'}: {what}{hint}"


def remove(document: Any, key: Key) -> bool:
    """Takes out what stands at a key, whole lists rather than one entry; whether it was there."""
    while key and isinstance(key[-1], int):
        key = key[:-1]
    for name in key[:-1]:
        try:
            document = document[name]
        except (KeyError, IndexError, TypeError):
            return False
    return bool(key) and isinstance(document, dict) and document.pop(key[-1], key) is not key


def spell(key: Key) -> str:
    """`asterisk.nodes[0].password`."""
    return "".join(f"[{name}]" if isinstance(name, int) else f".{name}" for name in key).removeprefix(".")


def _any_of(choices: tuple[Any, ...]) -> str:
    *others, last = (f"`{choice}`" for choice in choices)
    return f"{', '.join(others)} or {last}" if others else last


def _alternatives(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if isinstance(kind, types.UnionType) else (kind,)


def _type_at(root: type, key: Key) -> Any:
    """The declared type of a key; None when there is no such key."""
    kind: Any = root
    for name in key:
        if isinstance(name, int):
            kind = (get_args(kind) or (None,))[0]
        elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            kind = get_type_hints(kind).get(name)
        else:
            return None
    return kind
