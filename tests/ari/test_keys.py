"""What phones do by their own keys, and what the dialplan hands over, as Asterisk 22.10 tells it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ctc_ari.ari.messages import decode_event, to_input
from ctc_ari.ari.rest import to_rest
from ctc_ari.calls.effects import CreateLeg, Originate
from ctc_ari.calls.inputs import LegHeld
from ctc_ari.calls.leg import Leg
from ctc_ari.calls.model import Agent, Call, Contact
from ctc_ari.calls.ports import Arrived, Heard, Referred
from ctc_ari.log.marks import PART
from tests.calls.builders import TARGETS, a_call, a_transfer

ID = "ctc-" + "0" * 32
SECOND = "1750000000.9"


def heard(event: dict[str, Any]) -> tuple[str, Heard] | None:
    decoded = decode_event(msgspec.json.encode(event | {"application": "ctc", "asterisk_id": "00:00:00:00:00:00"}))
    assert decoded is not None
    return to_input(decoded)


def channel(channel_id: str, /, **more: Any) -> dict[str, Any]:
    return {"id": channel_id, "name": "PJSIP/1001-00000001", "state": "Up", **more}


# holding


@pytest.mark.parametrize(("kind", "on"), [("ChannelHold", True), ("ChannelUnhold", False)])
def test_a_phone_s_hold_key(kind: str, on: bool) -> None:
    assert heard({"type": kind, "musicclass": "default", "channel": channel(ID)}) == (ID, LegHeld("", on))


# REFER


def transfer(refer_to: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Alice's phone sends REFER in her call with a customer."""
    referred_by = {
        "source_channel": channel(ID),
        "connected_channel": channel(f"{ID}.c"),
        "bridge": {"id": f"{ID}.b", "channels": [ID, f"{ID}.c"]},
    }
    return {"type": "ChannelTransfer", "refer_to": refer_to, "referred_by": referred_by, **more}


BLIND = {"requested_destination": {"destination": "555"}}
#: With Replaces (RFC 3891): the call that it names is another one of that phone.
ATTENDED = {
    "requested_destination": {
        "destination": "1002",
        "protocol_id": "4711@192.0.2.1",
        "additional_protocol_params": [{"parameter_name": "from", "parameter_value": "a"}],
    },
    "destination_channel": channel(SECOND),
    "connected_channel": channel(f"{ID}.x001"),
    "bridge": {"id": f"{ID}.b"},
}
#: Replaces with a Call-ID that Asterisk does not know.
LOST = {"requested_destination": {"destination": "1002", "protocol_id": "gone@192.0.2.1"}}


@pytest.mark.parametrize(
    ("refer_to", "expected"),
    [
        (BLIND, Referred("555")),
        (ATTENDED, Referred("1002", SECOND)),
        (LOST, Referred("1002", lost=True)),
    ],
    ids=["blind", "attended", "lost"],
)
def test_a_phone_s_transfer_key(refer_to: dict[str, Any], expected: Referred) -> None:
    assert heard(transfer(refer_to)) == (ID, expected)


@pytest.mark.parametrize("state", ["channel_progress", "channel_answered", "channel_unavailable", "channel_declined"])
def test_what_we_told_the_phone_ourselves_comes_back_and_says_nothing(state: str) -> None:
    assert heard(transfer(BLIND, state=state)) is None


# what the dialplan hands over


def entered(channel_id: str, args: list[str], /, state: str = "Ring", **more: Any) -> dict[str, Any]:
    return {"type": "StasisStart", "args": args, "channel": channel(channel_id, **more) | {"state": state}}


def test_a_caller() -> None:
    caller = {"name": "Grace H", "number": "447700900123"}
    event = entered("1750000000.7", ["inbound", "+442079460100"], name="PJSIP/trunk-00000003", caller=caller)
    arrived = Arrived("1750000000.7", "inbound", "+442079460100", "447700900123", "Grace H", "PJSIP/trunk")
    assert heard(event) == ("1750000000.7", arrived)


def test_a_caller_who_withholds_his_number() -> None:
    event = entered("1750000000.7", ["inbound", "+442079460100"], caller={"name": "", "number": ""})
    assert heard(event) == ("1750000000.7", Arrived("1750000000.7", "inbound", "+442079460100", "", "", "PJSIP/1001"))


def test_a_call_dialled_on_a_phone() -> None:
    event = entered(SECOND, ["dialled", "1002"], caller={"name": "Alice", "number": "1001"})
    assert heard(event) == (SECOND, Arrived(SECOND, "dialled", "1002", "1001", "Alice", "PJSIP/1001"))


def test_a_phone_with_a_dash_in_its_name_is_named_whole() -> None:
    event = entered(SECOND, ["dialled", "1002"], name="PJSIP/web-1001-0000000a")
    found = heard(event)
    assert found is not None
    assert found[1].endpoint == "PJSIP/web-1001"  # type: ignore[union-attr]


def test_a_caller_of_nothing_is_told_all_the_same() -> None:
    found = heard(entered("1750000000.7", ["inbound"]))
    assert found == ("1750000000.7", Arrived("1750000000.7", "inbound", "", "", "", "PJSIP/1001"))


# what phones show


def variables(call: Call, request: Originate | CreateLeg) -> dict[str, str]:
    body = to_rest(call, request, "ctc", "+442079460999").body
    assert body is not None
    return msgspec.convert(body["variables"], dict[str, str])


def transferring(**changes: Any) -> Call:
    call = a_call(contact=Contact("c1", "Carla"), transfers=(a_transfer(**changes),))
    target = call.transfers[0].target
    return a_call(
        contact=call.contact,
        transfers=call.transfers,
        others=(Leg(f"{ID}.x001", target.endpoint, role="target"),),
    )


def test_a_colleague_sees_the_customer_who_is_handed_to_her() -> None:
    shown = variables(transferring(mode="blind"), CreateLeg("target"))
    assert shown["CONNECTEDLINE(num,i)"] == "+442079460001"
    assert shown["CONNECTEDLINE(name,i)"] == "Carla"
    assert (shown["CALLERID(num)"], shown["CALLERID(name)"]) == ("1002", "Bob")
    assert shown["PJSIP_TRANSFER_HANDLING()"] == "ari-only", "she may transfer him on"


def test_a_colleague_who_is_consulted_sees_the_agent() -> None:
    shown = variables(transferring(mode="attended"), CreateLeg("target"))
    assert (shown["CONNECTEDLINE(num,i)"], shown["CONNECTEDLINE(name,i)"]) == ("1001", "Alice")


@pytest.mark.parametrize("mode", ["blind", "attended"])
def test_a_number_outside_sees_the_agent_s_number_and_nobody_s_name(mode: str) -> None:
    shown = variables(transferring(mode=mode, target=TARGETS["outside"]), CreateLeg("target"))
    assert shown.pop(PART).endswith(f";mode={mode};by=api;to=+442079460999;"), "for Asterisk's records"
    assert shown == {
        "CALLERID(num)": "+442079460999",
        "CONNECTEDLINE(num,i)": "+442079460100",
        "CONNECTEDLINE(num-pres,i)": "allowed",
    }


@pytest.mark.parametrize(
    ("role", "shown", "automatic"),
    [
        ("agent", "+442079460001", True),
        ("device", "+442079460001", True),
        ("offer:1", "+442079460001", False),
        ("supervisor:s1", "1001", False),
    ],
)
def test_only_phones_that_the_agent_asked_to_ring_answer_by_themselves(role: str, shown: str, automatic: bool) -> None:
    agent = Agent("a@example.com", "Alice", extension="1001", auto_answer=True)
    call = a_call(agent=agent, others=(Leg(f"{ID}.x001", "PJSIP/1003", role=role),))
    found = variables(call, Originate(25, role))
    assert found["CONNECTEDLINE(num,i)"] == shown
    assert bool([name for name in found if name.startswith("PJSIP_HEADER")]) == automatic
