"""Where an Asterisk is found."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ctc_ari.runtime import asterisk
from ctc_ari.runtime.asterisk import Installation


def test_the_installation_is_new_enough_and_says_its_version(installation: Installation) -> None:
    assert installation.version >= (20, 0, 0)
    assert (installation.modules / "res_ari.so").exists()
    done = subprocess.run([*installation.argv, "-V"], capture_output=True, text=True, check=True)
    assert ".".join(map(str, installation.version)) in done.stdout
    assert asterisk.find() == installation


def test_nothing_is_found_where_nothing_was_fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if asterisk._host() is None:
        assert asterisk.find() is None
