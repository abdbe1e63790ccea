"""The documents as a reader finds them: their blocks to copy, by language."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["DOCS", "ROOT", "asterisk_files", "blocks"]

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def blocks(document: str, language: str) -> list[str]:
    """Every block of that language in `docs/`, in order."""
    text = (DOCS / document).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def asterisk_files(document: str) -> list[tuple[str, str]]:
    """The blocks whose first line names a file of Asterisk, and that file's name."""
    found = (re.match(r"; (\w+\.conf)\n", block) for block in blocks(document, "ini"))
    return [(match[1], match.string) for match in found if match]
