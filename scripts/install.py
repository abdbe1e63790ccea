"""Makes the virtual environment: `install.py DIR [--extra NAME] [--relock]`. Standard library only; quick when done.

Debian ships Python without `ensurepip`; then pip comes as the wheel that Debian itself packages, and still nobody
needs to be root.
"""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import hashlib
import importlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
SOURCES = (ROOT / "pyproject.toml", ROOT / "setup.py", LOCK, Path(__file__))


def main() -> int:
    """0 when the environment is ready."""
    parser = argparse.ArgumentParser(description="Make the virtual environment of this checkout.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--extra", default="")
    parser.add_argument("--relock", action="store_true", help="choose the newest allowed versions and write them down")
    wanted = parser.parse_args()
    if sys.version_info < (3, 11):  # noqa: UP036 -- this is where an older one is told so
        print(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}: run make PYTHON=python3.11")
        return 1
    _end_with_make()
    with Path(__file__).open() as lock:
        #: Two at once in one checkout would spoil each other's environment.
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _install(wanted)


def _end_with_make() -> None:
    """`make` killed with -9 tells nobody; the kernel does."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGHUP, interrupt)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def _install(wanted: argparse.Namespace) -> int:
    stamp = wanted.directory / f".installed-{wanted.extra or 'base'}"
    state = _state()
    if not wanted.relock and stamp.exists() and stamp.read_text() == state:
        _tell_of_panel()
        return 0
    python = wanted.directory / "bin" / "python"
    if not _has_pip(python):
        print("Making a virtual environment …", flush=True)
        if not _create(wanted.directory, python):
            return 1
    extra = f"[{wanted.extra}]" if wanted.extra else ""
    print("Installing Python packages, half a minute the first time …", flush=True)
    constraints = [] if wanted.relock or not LOCK.exists() else ["-c", str(LOCK)]
    command = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "-q", *constraints]
    if wanted.relock:
        command += ["--upgrade", "--upgrade-strategy", "eager"]
    if not _pip([*command, "-e", f"{ROOT}{extra}"], wanted.directory):
        return 1
    if wanted.relock:
        _write_lock(python)
        state = _state()
    stamp.write_text(state)
    _tell_of_panel()
    return 0


def _state() -> str:
    """What the installation depends on; the checkout itself is installed in place."""
    content = b"".join(path.read_bytes() for path in SOURCES if path.exists())
    content += _panel().fingerprint().encode()
    return hashlib.sha256(content + sys.version.encode()).hexdigest()


def _panel() -> ModuleType:
    """`ctc_ari/panel/build.py`, which needs nothing installed; pip runs it while it builds the package."""
    sys.path.insert(0, str(ROOT / "ctc_ari" / "panel"))
    try:
        return importlib.import_module("build")
    finally:
        sys.path.pop(0)


def _tell_of_panel() -> None:
    """The service runs without the panel; pip says nothing of what happened while building."""
    if not _panel().is_current():
        print(
            "The panel could not be built, the rest works: check the network and npm's settings, then run `make panel`."
        )


def _has_pip(python: Path) -> bool:
    if not python.exists():
        return False
    return subprocess.run([str(python), "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0


def _create(directory: Path, python: Path) -> bool:
    try:
        import ensurepip  # noqa: F401 -- its absence is what this asks about
    except ImportError:
        venv.create(directory, with_pip=False, clear=True)
        return _pip_from_debian(directory, python)
    venv.create(directory, with_pip=True, clear=True)
    return True


def _pip_from_debian(directory: Path, python: Path) -> bool:
    sys.path.insert(0, str(ROOT / "ctc_ari" / "runtime"))
    import packages  # type: ignore[import-not-found]

    with tempfile.TemporaryDirectory() as scratch:
        try:
            root = packages.fetch(["python3-pip-whl"], Path(scratch) / "pip", suite=None)
        except packages.PackageError as error:
            print(f"pip cannot be fetched: {error}")
            return False
        wheel = next(Path(root).glob("usr/share/python-wheels/pip-*.whl"))
        command = [str(python), f"{wheel}/pip", "install", "-q", "--no-index", "--no-warn-script-location", str(wheel)]
        return _pip(command, directory)


def _pip(command: list[str], directory: Path) -> bool:
    """Whether pip succeeded; if we are ended meanwhile, it ends with everything it started."""
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        _, stderr = process.communicate()
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    if process.returncode:
        _explain(stderr, directory)
    return process.returncode == 0


def _explain(stderr: str, directory: Path) -> None:
    """One line that says what to do; pip's own words are kept for those who need them."""
    log = directory / "pip.log"
    log.write_text(stderr, encoding="utf-8")
    if re.search(r"No space left", stderr):
        print(f"There is no space left for the Python packages: make some, then run the same command again ({log}).")
    elif re.search(r"connection|resolve|network|timed out|retry|No matching distribution", stderr, re.IGNORECASE):
        print(f"Python packages could not be fetched: check the network and pip's settings, then try again ({log}).")
    else:
        cause = next((line for line in stderr.splitlines() if line.startswith("ERROR: ")), "it does not say why")
        print(f"Python packages could not be installed: {cause.removeprefix('ERROR: ')} ({log})")


def _write_lock(python: Path) -> None:
    frozen = subprocess.run(
        [str(python), "-m", "pip", "freeze", "--exclude-editable"], capture_output=True, text=True, check=True
    ).stdout
    head = "# Written by `make lock`: the versions CI and `make demo` use.\n"
    LOCK.write_text(head + frozen)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        sys.exit(f"{error.filename or ROOT}: {error.strerror}; run this in a folder of yours with free space")
