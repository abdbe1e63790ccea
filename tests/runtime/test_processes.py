from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ctc_ari.runtime import processes

ROOT = Path(__file__).resolve().parents[2]


def alive(pid: int) -> bool:
    """Whether the process runs; one that waits for its parent to take note of its end does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(condition: object, seconds: float = 20.0) -> bool:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def run_parent(script: str, *arguments: str) -> subprocess.Popen[str]:
    """Another process that uses the module and prints one line when it is ready."""
    return subprocess.Popen([sys.executable, "-c", script, *arguments], stdout=subprocess.PIPE, text=True, cwd=ROOT)


def kill_at_once(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


async def test_a_child_runs_in_its_own_session_and_writes_to_the_file(tmp_path: Path) -> None:
    process = await processes.start(["sh", "-c", "echo out; echo err >&2; pwd"], output=tmp_path / "log", cwd=tmp_path)
    assert os.getsid(process.pid) == process.pid
    assert await process.wait() == 0
    assert (tmp_path / "log").read_text().split() == ["out", "err", str(tmp_path)]


async def test_a_program_that_does_not_exist_says_so_in_the_file(tmp_path: Path) -> None:
    process = await processes.start(["/nowhere/program"], output=tmp_path / "log")
    assert await process.wait() == 1
    assert (tmp_path / "log").read_text() == "/nowhere/program: No such file or directory\n"


async def test_stop_lets_a_child_end_in_order(tmp_path: Path) -> None:
    script = "trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.05; done"
    process = await processes.start(["sh", "-c", script], output=tmp_path / "log")
    assert until(lambda: (tmp_path / "log").read_text() == "ready\n")
    assert await processes.stop(process) == 3
    assert (tmp_path / "log").read_text().endswith("bye\n")


async def test_stop_kills_a_child_that_does_not_listen_and_its_own_children(tmp_path: Path) -> None:
    script = "trap '' TERM; (trap '' TERM; echo $$; exec sleep 60) & echo $!; wait"
    process = await processes.start(["sh", "-c", script], output=tmp_path / "log")
    assert until(lambda: len((tmp_path / "log").read_text().split()) == 2)
    children = [int(pid) for pid in (tmp_path / "log").read_text().split()]
    assert await processes.stop(process, grace=0.3) == -signal.SIGKILL
    assert until(lambda: not any(alive(pid) for pid in children))


async def test_stopping_twice_is_harmless() -> None:
    process = await processes.start(["sleep", "60"])
    first = await processes.stop(process)
    assert await processes.stop(process) == first


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_child_outlives_a_parent_that_is_killed(number: signal.Signals) -> None:
    script = """
import asyncio, signal
from ctc_ari.runtime import processes
signal.signal(signal.SIGINT, signal.default_int_handler)  # shells start what runs in the background without it
async def main():
    process = await processes.start(["sleep", "60"])
    print(process.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""
    parent = run_parent(script)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert until(lambda: b"sleep" in Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0"))
    parent.send_signal(number)
    assert until(lambda: not alive(child))
    kill_at_once(parent)


GUARDED = """
import sys, time
from ctc_ari.runtime import processes
guard = processes.guard(["touch", sys.argv[1]])
if sys.argv[2] == "release":
    guard.release()
print("ready", flush=True)
if sys.argv[2] == "wait":
    time.sleep(60)
"""


def test_a_guard_acts_when_we_are_killed(tmp_path: Path) -> None:
    parent = run_parent(GUARDED, str(tmp_path / "acted"), "wait")
    assert parent.stdout is not None
    parent.stdout.readline()
    time.sleep(0.2)
    assert not (tmp_path / "acted").exists()
    kill_at_once(parent)
    assert until(lambda: (tmp_path / "acted").exists())


def test_a_guard_that_is_released_does_nothing(tmp_path: Path) -> None:
    parent = run_parent(GUARDED, str(tmp_path / "acted"), "release")
    parent.communicate()
    time.sleep(0.3)
    assert not (tmp_path / "acted").exists()
