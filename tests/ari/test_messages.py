"""What is read from what a real Asterisk 22.10 sent (`recorded.json`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from ctc_ari.ari.messages import (
    ALLOWED_EVENTS,
    Application,
    ApplicationReplaced,
    Bridge,
    Channel,
    Dialplan,
    Info,
    RestResponse,
    decode_event,
    observe,
    to_input,
)
from ctc_ari.calls.inputs import LegAnswered, LegGone, LegReady, LegRinging
from ctc_ari.calls.leg import LegStage
from ctc_ari.calls.ports import DialAnswered, Heard

RECORDED: dict[str, Any] = msgspec.json.decode((Path(__file__).parent / "recorded.json").read_bytes())

EVENTS: dict[str, dict[str, Any]] = RECORDED["events"]
ID = "ctc-" + "0" * 32
C, B = f"{ID}.c", f"{ID}.b"


@pytest.mark.parametrize(
    ("name", "of", "expected"),
    [
        ("agent_dialled", "0", None),
        ("agent_rings", "0", LegRinging("")),
        (
            "agent_answers",
            "0",
            DialAnswered(),
        ),  # an agent's is of no use before she enters: only then can she be bridged
        ("agent_enters", "0", LegAnswered("")),
        ("agent_gone", "0", LegGone("", 16)),
        ("agent_busy_dial", "1", None),
        ("agent_busy", "1", LegGone("", 17, 486)),
        ("agent_does_not_answer", "3", LegGone("", 19, 480)),
        ("customer_enters", "0.c", LegReady("")),
        ("customer_rings", "0.c", LegRinging("")),
        ("customer_answers", "0.c", DialAnswered()),
        ("customer_hangs_up", "0.c", LegGone("", 16)),
        ("customer_busy", "2.c", LegGone("", 17, 486)),
        ("customer_unknown", "4.c", LegGone("", 1, 404)),
    ],
)
def test_an_event_means_this_for_its_channel(name: str, of: str, expected: Heard | None) -> None:
    event = decode_event(msgspec.json.encode(EVENTS[name]))
    assert event is not None
    number, _, part = of.partition(".")
    channel = f"ctc-{int(number):032x}" + (f".{part}" if part else "")
    assert to_input(event) == ((channel, expected) if expected else None)


def test_an_older_asterisk_names_no_sip_status() -> None:
    older = {key: value for key, value in EVENTS["agent_busy"].items() if key != "tech_cause"} | {"cause": 0}
    event = decode_event(msgspec.json.encode(older))
    assert event is not None
    assert to_input(event) == (f"ctc-{1:032x}", LegGone(""))


def test_an_answer_on_the_socket_is_told_from_events() -> None:
    event = decode_event(msgspec.json.encode(EVENTS["answer_with_body"]))
    assert isinstance(event, RestResponse)
    assert event.status_code == 200
    assert msgspec.json.decode(event.message_body, type=Application).name
    assert to_input(event) is None


def test_being_replaced_is_an_event() -> None:
    event = decode_event(msgspec.json.encode(EVENTS["replaced"]))
    assert isinstance(event, ApplicationReplaced)


def test_kinds_of_no_use_are_nothing() -> None:
    assert decode_event(msgspec.json.encode(EVENTS["of_no_use"])) is None


@pytest.mark.parametrize(
    "garbage", [b"", b"[]", b"{}", b'{"type": 1}', b'{"type": ""}', b'{"type": "Dial"}', b'{"type": "StasisStart"}']
)
def test_garbage_is_an_error(garbage: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        decode_event(garbage)


def test_every_kind_that_is_read_is_let_through() -> None:
    read = {event["type"] for name, event in EVENTS.items() if name != "of_no_use"}
    assert read | {"StasisEnd", "ChannelHold", "ChannelUnhold", "ChannelTransfer", "ChannelUserevent"} == set(
        ALLOWED_EVENTS
    )


def channels() -> list[Channel]:
    return msgspec.convert(RECORDED["channels"], list[Channel])


def bridges() -> list[Bridge]:
    return msgspec.convert(RECORDED["bridges"], list[Bridge])


def test_a_conversation_as_asterisk_lists_it() -> None:
    both = {ID: LegStage.UP, C: LegStage.UP}
    assert observe("ctc", channels(), bridges()) == (both, {B: frozenset(both)})


@pytest.mark.parametrize(
    ("state", "stage"),
    [
        ("Down", LegStage.READY),
        ("Ring", LegStage.DIALING),
        ("Dialing", LegStage.DIALING),
        ("Ringing", LegStage.RINGING),
        ("Up", LegStage.UP),
        ("Busy", LegStage.DIALING),
    ],
)
def test_a_channel_s_state_is_a_stage(state: str, stage: LegStage) -> None:
    assert observe("ctc", [Channel(ID, state)], []) == ({ID: stage}, {})


def test_what_is_not_ours_is_not_seen() -> None:
    elsewhere = Dialplan("Stasis", "other,inbound,+442079460100")
    queued = Dialplan("Queue", "ctc")
    foreign = [
        Channel("1700000000.1", "Up"),
        Channel("other-" + "0" * 32, "Up"),
        Channel("1700000000.2", "Up", dialplan=elsewhere),
        Channel("1700000000.3", "Up", dialplan=queued),
    ]
    assert observe("ctc", foreign, [Bridge("somebody.b", (ID,)), Bridge("holding", (ID,))]) == ({}, {})


def test_a_caller_in_our_application_is_ours_whatever_his_channel_is_called() -> None:
    caller = Channel("1700000000.7", "Ring", dialplan=Dialplan("Stasis", "ctc,inbound,+442079460100"))
    assert observe("ctc", [caller], []) == ({"1700000000.7": LegStage.DIALING}, {})


def test_every_part_of_a_call_is_seen() -> None:
    side = f"{ID}.y002"
    parts = [ID, C, f"{ID}.x001", f"{ID}.x003"]
    listed = [Channel(part, "Up") for part in parts]
    stages, seen = observe("ctc", listed, [Bridge(B, (ID, "1700000000.1")), Bridge(side)])
    assert stages == dict.fromkeys(parts, LegStage.UP)
    assert seen == {B: frozenset({ID, "1700000000.1"}), side: frozenset()}


@pytest.mark.parametrize(
    ("version", "parsed"),
    [
        (RECORDED["info"]["system"]["version"], (22, 10)),
        ("20.6.0~dfsg+~cs6.13.40431414-2build5", (20, 6)),
        ("certified/22.8-cert1", (22, 8)),
        ("22", (22, 0)),
        ("GIT-master-1a2b3c", (0, 0)),
        ("", (0, 0)),
    ],
)
def test_versions_of_all_kinds_of_builds_are_read(version: str, parsed: tuple[int, int]) -> None:
    info = msgspec.convert(RECORDED["info"] | {"system": {"version": version}}, Info)
    assert info.version == parsed
    assert info.status.startup_time.startswith("2026-11-22T19:00:47")
