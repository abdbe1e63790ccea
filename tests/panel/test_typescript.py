"""The panel's own tests in Node, and its types."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from ctc_ari.panel import build
from tests.panel.modules import installed

HERE = Path(__file__).parent
PANEL = Path(build.__file__).parent


def test_node_tests_pass() -> None:
    (node, *_), _ = build.node("node")
    done = subprocess.run(
        [node, "--test", *sorted(map(str, HERE.glob("*.test.ts")))], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    assert "pass 0" not in done.stdout


def test_types_are_right(tmp_path: Path) -> None:
    shutil.copyfile(PANEL / "tsconfig.json", tmp_path / "tsconfig.json")
    shutil.copytree(PANEL / "src", tmp_path / "src")
    (tmp_path / "node_modules").symlink_to(installed() / "node_modules")
    build.run(tmp_path, "node", "node_modules/typescript/bin/tsc", "--noEmit")
