"""The page at /docs, made of openapi.yaml. Imported when somebody asks: no restart waits for a template engine."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

import jinja2
import msgspec
import yaml
from markupsafe import Markup, escape

__all__ = ["METHODS", "render", "resolve"]

HERE = Path(__file__).parent
METHODS = ("get", "post", "put", "patch", "delete")


def render(source: bytes) -> tuple[bytes, str]:
    """The page and the Content-Security-Policy that allows its one style sheet and nothing else."""
    document = resolve(yaml.safe_load(source))
    style = (HERE / "docs.css").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["pretty"] = pretty
    environment.filters["kind"] = kind
    environment.filters["prose"] = prose
    page = environment.get_template("docs.html").render(api=document, style=style, methods=METHODS)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return page.encode(), policy


def resolve(document: Any) -> Any:
    """The document with every `$ref` replaced by what it points at; ours are all local and none is circular."""

    def walk(node: Any) -> Any:
        if isinstance(node, dict):
            if "$ref" in node:
                target: Any = document
                for key in node["$ref"].removeprefix("#/").split("/"):
                    target = target[key]
                return walk(target) | {"ref": node["$ref"].rpartition("/")[2]}
            return {key: walk(value) for key, value in node.items()}
        if isinstance(node, list):
            return [walk(item) for item in node]
        return node

    return walk(document)


def prose(text: str) -> Markup:
    """A description's paragraphs, with `code` as code; that is all the Markdown we write."""
    paragraphs = (" ".join(paragraph.split()) for paragraph in text.split("\n\n"))
    pieces = (re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(paragraph))) for paragraph in paragraphs)
    return Markup("<br><br>".join(pieces))  # noqa: S704 - escaped above


def pretty(value: Any) -> str:
    """A JSON example as people write it."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def kind(schema: dict[str, Any]) -> str:
    """A schema in a few words: `string or null`, `one of desk, web`, `always true`."""
    if "const" in schema:
        return f"always {pretty(schema['const'])}"
    if "enum" in schema:
        return "one of " + ", ".join("null" if value is None else str(value) for value in schema["enum"])
    if "oneOf" in schema:
        return " or ".join(kind(choice) for choice in schema["oneOf"])
    types = schema.get("type", "any")
    return " or ".join(types) if isinstance(types, list) else str(types)
