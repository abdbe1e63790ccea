"""Who and what can be rung: agents and their devices, extensions, numbers, routes, and callers without a number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctc_ari.calls.dialling import Dialling
from ctc_ari.calls.leg import Device
from ctc_ari.calls.model import Agent
from ctc_ari.calls.numbers import NumberPolicy, Spelling
from ctc_ari.config import Asterisk, Inbound, Numbers
from ctc_ari.errors import AgentNotFound, CtcError, DeviceUnavailable, InvalidNumber, NumberBlocked
from tests.calls.builders import ALICE, BOB, CAROL, DID, a_dialling

WEB = Agent("web@example.com", extension="1004", device="web")
HOME = Agent("home@example.com", extension="1005", contact="sip:home@192.0.2.1")
NOWHERE = Agent("nowhere@example.com")
DIALLING = a_dialling(agents=(ALICE, BOB, WEB, HOME, NOWHERE))


# devices


@pytest.mark.parametrize(
    ("agent", "device", "endpoint"),
    [
        (ALICE, "desk", "PJSIP/1001"),
        (ALICE, "web", "PJSIP/web-1001"),
        (Agent("a@b", extension="1001", desk_endpoint="PJSIP/desk-7"), "desk", "PJSIP/desk-7"),
        (Agent("a@b", desk_endpoint="desk-7"), "desk", "PJSIP/desk-7"),
        (HOME, "desk", "PJSIP/ctc-phone/sip:home@192.0.2.1"),
        (HOME, "web", "PJSIP/web-1005"),
    ],
)
def test_a_device_is_dialled_where_the_directory_says(agent: Agent, device: Device, endpoint: str) -> None:
    assert DIALLING.device(agent, device) == endpoint


def test_a_device_that_she_does_not_have_is_unavailable() -> None:
    with pytest.raises(DeviceUnavailable):
        DIALLING.device(NOWHERE, "desk")
    with pytest.raises(DeviceUnavailable):
        DIALLING.device(Agent("a@b", desk_endpoint="PJSIP/own"), "web")


@pytest.mark.parametrize(
    ("agent", "endpoints"),
    [
        (ALICE, ("PJSIP/1001", "PJSIP/web-1001")),
        (Agent("a@b", desk_endpoint="PJSIP/own"), ("PJSIP/own",)),
        (NOWHERE, ()),
        (Agent("", extension="2000"), ("PJSIP/2000",)),
    ],
)
def test_a_caller_rings_all_her_devices(agent: Agent, endpoints: tuple[str, ...]) -> None:
    assert DIALLING.devices(agent) == endpoints


def test_a_number_goes_through_the_trunk_as_the_configuration_spells_it() -> None:
    assert DIALLING.trunk("+442079460001") == "PJSIP/442079460001@trunk"
    plus = Dialling(Asterisk(trunk="PJSIP/{e164}@carrier"), Inbound(), str, str, lambda _: None)
    assert plus.trunk("+442079460001") == "PJSIP/+442079460001@carrier"


# targets of a transfer


@pytest.mark.parametrize(
    ("to", "agent", "endpoint"),
    [
        ("bob@example.com", BOB, "PJSIP/1002"),
        ("1002", BOB, "PJSIP/1002"),
        ("1004", WEB, "PJSIP/web-1004"),
        ("home@example.com", HOME, "PJSIP/ctc-phone/sip:home@192.0.2.1"),
    ],
)
def test_an_agent_is_a_target_by_her_address_and_by_her_extension(to: str, agent: Agent, endpoint: str) -> None:
    target = DIALLING.target(to)
    assert (target.to, target.agent, target.endpoint, target.outside) == (to, agent, endpoint, False)


@pytest.mark.parametrize("extension", ["2000", "7", "*55", "123456", "#1"])
def test_any_other_extension_is_a_target_of_nobody_we_know(extension: str) -> None:
    target = DIALLING.target(extension)
    assert (target.endpoint, target.agent, target.outside) == (
        f"PJSIP/{extension}",
        Agent("", extension=extension),
        False,
    )


@pytest.mark.parametrize("spelling", ["+442079460999", "020 7946 0999", "0044 20 7946 0999"])
def test_a_number_is_a_target_outside_in_one_spelling(spelling: str) -> None:
    target = DIALLING.target(spelling)
    assert (target.to, target.endpoint) == ("+442079460999", "PJSIP/442079460999@trunk")
    assert (target.agent.email, target.outside) == ("", True)


@pytest.mark.parametrize("emergency", ["999", "112", "+44 999"])
def test_an_emergency_number_is_no_target_though_it_is_as_short_as_an_extension(emergency: str) -> None:
    with pytest.raises(NumberBlocked):
        DIALLING.target(emergency)


@pytest.mark.parametrize("blocked", ["+449098790123", "09098790123", "+12125550100"])
def test_a_number_that_may_not_be_called_is_no_target(blocked: str) -> None:
    with pytest.raises(NumberBlocked):
        DIALLING.target(blocked)


@pytest.mark.parametrize(
    "nothing", ["", "x", "1234567", "1@trunk", "1002/sip:evil@host", "1002&PJSIP/1003", "٣٤", "1\n2"]
)
def test_what_is_neither_extension_nor_number_is_no_target(nothing: str) -> None:
    with pytest.raises((InvalidNumber, AgentNotFound)):
        DIALLING.target(nothing)


def test_an_unknown_address_is_not_found_and_one_without_a_phone_is_unavailable() -> None:
    with pytest.raises(AgentNotFound):
        DIALLING.target("nobody@example.com")
    with pytest.raises(DeviceUnavailable):
        DIALLING.target("nowhere@example.com")


@given(st.text(max_size=80))
def test_whatever_is_typed_names_one_endpoint_or_is_refused(to: str) -> None:
    try:
        endpoint = DIALLING.target(to).endpoint
    except CtcError:
        return
    assert endpoint.removeprefix("PJSIP/").removesuffix("@trunk").strip("0123456789*#") == ""


# routes


def test_a_route_is_one_or_several_and_an_unknown_did_has_none() -> None:
    dialling = a_dialling({DID: "alice@example.com", "+442079460101": ["bob@example.com", "2000"]})
    assert dialling.route(DID) == ("alice@example.com",)
    assert dialling.route("+442079460101") == ("bob@example.com", "2000")
    assert dialling.route("+442079460102") == ()
    assert dialling.route("") == ()


def test_who_an_entry_means() -> None:
    dialling = a_dialling()
    assert dialling.who("alice@example.com") == ALICE
    assert dialling.who("1003") == CAROL
    assert dialling.who("2000") == Agent("", extension="2000")
    assert dialling.who("nobody@example.com") is None


# callers


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("447700900123", "+447700900123"),
        ("07911123456", "+447911123456"),
        ("0012125550100", "+12125550100"),
        ("07700900123", "+447700900123"),
        ("+447700900123", "+447700900123"),
        ("+12125550100", "+12125550100"),
        ("+449098790123", "+449098790123"),
        ("1001", "1001"),
        ("", ""),
        ("anonymous", ""),
        ("Restricted", ""),
        ("+", ""),
        ("12 34", ""),
        ("<sip:evil@host>", ""),
    ],
)
def test_a_caller_is_shown_in_one_spelling_where_there_is_one_and_as_nobody_when_he_is_withheld(
    said: str, shown: str
) -> None:
    assert DIALLING.caller(said) == shown


@given(st.text(max_size=60))
def test_a_caller_s_number_is_harmless_whatever_the_carrier_says(said: str) -> None:
    shown = DIALLING.caller(said)
    assert shown.removeprefix("+").isdigit() or shown == ""
    assert shown.isascii()


def test_the_policy_is_the_one_for_calls() -> None:
    """Somebody from a country that is not called from here still has a number."""
    narrow = NumberPolicy(Numbers(allowed_regions=("DE",), default_region="DE")).normalise
    dialling = Dialling(Asterisk(), Inbound(), narrow, Spelling("DE").spell, lambda _: None)
    with pytest.raises(NumberBlocked):
        dialling.target("+442079460999")
    assert dialling.caller("+442079460999") == "+442079460999"
