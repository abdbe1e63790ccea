"""Recordings are deleted in a real Asterisk."""

from __future__ import annotations

import contextlib

import pytest
from msgspec.structs import replace

from ctc_ari.ari.recordings import AriRecordings
from ctc_ari.call_log import StoredRecordings
from ctc_ari.errors import AsteriskUnreachable, CallFailed
from tests.ari.conftest import Pbx
from tests.phones import free_port

NAME = "ctc-1772357400125-9f3a61-1"


async def test_a_recording_is_deleted_and_one_that_is_gone_is_fine(pbx: Pbx) -> None:
    folder = pbx.folder / "spool" / "recording"
    for name in (NAME, f"{NAME}1"):
        (folder / f"{name}.wav").write_bytes(b"RIFF")
    recordings: StoredRecordings = AriRecordings([pbx.node])
    await recordings.remove(pbx.node.name, NAME)
    assert [path.name for path in folder.glob(f"{NAME}*")] == [f"{NAME}1.wav"]
    await recordings.remove(pbx.node.name, NAME)


async def test_a_name_is_a_name_and_no_path(pbx: Pbx) -> None:
    for name in ("../../log/console", "a b?x=1#y", "ä%2F"):
        with contextlib.suppress(CallFailed):
            await AriRecordings([pbx.node]).remove(pbx.node.name, name)
    assert (pbx.folder / "log" / "console").exists()


async def test_an_asterisk_that_is_away_or_refuses_us_is_told(pbx: Pbx) -> None:
    for changes in ({"ari_url": f"http://127.0.0.1:{free_port()}/ari"}, {"password": "another"}):
        with pytest.raises(AsteriskUnreachable):
            await AriRecordings([replace(pbx.node, **changes)]).remove(pbx.node.name, NAME)


async def test_each_recording_is_deleted_where_it_is(pbx: Pbx) -> None:
    file = pbx.folder / "spool" / "recording" / f"{NAME}.wav"
    file.write_bytes(b"RIFF")
    first = replace(pbx.node, name="first", ari_url=f"http://127.0.0.1:{free_port()}/ari")
    recordings = AriRecordings([first, replace(pbx.node, name="second")])
    await recordings.remove("second", NAME)
    assert not file.exists()
    with pytest.raises(AsteriskUnreachable):
        await recordings.remove("first", NAME)
    with pytest.raises(CallFailed, match="`third`"):
        await recordings.remove("third", NAME)
