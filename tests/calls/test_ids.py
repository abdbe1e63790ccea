"""Ids: ours are recognised, sort by time, cannot be guessed, and each part of a call leads back to it."""

from __future__ import annotations

import itertools
import uuid

from hypothesis import given
from hypothesis import strategies as st

from ctc_ari.calls.ids import (
    belongs_to,
    bridge_id,
    channel_id,
    new_call_id,
    other_channel_id,
    owner_of,
    recording_name,
    side_bridge_id,
)

APPS = st.from_regex(r"[A-Za-z0-9_-]+", fullmatch=True)


@given(APPS, st.floats(0, 4e9))
def test_a_new_id_is_ours_and_a_uuid_of_version_7(app: str, now: float) -> None:
    call_id = new_call_id(app, now)
    assert belongs_to(app, call_id)
    value = uuid.UUID(call_id.removeprefix(app + "-"))
    assert value.version == 7
    assert value.variant == uuid.RFC_4122
    assert value.int >> 80 == int(now * 1000)


def test_ids_sort_by_time_and_never_repeat() -> None:
    ids = [new_call_id("ctc", 1_750_000_000 + n / 1000) for n in range(1000)]
    assert ids == sorted(ids)
    assert len({new_call_id("ctc", 1.0) for _ in range(10_000)}) == 10_000


@given(APPS, st.text())
def test_what_is_not_ours_is_not_taken_for_it(app: str, text: str) -> None:
    assert not belongs_to(app, text)
    call_id = new_call_id(app, 0)
    for other in (call_id + text, text + call_id):
        assert belongs_to(app, other) == (text == "")


def test_another_application_on_the_same_asterisk_is_left_alone() -> None:
    assert not belongs_to("ctc", new_call_id("ctc-test", 1.0))
    assert not belongs_to("ctc-test", new_call_id("ctc", 1.0))
    assert not belongs_to("c.c", new_call_id("cxc", 1.0))
    for foreign in ("1731000000.12", "ctc-", "ctc-" + "g" * 32, "ctc-" + "0" * 31, "ctc-" + "A" * 32, ""):
        assert not belongs_to("ctc", foreign)


@given(st.integers(0, 2**128 - 1))
def test_every_part_leads_back_to_its_call(value: int) -> None:
    """A hex id may end in any letter: the suffixes have a dot."""
    call_id = f"ctc-{value:032x}"
    parts = [
        channel_id(call_id, "agent"),
        channel_id(call_id, "customer"),
        bridge_id(call_id),
        *(part(call_id, number) for part in (other_channel_id, side_bridge_id) for number in (1, 12, 999)),
    ]
    assert {owner_of(part) for part in parts} == {call_id}
    assert len(set(parts)) == len(parts)


def test_what_bears_no_calls_name_is_its_own() -> None:
    for foreign in ("1731000000.12", "somebody.else", "", "ctc-1.", "1731000000.12.3"):
        assert owner_of(foreign) == foreign


def test_no_channel_s_id_begins_with_that_of_one_made_earlier() -> None:
    """Asterisk refuses an id that a living channel's begins with; the agent's own comes first."""
    made = [channel_id("ctc-0", "customer"), *(other_channel_id("ctc-0", number) for number in range(1, 40))]
    for earlier, later in itertools.combinations(made, 2):
        assert not earlier.startswith(later)


def test_each_recording_has_its_own_name() -> None:
    assert recording_name("ctc-0", 1) != recording_name("ctc-0", 2)
