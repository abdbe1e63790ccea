"""What the panel's tests need from npm's registry, installed once for each lockfile into the user's cache."""

from __future__ import annotations

import hashlib
import shutil
from functools import cache
from pathlib import Path

from ctc_ari.panel import build
from ctc_ari.runtime import packages

__all__ = ["installed"]

PANEL = Path(build.__file__).parent
_FILES = ("package.json", "package-lock.json", ".npmrc")


@cache
def installed() -> Path:
    """The folder with `node_modules`. Raises BuildError."""
    digest = hashlib.sha256(b"".join((PANEL / name).read_bytes() for name in _FILES)).hexdigest()[:12]
    folder = packages.cache_dir() / f"panel-{digest}"
    if not (folder / ".complete").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name in _FILES:
            shutil.copyfile(PANEL / name, folder / name)
        build.run(folder, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
        (folder / ".complete").touch()
    return folder
