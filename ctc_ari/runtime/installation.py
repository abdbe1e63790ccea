"""An Asterisk on this machine, wherever it came from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Installation"]


@dataclass(frozen=True)
class Installation:
    """An Asterisk that can be run here."""

    #: What to execute, up to Asterisk's own options.
    argv: tuple[str, ...]
    modules: Path
    #: Holds `sounds`, `moh` and `documentation`.
    data: Path
    version: tuple[int, int, int]
