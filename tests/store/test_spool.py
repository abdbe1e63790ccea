"""The file of what the database cannot be given."""

from __future__ import annotations

import resource
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ctc_ari.calls.model import Call
from ctc_ari.calls.ports import Happening
from ctc_ari.errors import SetupError
from ctc_ari.store.spool import Spool, Spooled
from tests.calls.builders import NOW
from tests.store.test_log import over, talking

Opens = Callable[[], Spool]


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Callable[[], Spool]]:
    """Opens one for as long as the test runs."""
    opened: list[Spool] = []

    def opens() -> Spool:
        opened.append(Spool(tmp_path / "spool", "calls"))
        return opened[-1]

    yield opens
    for each in opened:
        each.close()


def entry(call: Call, *events: str, first: int = 1) -> Spooled:
    return Spooled.of(call, [Happening(call, event, NOW, seq) for seq, event in enumerate(events, first)])


def test_what_is_appended_is_read_in_order_by_the_next_process(spool: Opens) -> None:
    first = spool()
    entries = [entry(talking(), "call.created", "call.answered"), entry(over(talking()), "call.ended", first=3)]
    assert first.size == 0
    first.append(entries[:1])
    assert first.size > 0
    first.append(entries[1:])
    first.close()
    assert first.size == 0, "it is another process's now"
    again = spool()
    assert again.read() == entries
    assert [each.event for each in again.read()[0].restored()[1]] == ["call.created", "call.answered"]
    again.clear()
    assert again.read() == []


def test_a_line_half_written_in_a_power_cut_is_left_out(spool: Opens, tmp_path: Path) -> None:
    opened = spool()
    opened.append([entry(talking(), "call.created")])
    (file,) = (tmp_path / "spool").iterdir()
    with file.open("ab") as torn:
        torn.write(b'{"call":{"id":"ctc-')
    assert len(opened.read()) == 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o600, "customers' numbers are in it"


def test_what_is_written_behind_a_line_half_written_in_a_power_cut_is_kept(spool: Opens, tmp_path: Path) -> None:
    first = spool()
    first.append([entry(talking(), "call.created")])
    first.close()
    (file,) = (tmp_path / "spool").iterdir()
    with file.open("ab") as torn:
        torn.write(b'{"call":{"id":"ctc-')
    again = spool()
    again.append([entry(over(talking()), "call.ended", first=2)])
    assert [each.happenings[0][2] for each in again.read()] == ["call.created", "call.ended"]


def test_what_a_full_disk_did_not_take_is_not_half_there(spool: Opens) -> None:
    opened, written = spool(), entry(talking(), "call.created")
    opened.append([written])
    size = opened.size
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + size // 2, usual[1]))
    try:
        with pytest.raises(OSError, match="large"):
            opened.append([written] * 3)
        assert opened.size == size
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    opened.append([written])
    assert opened.read() == [written] * 2


def test_each_living_process_has_a_file_of_its_own(spool: Opens) -> None:
    one, other = spool(), spool()
    one.append([entry(talking())])
    assert other.read() == []
    one.close()
    assert len(spool().read()) == 1


def test_a_folder_that_cannot_be_written_says_which(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SetupError, match=r"database\.data_dir"):
        Spool(tmp_path / "file" / "spool", "calls")
