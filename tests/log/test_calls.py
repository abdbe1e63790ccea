"""What the engine knows of a call and its successors becomes one row."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ctc_ari.calls.effects import HandOver
from ctc_ari.calls.engine import step
from ctc_ari.calls.inputs import HangUp, LegAnswered, LegGone, Observed
from ctc_ari.calls.model import Call, EndReason, Phase
from ctc_ari.log.calls import chain_is_over, chains, needs_asterisk, row_of_calls
from ctc_ari.log.row import Disposition, disposition_of
from tests.calls.builders import ALICE, BOB, NOW, a_call_in, an_inbound_call


def ended(**changes: object) -> Call:
    return replace(a_call_in(Phase.ENDED), **changes)


@pytest.mark.parametrize(
    ("direction", "answered", "reason", "disposition"),
    [
        ("outbound", True, "agent_no_answer", "answered"),
        ("outbound", False, "customer_busy", "busy"),
        ("outbound", False, "customer_no_answer", "no_answer"),
        ("outbound", False, "customer_rejected", "rejected"),
        ("outbound", False, "agent_no_answer", "cancelled"),
        ("outbound", False, "agent_hangup", "cancelled"),
        ("outbound", False, "cancelled", "cancelled"),
        ("outbound", False, "unreachable", "failed"),
        ("inbound", False, "customer_hangup", "abandoned"),
        ("inbound", False, "agent_no_answer", "missed"),
        ("inbound", False, "unreachable", "missed"),
        ("inbound", False, "failed", "failed"),
    ],
)
def test_dispositions(direction: str, answered: bool, reason: str, disposition: str) -> None:
    assert disposition_of(direction, answered, EndReason(reason)) is Disposition(disposition)


def test_an_unanswered_call_never_reads_answered() -> None:
    for direction in ("outbound", "inbound", "internal"):
        for reason in EndReason:
            assert disposition_of(direction, False, reason) is not Disposition.ANSWERED


def test_a_call_and_what_came_of_its_transfer_are_one_row() -> None:
    call = replace(
        a_call_in(Phase.TRANSFERRING), answered_at=NOW - 10, agent_answered_at=NOW - 12, waiting_since=NOW - 3
    )
    call, effects = step(call, LegAnswered("target"), NOW)
    (successor,) = (effect.call for effect in effects if isinstance(effect, HandOver))
    assert not chain_is_over([call])
    successor, _ = step(successor, LegGone("customer", 200, 16), NOW + 5)
    (chain,) = chains([successor, call])
    assert chain == [call, successor]
    assert chain_is_over(chain)
    row = row_of_calls(chain)
    assert (row.id, row.calls, row.end_reason, row.ended_by) == (
        call.id,
        (call.id, successor.id),
        "completed",
        "customer",
    )
    assert (row.ring_seconds, row.talk_seconds, row.hold_seconds) == (2.0, 15.0, 3.0)
    assert [(agent.email, agent.talked) for agent in row.agents] == [(ALICE.email, True), (BOB.email, True)]
    assert row.agent_email == BOB.email
    assert [transfer.state for transfer in row.transfers] == ["completed"]


def test_all_whose_phones_rang_for_a_caller_are_named() -> None:
    call = replace(an_inbound_call(), phase=Phase.OFFERED, agent=BOB, rung=(ALICE.email, BOB.email))
    call, _ = step(call, LegGone("customer", None, 127), call.created_at + 4)
    row = row_of_calls([call])
    assert (row.disposition, row.ring_seconds, row.talk_seconds) == ("abandoned", 4.0, 0.0)
    assert [agent.email for agent in row.agents] == [ALICE.email, BOB.email]
    assert not any(agent.talked for agent in row.agents)


def test_every_recording_is_named_with_its_call() -> None:
    row = row_of_calls([ended(recordings=2)])
    assert [(each.name[-2:], each.number) for each in row.recordings] == [("-1", 1), ("-2", 2)]


def test_asterisk_is_asked_when_we_were_away_or_waited_in_vain() -> None:
    talking = a_call_in(Phase.TALKING)
    over, _ = step(talking, HangUp("api"), NOW)
    assert not needs_asterisk([over])
    assert needs_asterisk([replace(over, ended_by="system")])
    seen, _ = step(talking, Observed(None, None, bridge=False, bridged=frozenset(), asterisk_started=""), NOW)
    assert needs_asterisk([seen])
