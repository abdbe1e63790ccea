"""What CEL tells of each channel."""

from __future__ import annotations

from msgspec.structs import replace

from ctc_ari.log.legs import overlap, stories
from tests.calls.builders import CALL_ID, NOW
from tests.log.tape import tape


def test_a_channel_from_start_to_end() -> None:
    found = stories(tape("0 agent starts\n1 agent answers\n1 agent in b\n2 agent out\n3 agent gone 16 by agent"))
    (agent,) = found.values()
    assert (agent.id, agent.endpoint, agent.answered_at) == (CALL_ID, "1001", NOW + 1)
    assert agent.in_bridges == [(NOW + 1, NOW + 2)]
    assert agent.hung_up_itself


def test_two_are_together_while_both_are_in_the_same_bridge() -> None:
    found = stories(tape("0 agent in b\n1 bob in b\n2 agent in other\n3 bob out\n4 bob in other\n5 agent out"))
    agent, bob = found.values()
    assert agent.together(bob) == [(NOW + 1, NOW + 2), (NOW + 4, NOW + 5)]


def test_what_has_no_end_lasts_to_the_last_that_is_known() -> None:
    (agent, bob) = stories(tape("0 agent in b\n1 bob starts\n2 agent music\n7 bob gone 16")).values()
    assert agent.in_bridges == [(NOW, NOW + 7)]
    assert agent.music == [(NOW + 2, NOW + 7)]
    assert bob.in_bridges == []


def test_rows_in_any_order_and_with_unreadable_extras_are_taken() -> None:
    rows = tape("0 agent starts\n1 agent answers\n2 agent gone 16")
    found = stories([replace(rows[2], extra="{"), rows[1], rows[0]])
    assert found[CALL_ID].answered_at == NOW + 1
    assert (found[CALL_ID].ended_at, found[CALL_ID].cause) == (NOW + 2, None)


def test_spans_that_only_touch_have_nothing_in_common() -> None:
    assert overlap((0, 2), (1, 3)) == (1, 2)
    assert overlap((0, 1), (1, 2)) is None
