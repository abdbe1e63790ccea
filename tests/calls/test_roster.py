"""Who has a call, and whose channel it is."""

from __future__ import annotations

from msgspec.structs import replace

from ctc_ari.calls.entry import Entry
from ctc_ari.calls.leg import Leg, LegStage
from ctc_ari.calls.model import Phase
from ctc_ari.calls.roster import Roster
from tests.calls.builders import ALICE, BOB, a_call_in

FOREIGN = "1700000000.12"


async def test_agent_of_a_live_call_has_one_until_it_ends() -> None:
    roster = Roster()
    call = a_call_in(Phase.TALKING)
    roster.add(Entry(call, row=True))
    assert roster.has_call(ALICE.email)
    assert not roster.has_call(ALICE.email, but=call.id)
    assert not roster.has_call(BOB.email)
    entry = roster.of_agent(ALICE.email)
    assert entry is not None
    assert entry.call.id == call.id
    roster.moved(call, replace(call, phase=Phase.ENDING))
    assert not roster.has_call(ALICE.email)
    assert (roster.occupied, len(roster)) == (0, 1)


async def test_call_that_moves_to_another_agent_frees_the_first_and_not_who_has_another() -> None:
    roster = Roster()
    call, other = a_call_in(Phase.OFFERED), replace(a_call_in(Phase.TALKING), id="ctc-" + "1" * 32, agent=BOB)
    roster.add(Entry(call, row=True))
    roster.add(Entry(other, row=True))
    roster.moved(call, replace(call, agent=BOB))
    assert not roster.has_call(ALICE.email)
    assert roster.has_call(BOB.email, but=call.id), "she keeps the call she has"


async def test_channel_is_its_owners_by_name_unless_another_call_adopted_it() -> None:
    roster = Roster()
    call = a_call_in(Phase.TALKING)
    inbound = replace(call, customer_leg=Leg(FOREIGN, "", LegStage.UP))
    assert roster.call_of(FOREIGN) == FOREIGN
    roster.add(Entry(inbound, row=True))
    assert roster.call_of(FOREIGN) == call.id
    assert roster.call_of(call.id + ".x001") == call.id
    assert {FOREIGN, call.id, call.bridge_id} <= roster.claimed()
    roster.remove(inbound)
    assert roster.call_of(FOREIGN) == FOREIGN
    assert roster.claimed() == set()
