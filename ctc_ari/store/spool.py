"""What the database could not be given, on disk until it can: one JSON document per line, synced before it counts."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import msgspec
import structlog

from ctc_ari.calls.model import Call
from ctc_ari.calls.ports import Happening
from ctc_ari.errors import SetupError

__all__ = ["Spool", "Spooled", "spooled_in"]

log = structlog.get_logger(__name__)


class Spooled(msgspec.Struct, frozen=True):
    """The state of a call, and what led to it; the call stands here once, not in each happening."""

    call: Call
    #: Position in the journal, Unix seconds, event, and the only agent it concerns.
    happenings: list[tuple[int, float, str, str | None]] = []

    @classmethod
    def of(cls, call: Call, happenings: Iterable[Happening]) -> Spooled:
        """To be written."""
        return cls(call, [(each.seq, each.at, each.event, each.to) for each in happenings])

    def restored(self) -> tuple[Call, list[Happening]]:
        """As it was to be saved."""
        return self.call, [Happening(self.call, event, at, seq, to) for seq, at, event, to in self.happenings]


def spooled_in(folder: Path) -> Iterator[Spooled]:
    """What waits in that folder, whoever has it. Blocks. Raises SetupError when it cannot be read."""
    try:
        for path in sorted(folder.glob("*.jsonl")):
            yield from _entries(path.read_bytes().splitlines())
    except OSError as error:
        raise SetupError(f"database.data_dir: {error.filename or folder}: {error.strerror}") from None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Spooled)


#: Services of one name at once: one that takes over, and one that stands by.
_MOST = 16


class Spool:
    """One file, which belongs to one process at a time. Every method blocks: call it in a thread."""

    def __init__(self, folder: Path, name: str) -> None:
        """The first file of that name that no living process has. Raises SetupError when it cannot be written."""
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = _take(folder, name)
            _drop_half_line(self._file)
            _sync_folder(folder)
        except OSError as error:
            raise SetupError(f"database.data_dir: {error.filename or folder}: {error.strerror}") from None

    @property
    def size(self) -> int:
        """Bytes that are in it; 0 when the database has everything."""
        with contextlib.suppress(OSError, ValueError):
            return os.fstat(self._file.fileno()).st_size
        return 0

    def append(self, entries: Iterable[Spooled]) -> None:
        """On the disk when this returns. Raises OSError; nothing of it is there then."""
        descriptor = self._file.fileno()
        end = os.fstat(descriptor).st_size
        text = memoryview(b"".join(_encode(entry) + b"\n" for entry in entries))
        try:
            while text:
                text = text[os.write(descriptor, text) :]
            os.fdatasync(descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                #: Half a line would spoil the one that is written behind it when the disk has room again.
                os.ftruncate(descriptor, end)
            raise

    def read(self) -> list[Spooled]:
        """What an earlier process left, in order. A line that a power cut left half written was never counted."""
        self._file.seek(0)
        return list(_entries(self._file))

    def clear(self) -> None:
        """All of it is in the database. Raises OSError."""
        os.ftruncate(self._file.fileno(), 0)
        os.fdatasync(self._file.fileno())

    def close(self) -> None:
        """Give the file back; what is in it stays."""
        with contextlib.suppress(OSError):
            self._file.close()


def _entries(lines: Iterable[bytes]) -> Iterator[Spooled]:
    for line in lines:
        try:
            yield _decode.decode(line)
        except msgspec.MsgspecError:
            log.warning("spooled line is not readable", bytes=len(line))


def _take(folder: Path, name: str) -> IO[bytes]:
    for number in range(_MOST):
        path = folder / f"{name}.{number}.jsonl"
        #: Customers' numbers are in it.
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
        else:
            return file
    raise SetupError(f"database.data_dir: {folder}: {_MOST} services use it; give each one of its own")


def _drop_half_line(file: IO[bytes]) -> None:
    """What a power cut left of the last line: it was never counted, and would spoil the one written behind it."""
    text = file.read()
    whole = text.rfind(b"\n") + 1
    if whole < len(text):
        log.warning("half a spooled line dropped", bytes=len(text) - whole)
        os.ftruncate(file.fileno(), whole)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
