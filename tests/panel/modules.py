"""What tests need from npm's registry, installed once for each lockfile into the user's cache."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

from ctc_ari.panel import build
from ctc_ari.runtime import packages

__all__ = ["installed"]

PANEL = Path(build.__file__).parent
_FILES = ("package.json", "package-lock.json", ".npmrc")


@cache
def installed(source: Path = PANEL, say: Callable[[str], None] = lambda text: None) -> Path:
    """The folder with `node_modules`; `say` gets a line when that takes a while. Raises BuildError."""
    digest = hashlib.sha256(b"".join((source / name).read_bytes() for name in _FILES)).hexdigest()[:12]
    folder = packages.cache_dir() / f"{source.name}-{digest}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        #: Tests in several processes want the same folder.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / ".complete").exists():
            say(f"Installing npm's packages for {source.name}, once, half a minute …")
            for name in _FILES:
                shutil.copyfile(source / name, folder / name)
            build.run(folder, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
            (folder / ".complete").touch()
    return folder
