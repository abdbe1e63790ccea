"""Fetches Asterisk in a process of its own, so that Ctrl-C ends the download and the unpacking at once."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys

from ctc_ari.errors import SetupError
from ctc_ari.runtime import asterisk

__all__ = ["fetch"]

PR_SET_PDEATHSIG = 1


async def fetch() -> asterisk.Installation:
    """The fetched Asterisk; progress goes to stdout. Raises SetupError."""
    command = (sys.executable, "-m", __name__, str(os.getpid()))
    child = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE, start_new_session=True)
    try:
        _, complaint = await child.communicate()
    except asyncio.CancelledError:
        #: What is half unpacked is removed by the next fetch.
        os.killpg(child.pid, signal.SIGKILL)
        await child.wait()
        raise
    installation = None if child.returncode else asterisk.find()
    if installation is None:
        lines = complaint.decode(errors="replace").splitlines()
        raise SetupError(lines[-1] if lines else "Asterisk cannot be fetched: the download was ended")
    return installation


class Progress:
    """One line that moves, or, in a file, one line per stage."""

    def __init__(self) -> None:
        self._stage = ""

    def __call__(self, text: str, done: int, total: int) -> None:
        """Show it."""
        if sys.stdout.isatty():
            percent = f"{100 * done // total:3d} %" if total else "     "
            print(f"\r\x1b[K  {percent}  {text}", end="\n" if total and done >= total else "", flush=True)
        elif text != self._stage:
            print(f"         {text}", flush=True)
        self._stage = text


def _end_all(*_: object) -> None:
    os.killpg(0, signal.SIGKILL)


def main() -> int:
    """The child: its parent's id is its argument."""
    signal.signal(signal.SIGTERM, _end_all)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(sys.argv[1]):
        return 1
    try:
        asterisk.install(Progress())
    except SetupError as error:
        print(error.message, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
