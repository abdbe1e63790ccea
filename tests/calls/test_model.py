"""What the outside sees of a call, and that its row holds all of it."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from ctc_ari.calls.model import Call, CallState, Contact, EndReason, Phase
from tests.calls.builders import a_call, a_call_in


def test_the_states_are_the_contracts() -> None:
    assert {*CallState} == {"ringing_agent", "ringing_customer", "talking", "ended"}


def test_the_end_reasons_are_the_contracts() -> None:
    contract = (
        "completed, agent_no_answer, agent_busy, agent_rejected, agent_hangup, customer_busy, customer_no_answer, "
        "customer_rejected, customer_hangup, unreachable, transferred, cancelled, failed, lost"
    )
    assert {*EndReason} == set(contract.split(", "))


def test_every_phase_is_seen_as_one_state_and_only_the_last_two_as_ended() -> None:
    for phase in Phase:
        call = a_call_in(phase)
        assert call.live == (phase not in (Phase.ENDING, Phase.ENDED))
        assert (call.state is CallState.ENDED) == (not call.live)
    assert a_call_in(Phase.PLACING).state is CallState.RINGING_AGENT
    assert a_call_in(Phase.ANNOUNCING).state is CallState.RINGING_CUSTOMER


@pytest.mark.parametrize("phase", Phase)
def test_a_row_holds_the_whole_call(phase: Phase) -> None:
    call = replace(a_call_in(phase), contact=Contact("c1", 'Zoë "Z" \u202e\\'), muted=True, held=True)
    assert msgspec.json.decode(msgspec.json.encode(call), type=Call) == call


def test_a_row_of_an_older_version_is_read_with_defaults() -> None:
    """A field that is new has a default, so that the calls of the version before survive the update."""
    required = {"id", "node", "agent", "device", "number", "agent_leg", "customer_leg", "created_at"}
    required |= {"agent_ring_timeout", "customer_ring_timeout", "max_seconds"}
    row = {key: value for key, value in msgspec.to_builtins(a_call()).items() if key in required}
    assert msgspec.convert(row, Call).phase is Phase.PLACING


def test_legs_are_found_by_role() -> None:
    call = a_call()
    assert call.leg("agent") is call.agent_leg
    assert call.leg("customer") is call.customer_leg
