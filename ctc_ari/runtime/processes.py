"""Children that never outlive us, whichever way we end.

A child of ours (`start`) is killed by the kernel when we are gone. A daemon, which is nobody's child, gets a guard
(`guard`): a small process that notices our end and then runs one command, such as the one that stops the daemon.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

__all__ = ["Guard", "Process", "guard", "start", "stop"]

#: Runs in a fresh interpreter and becomes the child by exec. Code between fork and exec of *our* process would run with
#: whatever locks our threads held.
_BECOME_CHILD = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
if os.getppid() != int(sys.argv[1]):  # the parent was gone before we asked to be told
    sys.exit(1)
try:
    os.execvp(sys.argv[2], sys.argv[2:])
except OSError as error:
    sys.exit(f"{sys.argv[2]}: {error.strerror}")
"""

#: Waits for the end of its stdin. A byte means that the parent ended in order and needs no guard.
_GUARD = """
import os, signal, subprocess, sys
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
if not os.read(0, 1):
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.chdir("/")
    subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL)
"""


async def start(
    command: Sequence[str],
    *,
    output: Path | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Process:
    """Starts `command` in a session of its own, with its output appended to a file or dropped.

    The kernel ties the child to the thread that starts it: call this from the main thread's event loop.
    """
    wrapped = [sys.executable, "-I", "-S", "-c", _BECOME_CHILD, str(os.getpid()), *command]
    sink = os.open(output or os.devnull, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        return await asyncio.create_subprocess_exec(
            *wrapped,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            env=None if env is None else dict(env),
            cwd=cwd,
            # Ctrl-C in a terminal must reach us alone: we end calls and children in order.
            start_new_session=True,
        )
    finally:
        os.close(sink)


async def stop(process: Process, grace: float = 5.0) -> int:
    """Asks the child and its own children to end, kills what is left after `grace` seconds; returns its exit status."""
    if process.returncode is not None:  # its number may belong to somebody else by now
        return process.returncode
    _signal_group(process.pid, signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), grace)
    except TimeoutError:
        _signal_group(process.pid, signal.SIGKILL)
    # At once, while the group still keeps its number if a member of it is left.
    _signal_group(process.pid, signal.SIGKILL)
    return await process.wait()


def _signal_group(pid: int, number: signal.Signals) -> None:
    # start_new_session made the child's id that of its group.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


class Guard:
    """A process that runs a command when we die without having released it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def release(self) -> None:
        """We end in order: the guard goes without doing anything."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(b".")
            self._process.stdin.flush()
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()


def guard(command: Sequence[str]) -> Guard:
    """Starts a guard that runs `command` when this process ends in any way, `kill -9` included, before `release`."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _GUARD, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    return Guard(process)
