"""What is sent to Asterisk for each request of the engine."""

from __future__ import annotations

import unicodedata
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ctc_ari.ari.rest import Rest, display_name, to_rest
from ctc_ari.calls import effects
from ctc_ari.calls.effects import (
    AnswerLeg,
    BridgeLegs,
    CreateBridge,
    CreateLeg,
    DestroyBridge,
    DialLeg,
    HangUpLeg,
    Keep,
    LeaveToDialplan,
    Music,
    Mute,
    Originate,
    PlaySound,
    PlayTone,
    PressKeys,
    Progress,
    RecordBridge,
    Recording,
    Request,
    Spy,
    StartRingback,
    StopRingback,
    TellPhone,
    UnbridgeLegs,
    Watch,
)
from ctc_ari.calls.leg import Leg
from ctc_ari.calls.model import Agent, Call, Contact
from ctc_ari.log.marks import PART
from tests.calls.builders import a_call, a_transfer

ID = "ctc-" + "0" * 32

C, B = f"{ID}.c", f"{ID}.b"

#: A transfer's target, a supervisor's phone, what listens for her, her bridge, and a channel that is being released.
T, S, SPY, SIDE, OLD = f"{ID}.x001", f"{ID}.x002", f"{ID}.x003", f"{ID}.y002", f"{ID}.x009"

TRUNK_ID = "+442079460999"


def everybody(**changes: Any) -> Call:
    """A consultation with a supervisor."""
    others = (
        Leg(T, "PJSIP/1002", role="target"),
        Leg(S, "PJSIP/1003", role="supervisor:s1"),
        Leg(SPY, "", role="spy:s1"),
    )
    return replace(a_call(), others=others, transfers=(a_transfer("attended"),), **changes)


#: Each request, and its REST without the variables of a new channel.
REST: list[tuple[Request, str, str, dict[str, str]]] = [
    (Originate(25), "POST", f"channels/{ID}", {"endpoint": "PJSIP/1001", "app": "ctc", "timeout": "25"}),
    (
        Originate(25, "supervisor:s1"),
        "POST",
        f"channels/{S}",
        {"endpoint": "PJSIP/1003", "app": "ctc", "timeout": "25", "originator": C},
    ),
    (
        CreateLeg("customer"),
        "POST",
        "channels/create",
        {"endpoint": "PJSIP/442079460001@trunk", "app": "ctc", "channelId": C, "originator": ID},
    ),
    (
        CreateLeg("target"),
        "POST",
        "channels/create",
        {"endpoint": "PJSIP/1002", "app": "ctc", "channelId": T, "originator": C},
    ),
    (DialLeg("customer", 45), "POST", f"channels/{C}/dial", {"timeout": "45"}),
    (DialLeg("target", 25), "POST", f"channels/{T}/dial", {"timeout": "25"}),
    (CreateBridge(), "POST", f"bridges/{B}", {"type": "mixing"}),
    (CreateBridge(2), "POST", f"bridges/{SIDE}", {"type": "mixing"}),
    (BridgeLegs(), "POST", f"bridges/{B}/addChannel", {"channel": f"{ID},{C}"}),
    (BridgeLegs(("target",)), "POST", f"bridges/{B}/addChannel", {"channel": T}),
    (BridgeLegs(("supervisor:s1", "spy:s1"), 2), "POST", f"bridges/{SIDE}/addChannel", {"channel": f"{S},{SPY}"}),
    (UnbridgeLegs(("customer",)), "POST", f"bridges/{B}/removeChannel", {"channel": C}),
    (Watch("customer"), "POST", "applications/ctc/subscription", {"eventSource": f"channel:{C}"}),
    (AnswerLeg("customer"), "POST", f"channels/{C}/answer", {}),
    (Keep("customer"), "POST", f"channels/{C}/variable", {"variable": "TIMEOUT(absolute)", "value": "0"}),
    (LeaveToDialplan("customer"), "POST", f"channels/{C}/continue", {}),
    (StartRingback(), "POST", f"channels/{ID}/ring", {}),
    (StopRingback("customer"), "DELETE", f"channels/{C}/ring", {}),
    (PlayTone("busy"), "POST", f"channels/{ID}/play", {"media": "tone:busy"}),
    (PlaySound("beeperr", "agent"), "POST", f"channels/{ID}/play", {"media": "sound:beeperr"}),
    (Spy("spy:s1", False), "POST", f"channels/{ID}/snoop/{SPY}", {"spy": "both", "whisper": "none", "app": "ctc"}),
    (Spy("spy:s1", True), "POST", f"channels/{ID}/snoop/{SPY}", {"spy": "both", "whisper": "out", "app": "ctc"}),
    (
        TellPhone("agent", Progress.ANSWERED),
        "POST",
        f"channels/{ID}/transfer_progress",
        {"states": "channel_answered"},
    ),
    (Mute("agent", True), "POST", f"channels/{ID}/mute", {"direction": "in"}),
    (Mute("customer", False), "DELETE", f"channels/{C}/mute", {"direction": "in"}),
    (Music("customer", True), "POST", f"channels/{C}/moh", {}),
    (Music("target", False), "DELETE", f"channels/{T}/moh", {}),
    (
        RecordBridge(1, Recording.START),
        "POST",
        f"bridges/{B}/record",
        {"name": f"{ID}-1", "format": "wav", "ifExists": "fail"},
    ),
    (RecordBridge(2, Recording.PAUSE), "POST", f"recordings/live/{ID}-2/pause", {}),
    (RecordBridge(2, Recording.RESUME), "DELETE", f"recordings/live/{ID}-2/pause", {}),
    (RecordBridge(2, Recording.STOP), "POST", f"recordings/live/{ID}-2/stop", {}),
    (PressKeys("12#"), "POST", f"channels/{C}/dtmf", {"dtmf": "12#"}),
    (PressKeys("12#", "target"), "POST", f"channels/{T}/dtmf", {"dtmf": "12#"}),
    (HangUpLeg("agent"), "DELETE", f"channels/{ID}", {}),
    (HangUpLeg("customer"), "DELETE", f"channels/{C}", {}),
    (HangUpLeg(f"former:{OLD}", 26), "DELETE", f"channels/{OLD}", {"reason_code": "26"}),
    (DestroyBridge(), "DELETE", f"bridges/{B}", {}),
    (DestroyBridge(2), "DELETE", f"bridges/{SIDE}", {}),
]

#: Those that a call of two has.
ALONE = [entry for entry in REST if not str(entry[0]).count("s1") and not str(entry[0]).count("target")]


def rest(call: Call, request: Request, caller_id: str | None = TRUNK_ID) -> Rest:
    return to_rest(call, request, "ctc", caller_id)


def variables(call: Call, request: Request, caller_id: str | None = TRUNK_ID) -> dict[str, str]:
    """The variables of the new channel."""
    body = rest(call, request, caller_id).body
    assert body is not None
    return msgspec.convert(body["variables"], dict[str, str])


@pytest.mark.parametrize(("request_", "method", "path", "query"), REST)
def test_each_request_is_this_rest(request_: Request, method: str, path: str, query: dict[str, str]) -> None:
    sent = rest(everybody(), request_)
    assert (sent.method, sent.path, dict(sent.query)) == (method, path, query)
    assert (sent.body is not None) == isinstance(request_, Originate | CreateLeg)


def test_every_request_of_the_engine_has_a_rest() -> None:
    kinds = {kind for kind in vars(effects).values() if isinstance(kind, type) and issubclass(kind, Request)}
    assert kinds - {Request} == {type(request) for request, *_ in REST}
    with pytest.raises(TypeError):
        rest(a_call(), Request())


def test_the_agent_s_phone_shows_the_customer() -> None:
    call = a_call(contact=Contact("c1", "Carla Gómez"))
    shown = variables(call, Originate(25))
    assert shown.pop(PART) == f"part=agent;number={call.number};", "for Asterisk's records"
    assert shown == {
        "CALLERID(num)": "1001",
        "CALLERID(name)": "Alice",
        "CONNECTEDLINE(num,i)": call.number,
        "CONNECTEDLINE(num-pres,i)": "allowed",
        "CONNECTEDLINE(name,i)": "Carla Gómez",
        "PJSIP_TRANSFER_HANDLING()": "ari-only",
    }


def test_only_an_agent_who_wants_it_is_answered_automatically() -> None:
    willing = a_call(agent=Agent("a@example.com", auto_answer=True))
    headers = {name for name in variables(willing, Originate(25)) if name.startswith("PJSIP_HEADER")}
    assert headers == {
        "PJSIP_HEADER(add,Call-Info)",
        "PJSIP_HEADER(add,Alert-Info)",
        "PJSIP_HEADER(add,Answer-Mode)",
    }
    assert not [name for name in variables(a_call(), Originate(25)) if name.startswith("PJSIP_HEADER")]


@pytest.mark.parametrize(
    ("own", "trunk", "shown"),
    [("+442079460100", TRUNK_ID, "+442079460100"), (None, TRUNK_ID, TRUNK_ID), (None, None, None)],
)
def test_the_customer_sees_the_agent_s_number_or_the_trunk_s(
    own: str | None, trunk: str | None, shown: str | None
) -> None:
    call = a_call(agent=Agent("a@example.com", "Alice", caller_id=own))
    found = variables(call, CreateLeg("customer"), trunk)
    assert found.get("CONNECTEDLINE(num,i)") == shown
    assert found["CALLERID(num)"] == call.number
    assert "Alice" not in str(found), "her name is nobody's business outside"


ANYTHING = st.text(max_size=200)

NASTY = st.one_of(
    ANYTHING,
    st.sampled_from(
        ["a\r\nX-Evil: 1", '" <sip:evil@host>', "\u202egnp.exe", "\x00", "&PJSIP/9@trunk", "\\", "a\u2028b"]
    ),
)


@given(NASTY)
def test_a_display_name_is_harmless_in_a_header_whatever_was_typed(name: str) -> None:
    shown = display_name(name)
    assert len(shown) <= 80
    assert not set('"\\\r\n') & set(shown)
    #: C: control, format (bidirectional marks, joiners), surrogates; Z: separators, of which the space may stay.
    assert all(c == " " or unicodedata.category(c)[0] not in "CZ" for c in shown)


def test_a_long_name_is_cut() -> None:
    assert display_name("x" * 200) == "x" * 80


@given(NASTY)
def test_a_name_of_ordinary_letters_stays_as_it_is(name: str) -> None:
    plain = "".join(c for c in name if c.isalnum())[:80]
    assert display_name(plain) == plain


@given(name=NASTY, contact=NASTY, email=NASTY)
def test_names_reach_nothing_but_the_two_name_fields(name: str, contact: str, email: str) -> None:
    typed = a_call(agent=Agent(email, name, extension="1001", auto_answer=True), contact=Contact(contact, contact))
    plain = a_call(agent=Agent("x@example.com", "", extension="1001", auto_answer=True), contact=Contact("", ""))
    names = ("CALLERID(name)", "CONNECTEDLINE(name,i)")
    for request, *_ in ALONE:
        got, expected = rest(typed, request), rest(plain, request)
        assert (got.method, got.path, got.query) == (expected.method, expected.path, expected.query)
        if got.body is not None:
            found, usual = variables(typed, request), variables(plain, request)
            assert {k: v for k, v in found.items() if k not in names} == {
                k: v for k, v in usual.items() if k not in names
            }
            assert {found[key] for key in names if key in found} <= {display_name(name), display_name(contact)}


def test_a_call_of_an_agent_without_extension_has_no_number_of_hers() -> None:
    call = replace(a_call(), agent=Agent("a@example.com"))
    assert variables(call, Originate(25))["CALLERID(num)"] == ""
