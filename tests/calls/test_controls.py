"""Mute, hold, record, keys: wishes that may be repeated, and what stands when Asterisk refuses."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctc_ari.calls.controls import control_failed
from ctc_ari.calls.effects import (
    Announce,
    BridgeLegs,
    CreateBridge,
    Music,
    Mute,
    PressKeys,
    RecordBridge,
    Recording,
    Request,
    UnbridgeLegs,
)
from ctc_ari.calls.engine import step
from ctc_ari.calls.inputs import Input, LegHeld, RequestFailed, SendDtmf, SetHeld, SetMuted, SetRecording
from ctc_ari.calls.model import Call, Phase, RecordingState
from tests.calls.builders import NOW, a_call_in

RECORDING: tuple[RecordingState, ...] = ("off", "on", "paused")
WISHES = st.one_of(
    st.builds(SetMuted, st.booleans()),
    st.builds(SetHeld, st.booleans()),
    st.builds(SetRecording, st.sampled_from(RECORDING)),
)


def talking(**changes: Any) -> Call:
    return a_call_in(Phase.TALKING, **changes)


@pytest.mark.parametrize("wish", [SetMuted, SetHeld])
@pytest.mark.parametrize("on", [True, False])
def test_a_wish_fulfilled_already_changes_nothing(wish: type[SetMuted | SetHeld], on: bool) -> None:
    call = talking(muted=on, held=on)
    assert step(call, wish(on), NOW) == (call, ())


def test_muting_takes_the_agents_voice_only() -> None:
    call, effects = step(talking(), SetMuted(True), NOW)
    assert (call.muted, effects) == (True, (Mute("agent", True), Announce("call.muted")))
    call, effects = step(call, SetMuted(False), NOW)
    assert (call.muted, effects) == (False, (Mute("agent", False), Announce("call.unmuted")))


def test_a_held_customer_hears_music_and_is_not_heard() -> None:
    call, effects = step(talking(), SetHeld(True), NOW)
    assert (call.held, effects) == (True, (Mute("customer", True), Music("customer", True), Announce("call.held")))
    call, effects = step(call, SetHeld(False), NOW)
    assert effects == (Mute("customer", False), Music("customer", False), Announce("call.resumed"))


def test_a_clock_that_is_set_back_during_a_hold_takes_no_time_away() -> None:
    call, _ = step(talking(waited=3.0), SetHeld(True), NOW)
    call, _ = step(call, SetHeld(False), NOW - 3600)
    assert call.waited == 3.0
    call, _ = step(call, SetHeld(True), NOW - 3600)
    call, _ = step(call, SetHeld(False), NOW - 3590)
    assert call.waited == 13.0


def test_mute_and_hold_do_not_touch_each_other() -> None:
    call, _ = step(talking(), SetMuted(True), NOW)
    call, _ = step(call, SetHeld(True), NOW)
    call, _ = step(call, SetHeld(False), NOW)
    assert (call.muted, call.held) == (True, False)


def test_her_phone_that_lets_go_does_not_end_the_hold_that_was_asked_for() -> None:
    call, _ = step(talking(), SetHeld(True), NOW)
    call, effects = step(call, LegHeld("agent", True), NOW)
    assert effects == (Mute("agent", True),)
    call, effects = step(call, LegHeld("agent", False), NOW)
    anew = (UnbridgeLegs(("customer",)), Music("customer", True), BridgeLegs(("customer",)))
    assert effects == (*anew, Mute("agent", False))
    assert call.held


@given(st.lists(st.one_of(WISHES, st.builds(LegHeld, st.just("agent"), st.booleans()))))
def test_whatever_the_order_the_agent_is_heard_again_unless_muted_or_held_twice(inputs: list[Input]) -> None:
    call, heard = talking(), True
    for happened in inputs:
        call, effects = step(call, happened, NOW)
        for effect in effects:
            if isinstance(effect, Mute) and effect.role == "agent":
                heard = not effect.on
        assert heard is not (call.muted or (call.held and call.held_by_phone))


#: Before, wished: what is done with which recording, what is announced, after.
RECORDINGS: dict[tuple[RecordingState, RecordingState], tuple[Recording | None, str | None, RecordingState]] = {
    ("off", "off"): (None, None, "off"),
    ("off", "on"): (Recording.START, "call.recording_started", "on"),
    ("off", "paused"): (None, None, "off"),
    ("on", "on"): (None, None, "on"),
    ("on", "paused"): (Recording.PAUSE, "call.recording_stopped", "paused"),
    ("on", "off"): (Recording.STOP, "call.recording_stopped", "off"),
    ("paused", "paused"): (None, None, "paused"),
    ("paused", "on"): (Recording.RESUME, "call.recording_started", "on"),
    ("paused", "off"): (Recording.STOP, None, "off"),
}


@pytest.mark.parametrize(("before", "wish"), [*itertools.product(RECORDING, RECORDING)])
def test_a_recording_is_started_paused_resumed_and_stopped(before: RecordingState, wish: RecordingState) -> None:
    action, announced, after = RECORDINGS[before, wish]
    call, effects = step(talking(recording=before, recordings=1), SetRecording(wish), NOW)
    number = 2 if action is Recording.START else 1
    assert call.recording == after
    assert call.recordings == number
    assert [effect for effect in effects if isinstance(effect, Request)] == (
        [RecordBridge(number, action)] if action else []
    )
    assert [effect.event for effect in effects if isinstance(effect, Announce)] == ([announced] if announced else [])


def test_keys_are_pressed_each_time() -> None:
    call = talking()
    for _ in range(2):
        assert step(call, SendDtmf("12#"), NOW) == (call, (PressKeys("12#"),))


@given(st.lists(WISHES))
def test_after_any_wishes_the_last_of_each_kind_stands(wishes: list[Input]) -> None:
    call, requests = talking(), []
    for wish in wishes:
        call, effects = step(call, wish, NOW)
        requests += [effect for effect in effects if isinstance(effect, Request)]
    last = {type(wish): wish for wish in wishes}
    assert call.muted == getattr(last.get(SetMuted), "on", False)
    assert call.held == getattr(last.get(SetHeld), "on", False)
    recordings = [request for request in requests if isinstance(request, RecordBridge)]
    numbers = [recording.number for recording in recordings if recording.action is Recording.START]
    assert numbers == list(range(1, call.recordings + 1)), "each recording has its own number"


# --- refused ---


def refused(call: Call, request: Request) -> tuple[Call, list[str]]:
    after, effects = step(call, RequestFailed(request, 500), NOW)
    return after, [effect.event for effect in effects if isinstance(effect, Announce)]


def test_a_refused_mute_is_taken_back() -> None:
    call, events = refused(talking(muted=True), Mute("agent", True))
    assert (call.muted, events) == (False, ["call.unmuted"])
    call, events = refused(talking(muted=False), Mute("agent", False))
    assert (call.muted, events) == (True, ["call.muted"])


@pytest.mark.parametrize("request_", [Mute("customer", True), Music("customer", True)])
def test_a_refused_hold_is_taken_back_once(request_: Request) -> None:
    call, events = refused(talking(held=True), request_)
    assert (call.held, events) == (False, ["call.resumed"])
    assert refused(call, Music("customer", True)) == (call, [])


def test_a_recording_that_did_not_begin_is_none() -> None:
    call, events = refused(talking(recording="on", recordings=1), RecordBridge(1, Recording.START))
    assert (call.recording, events) == ("off", ["call.recording_stopped"])


STAND = [PressKeys("1"), RecordBridge(1, Recording.STOP), RecordBridge(1, Recording.PAUSE), Mute("agent", False)]


@pytest.mark.parametrize("request_", STAND)
def test_what_cannot_be_taken_back_stands(request_: Request) -> None:
    call = talking(muted=True, recording="paused", recordings=1)
    assert refused(call, request_) == (call, [])


def test_what_is_no_control_is_left_to_the_engine() -> None:
    assert control_failed(talking(), RequestFailed(CreateBridge(), 500)) is None
