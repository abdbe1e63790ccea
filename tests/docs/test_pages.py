"""The documents say what is so: messages, commands, links, files, configuration keys."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import click
import pytest

from ctc_ari.cli.main import cli
from tests.docs.documents import DOCS, ROOT

PAGES = sorted([*DOCS.glob("*.md"), ROOT / "README.md"], key=str)


@cache
def literals() -> tuple[str, ...]:
    """Every text in the program; what is filled in is `…`."""
    found: set[str] = set()
    for path in (ROOT / "ctc_ari").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(" ".join(node.value.split()))
            elif isinstance(node, ast.JoinedStr):
                parts = (part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
                found.add(" ".join("".join(map(str, parts)).split()))
    return tuple(found)


def quoted() -> list[str]:
    """What the page says that the service says."""
    text = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
    return re.findall(r"^> (.+)$", text, re.MULTILINE)


@pytest.mark.parametrize("message", quoted())
def test_what_the_service_says_is_quoted_word_by_word(message: str) -> None:
    pattern = re.compile(".*".join(map(re.escape, message.split("…"))))
    assert any(pattern.search(text) for text in literals())


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", text)):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name) if name else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_exist_with_their_options(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for line in re.findall(r"\bctc-ari ([a-z][^`\n|;&]*)", text):
        words = line.split()
        command: click.Command = cli
        while isinstance(command, click.Group) and words and words[0] in command.commands:
            command = command.commands[words.pop(0)]
        if command is cli:
            #: The name of the user or of the service.
            continue
        known = {name for option in command.params for name in option.opts} | {"--help"}
        given = {word.partition("=")[0].rstrip(",.:)") for word in words if word.startswith("--")}
        assert given <= known, line


def test_every_page_is_in_the_index() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    assert {page.name for page in DOCS.glob("*.md")} - {"index.md"} <= set(re.findall(r"\]\(([\w-]+\.md)", index))
