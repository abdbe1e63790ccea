"""What the kernel says of processes and of this machine."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable
from pathlib import Path

import asyncpg

__all__ = ["cpu_seconds", "facts", "family", "heap_bytes"]

_TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time that these processes have used; one that is gone counts nothing."""
    total = 0.0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        # proc(5): utime and stime are fields 14 and 15; the split starts with field 3.
        total += (int(fields[11]) + int(fields[12])) / _TICK
    return total


def family(root: int) -> list[int]:
    """A process and all that descend from it."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            parents.setdefault(parent, []).append(int(path.name))
    found = [root]
    for pid in found:
        found += parents.get(pid, [])
    return found


def heap_bytes(pid: int) -> int:
    """Memory that is this process's alone and holds no file: what its data occupies, whoever shares its libraries."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(r"^Anonymous:\s+(\d+) kB", text, re.MULTILINE)
    assert found, "the kernel tells no Anonymous"
    return int(found[1]) * 1024


def facts(asterisk: tuple[int, int, int] | None) -> dict[str, str]:
    """What a reader has to know to compare two results."""
    cpu = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return {
        "cores": str(len(os.sched_getaffinity(0))),
        "processor": cpu[1] if cpu else platform.machine(),
        "memory": f"{int(memory[1]) / 2**20:.1f} GiB" if memory else "unknown",
        "kernel": platform.release(),
        "python": platform.python_version(),
        "asterisk": ".".join(map(str, asterisk)) if asterisk else "none",
        "asyncpg": asyncpg.__version__,
        "load before": f"{os.getloadavg()[0]:.2f}",
    }
