"""Configuration files as an admin writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ctc_ari.config import load
from ctc_ari.errors import ConfigError


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
