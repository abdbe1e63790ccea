"""The panel's build: what it does without a network, and when it has nothing to do."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ctc_ari.panel import SCRIPT, build

HERE = Path(__file__).parent
PANEL = Path(build.__file__).parent
#: Bytes, gzipped, that a CRM's page has to load at most.
LARGEST = 100_000


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The sources, as a clean clone has them."""
    ignored = shutil.ignore_patterns("node_modules", "static", "__pycache__")
    return Path(shutil.copytree(PANEL, tmp_path / "panel", ignore=ignored))


def run(panel: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, panel / "build.py", *arguments],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def nowhere(folder: Path) -> dict[str, str]:
    """A registry that is not there and is asked for without pauses, and nothing kept of earlier builds."""
    return {
        "npm_config_registry": "http://127.0.0.1:9",
        "npm_config_cache": str(folder / "empty"),
        "npm_config_fetch_retry_mintimeout": "1",
    }


def test_a_clean_clone_builds_one_small_module_and_then_leaves_it_alone(copy: Path) -> None:
    done = run(copy)
    assert done.returncode == 0, done.stderr
    script = copy / "static" / "ctc-panel.js"
    assert [path.name for path in script.parent.glob("[!.]*")] == [script.name]
    assert len(gzip.compress(script.read_bytes(), 9)) <= LARGEST
    made = script.stat().st_mtime_ns
    assert run(copy).returncode == 0
    assert script.stat().st_mtime_ns == made
    assert not (copy / "node_modules").exists()


def test_without_the_registry_one_line_says_what_to_do(copy: Path, tmp_path: Path) -> None:
    done = run(copy, **nowhere(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("The panel was not built: npm's registry cannot be reached")
    assert len(done.stderr.splitlines()) == 1
    assert not (copy / "static").exists()


def test_a_failed_build_leaves_the_script_that_was_there(copy: Path, tmp_path: Path) -> None:
    (copy / "static").mkdir()
    (copy / "static" / "ctc-panel.js").write_text("old")
    run(copy, **nowhere(tmp_path))
    assert (copy / "static" / "ctc-panel.js").read_text() == "old"


def test_the_lock_names_no_registry() -> None:
    lock = (PANEL / "package-lock.json").read_text(encoding="utf-8")
    assert '"resolved"' not in lock
    assert "://" not in "".join(line for line in lock.splitlines() if "funding" not in line and '"url"' not in line)


def test_the_installed_script_is_made_from_these_sources() -> None:
    assert build.is_current(), "run `make panel`"
    assert build.SCRIPT == SCRIPT


def test_the_script_fetches_nothing_from_elsewhere_and_makes_no_code() -> None:
    text = SCRIPT.read_text(encoding="utf-8")
    assert "new Function" not in text
    assert "eval(" not in text
    assert not [host for host in ("unpkg", "jsdelivr", "googleapis", "cdnjs") if host in text]
