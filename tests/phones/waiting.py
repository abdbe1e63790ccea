"""Free ports, bounded waits that say what they saw, and a socket into which unwanted audio falls."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

__all__ = ["PATIENCE", "PhoneError", "audio_sink", "free_port", "udp_port_bound", "until"]

#: Seconds that a busy machine may take for what happens at once on a quiet one.
PATIENCE = 15.0
#: Where Asterisk's own RTP and the kernel's outgoing connections are not.
LOWEST, HIGHEST = 20100, 32000

_given: set[int] = set()

T = TypeVar("T")


class PhoneError(AssertionError):
    """A phone did not see what the test waited for; the message says what it saw instead."""


def free_port() -> int:
    """A port on 127.0.0.1 that is free for UDP and TCP and was not given before in this process.

    It is even and the next one was free too, as RTP and RTCP want it. Processes that test side by side choose from
    different ports.
    """
    workers, mine = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")), _worker()
    for _ in range(500):
        port = random.randrange(LOWEST // 2 // workers, HIGHEST // 2 // workers) * workers * 2 + mine * 2
        if port in _given or not _free(port):
            continue
        _given.add(port)
        return port
    raise PhoneError("no free port on 127.0.0.1")


def _worker() -> int:
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


def _free(port: int) -> bool:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as first,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as second,
        socket.socket() as tcp,
    ):
        try:
            first.bind(("127.0.0.1", port))
            second.bind(("127.0.0.1", port + 1))
            tcp.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def udp_port_bound(port: int) -> bool:
    """Whether some process listens on this UDP port."""
    return any(line.split()[1].endswith(f":{port:04X}") for line in _proc_net_udp())


def _proc_net_udp() -> Iterator[str]:
    for path in (Path("/proc/net/udp"), Path("/proc/net/udp6")):
        if path.exists():
            yield from path.read_text().splitlines()[1:]


@contextmanager
def audio_sink() -> Iterator[int]:
    """A UDP port that swallows what it gets, so that nobody who sends audio to it meets a refusal."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)
        sink.bind(("127.0.0.1", 0))
        yield sink.getsockname()[1]


async def until(check: Callable[[], T], what: str, timeout: float, seen: Callable[[], str]) -> T:
    """The first true value of `check`; after `timeout` seconds PhoneError with `what` and all that was `seen`."""
    end = time.monotonic() + timeout
    while not (value := check()):
        if time.monotonic() > end:
            raise PhoneError(f"{what}: not within {timeout:g} s; seen so far:\n{seen()}")
        await asyncio.sleep(0.005)
    return value
