"""What the service leaves in Asterisk's records is read back as it was meant."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ctc_ari.calls.leg import Leg
from ctc_ari.calls.model import Call, EndReason, Phase, Target
from ctc_ari.log.marks import Marks, cause_of, ended_by_cause, marks_of, part_mark
from tests.calls.builders import BOB, a_call_in, a_transfer, an_inbound_call

RTCP = "ssrc=1;themssrc=2;lp=5;rxjitter=0.0015;rxcount=95;rtt=0.040"


def test_a_target_s_channel_tells_of_its_transfer() -> None:
    odd = replace(a_transfer("attended"), target=Target("o;d=d %{x}@example.com", "PJSIP/1002", BOB), by="phone")
    call = replace(a_call_in(Phase.CONSULTING), transfers=(odd,))
    mark = part_mark(call, "target")
    assert not set(mark) & set(" ${}\"'\\,")
    found = marks_of(mark + RTCP)
    assert found == Marks(part="target", id="t1", mode="attended", by="phone", to="o;d=d %{x}@example.com")


def test_the_agent_s_channel_tells_whom_she_calls_and_whether_she_is_rung_again() -> None:
    call = a_call_in(Phase.TALKING)
    assert marks_of(part_mark(call, "agent")) == Marks(part="agent", number=call.number)
    again = replace(call, agent_leg=Leg(f"{call.id}.x002", "PJSIP/1001"))
    assert marks_of(part_mark(again, "agent")).part == "recall"


@pytest.mark.parametrize("role", ["customer", "offer:3", "device", "supervisor:s1"])
def test_others_tell_what_they_are_for(role: str) -> None:
    assert marks_of(part_mark(a_call_in(Phase.TALKING), role)).part == role.partition(":")[0]


@pytest.mark.parametrize("userfield", ["", RTCP, "part", ";;=;", "account 7"])
def test_a_channel_that_is_not_ours_says_nothing(userfield: str) -> None:
    assert marks_of(userfield) in (Marks(), Marks(part=""))


@pytest.mark.parametrize("reason", [*EndReason])
def test_a_cause_means_the_same_to_whoever_reads_it(reason: EndReason) -> None:
    call = replace(a_call_in(Phase.ENDING), end_reason=reason)
    of_agents = reason.startswith("agent_")
    read = ended_by_cause(cause_of(call, "agent"), of_agents=of_agents)
    plain = {"completed", "agent_hangup", "customer_hangup", "transferred", "cancelled"}
    assert read == (None if reason in plain else reason)


def test_a_live_call_hangs_nobody_up_for_a_reason_of_its_own() -> None:
    call = a_call_in(Phase.TALKING)
    assert cause_of(call, "customer") is None
    assert cause_of(call, "former:x") is None
    assert cause_of(call, "supervisor:s1") is None


@pytest.mark.parametrize(
    ("state", "reason", "cause"),
    [("failed", "no_answer", 19), ("failed", "busy", 17), ("failed", "hangup", None), ("cancelled", None, None)],
)
def test_a_target_is_released_for_what_came_of_it(state: str, reason: str | None, cause: int | None) -> None:
    transfer = replace(a_transfer("blind"), state=state, reason=reason)
    call: Call = replace(a_call_in(Phase.TALKING), transfers=(transfer,))
    assert cause_of(call, "former:x") == cause


def test_a_phone_whose_owner_declines_by_the_api_is_told_so() -> None:
    offered = replace(an_inbound_call(), phase=Phase.OFFERED, refusal=EndReason.AGENT_REJECTED)
    assert cause_of(offered, "former:x") == 21
    assert cause_of(replace(offered, refusal=EndReason.AGENT_NO_ANSWER), "former:x") is None
