"""Who is rung next, and what a transfer or a call dialled on a phone leads to."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ctc_ari.calls.entry import Entry
from ctc_ari.calls.inputs import AgentFound, NobodyFound, PhoneJoins, PhoneTransfers
from ctc_ari.calls.leg import Leg, LegStage
from ctc_ari.calls.model import Phase
from ctc_ari.calls.ports import Arrived, Referred
from ctc_ari.calls.reception import Reception
from ctc_ari.calls.roster import Roster
from ctc_ari.config import Asterisk
from ctc_ari.errors import AgentBusy, NumberBlocked, WrongState
from tests.calls.builders import ALICE, BOB, DID, NOW, a_call_in, a_dialling
from tests.calls.fakes import FakeTelephony

SECOND = "1700000000.7"


@pytest.fixture
def roster() -> Roster:
    return Roster()


@pytest.fixture
def reception(roster: Roster) -> Reception:
    dialling = a_dialling({DID: ["nobody@example.com", ALICE.email, BOB.email]})
    return Reception(FakeTelephony([]), dialling, Asterisk(), roster)


async def test_caller_to_a_number_in_no_route_is_none_of_ours(reception: Reception) -> None:
    assert reception.caller(Arrived(SECOND, "inbound", "+442079460000"), NOW) is None
    call = reception.caller(Arrived(SECOND, "inbound", DID, "02079460999"), NOW)
    assert call is not None
    assert (call.direction, call.linkedid, call.number) == ("inbound", SECOND, "+442079460999")


async def test_next_agent_is_the_first_in_the_route_who_is_known_and_free(reception: Reception, roster: Roster) -> None:
    call = reception.caller(Arrived(SECOND, "inbound", DID), NOW)
    assert call is not None
    found = reception.next_agent(call, 0)
    assert isinstance(found, AgentFound)
    assert (found.agent, found.next) == (ALICE, 2)
    roster.add(Entry(a_call_in(Phase.TALKING), row=True))
    found = reception.next_agent(call, 0)
    assert isinstance(found, AgentFound)
    assert found.agent == BOB
    assert reception.next_agent(call, 3) == NobodyFound(busy=False)
    roster.add(Entry(replace(a_call_in(Phase.TALKING), id="ctc-" + "1" * 32, agent=BOB), row=True))
    assert reception.next_agent(call, 0) == NobodyFound(busy=True)


async def test_transfer_to_herself_to_one_who_has_a_call_or_to_an_emergency_number_does_not_begin(
    reception: Reception, roster: Roster
) -> None:
    call = a_call_in(Phase.TALKING)
    with pytest.raises(WrongState):
        reception.start_of_transfer(call, ALICE.email, "blind", NOW)
    with pytest.raises(NumberBlocked):
        reception.start_of_transfer(call, "999", "blind", NOW)
    roster.add(Entry(replace(call, id="ctc-" + "1" * 32, agent=BOB), row=True))
    with pytest.raises(AgentBusy):
        reception.start_of_transfer(call, BOB.email, "attended", NOW)


async def test_second_call_on_the_phone_of_somebody_who_talks_is_a_consultation(
    reception: Reception, roster: Roster
) -> None:
    arrived = Arrived(SECOND, "dialled", str(BOB.extension), endpoint="PJSIP/1001")
    assert reception.second_call(arrived, NOW) is None, "nobody talks"
    roster.add(Entry(a_call_in(Phase.TALKING), row=True))
    assert reception.second_call(replace(arrived, endpoint="PJSIP/9999"), NOW) is None, "another phone"
    assert reception.second_call(replace(arrived, dialled="999"), NOW) is None
    second = reception.second_call(arrived, NOW)
    assert second is not None
    assert (second[1].channel, second[1].start.mode) == (SECOND, "attended")
    assert second[1].start.target.agent == BOB


async def test_refer_names_a_target_or_the_phones_other_call(reception: Reception) -> None:
    call = a_call_in(Phase.TALKING, others=(Leg(SECOND, "", LegStage.UP, "second"),))
    assert reception.referral(call, "agent", Referred("1002", other=SECOND), NOW) == PhoneJoins("agent")
    assert reception.referral(call, "agent", Referred("1002", other="1700000000.99"), NOW) == PhoneTransfers(
        "agent", "1002"
    )
    assert reception.referral(call, "agent", Referred("1002", lost=True), NOW) == PhoneTransfers("agent", "1002")
    assert reception.referral(call, "agent", Referred("999"), NOW) == PhoneTransfers("agent", "999")
    blind = reception.referral(call, "agent", Referred(str(BOB.extension)), NOW)
    assert isinstance(blind, PhoneTransfers)
    assert blind.start is not None
    assert blind.start.target.agent == BOB
