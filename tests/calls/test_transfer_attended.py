"""Attended transfers through the API: every party hangs up, is busy, rejects or does not answer at every stage."""

from __future__ import annotations

import pytest

from tests.calls.scenario import play, summary
from tests.calls.stories import CONSULT_RINGS, CONSULTING, talking

ATTENDED: dict[str, tuple[str, str]] = {
    "completed": (
        "transferred by agent, attended completed",
        f"""{CONSULTING}
        30   | complete   | hand over: no music customer + bridge customer, !transfer_completed, |
             |            | hang up agent, !ended                                                | ending
        30.1 | agent gone | -                                                                    | ended
        """,
    ),
    "the_agent_hangs_up_which_completes_it": (
        "transferred by agent, attended completed",
        f"""{CONSULTING}
        30 | agent gone | hand over: no music customer + bridge customer, !transfer_completed, |
           |            | !ended                                                               | ended
        """,
    ),
    "completed_while_the_target_rings_and_it_answers": (
        "transferred by agent, blind completed",
        f"""{CONSULT_RINGS}
        12 | complete       | unbridge agent, unbridge target, no music customer, ringback customer | transferring
        15 | target answers | hand over: no ringback customer + bridge, !transfer_completed,        |
           |                | hang up agent, !ended                                                 | ending
        """,
    ),
    "completed_while_the_target_rings_and_it_is_busy": (
        "talking, blind failed (busy)",
        f"""{CONSULT_RINGS}
        12 | complete           | unbridge agent, unbridge target, no music customer,      |
           |                    | ringback customer                                        | transferring
        15 | target gone 486 17 | no ringback customer, no ringback, bridge, play beeperr, |
           |                    | !transfer_cancelled                                      | talking
        """,
    ),
    "completed_before_the_target_rings": (
        "transferred by agent, blind completed",
        """
        10    | attended       | create target, !transfer_started                                | consulting
        10.05 | complete       | -                                                               | transferring
        10.1  | target ready   | unbridge agent, unbridge customer, ringback customer, ringback, |
              |                | dial target                                                     | transferring
        15    | target answers | hand over: no ringback customer + bridge, !transfer_completed,  |
              |                | hang up agent, !ended                                           | ending
        """,
    ),
    "the_agent_hangs_up_while_the_target_rings_and_it_answers": (
        "transferred by agent, blind completed",
        f"""{CONSULT_RINGS}
        12 | agent gone     | unbridge target, no music customer, ringback customer                 | transferring
        15 | target answers | hand over: no ringback customer + bridge, !transfer_completed, !ended | ended
        """,
    ),
    "the_agent_hangs_up_while_the_target_rings_and_it_is_busy": (
        "talking, blind failed (busy)",
        f"""{CONSULT_RINGS}
        12 | agent gone         | unbridge target, no music customer, ringback customer | transferring
        15 | target gone 486 17 | !transfer_cancelled, originate                        | recalling
        20 | agent answers      | no ringback customer, bridge, !agent_answered         | talking
        """,
    ),
    "cancelled": (
        "talking, attended cancelled",
        f"""{CONSULTING}
        30   | cancel transfer   | hang up former:.x001, no music customer, bridge customer, |
             |                   | !transfer_cancelled                                       | talking
        30.1 | former:.x001 gone | -                                                         | talking
        """,
    ),
    "cancelled_while_the_target_rings": (
        "talking, attended cancelled",
        f"""{CONSULT_RINGS}
        12 | cancel transfer | hang up former:.x001, no ringback, no music customer, |
           |                 | bridge customer, !transfer_cancelled                  | talking
        """,
    ),
    "cancelled_before_the_target_rings": (
        "talking, attended cancelled",
        """
        10    | attended           | create target, !transfer_started          | consulting
        10.05 | cancel transfer    | hang up former:.x001, !transfer_cancelled | talking
        10.1  | former:.x001 ready | -                                         | talking
        10.2  | former:.x001 gone  | -                                         | talking
        """,
    ),
    "the_target_is_busy": (
        "talking, attended failed (busy)",
        f"""{CONSULT_RINGS}
        12 | target gone 486 17 | no ringback, no music customer, bridge customer, play beeperr, |
           |                    | !transfer_cancelled                                            | talking
        """,
    ),
    "the_target_rejects": (
        "talking, attended failed (rejected)",
        f"""{CONSULT_RINGS}
        12 | target gone 603 21 | no ringback, no music customer, bridge customer, play beeperr, |
           |                    | !transfer_cancelled                                            | talking
        """,
    ),
    "the_target_does_not_answer": (
        "talking, attended failed (no_answer)",
        f"""{CONSULT_RINGS}
        35 | target gone 480 19 | no ringback, no music customer, bridge customer, play beeperr, |
           |                    | !transfer_cancelled                                            | talking
        """,
    ),
    "the_target_does_not_answer_and_asterisk_forgets_to_say_so": (
        "talking, attended failed (no_answer)",
        f"""{CONSULT_RINGS}
        37.0 | deadline | hang up former:.x001, no ringback, no music customer, bridge customer, |
             |          | play beeperr, !transfer_cancelled                                      | talking
        """,
    ),
    "the_target_cannot_be_rung": (
        "talking, attended failed (unreachable)",
        """
        10   | attended                  | create target, !transfer_started | consulting
        10.1 | refused create target 500 | !transfer_cancelled              | talking
        """,
    ),
    "the_target_hangs_up": (
        "talking, attended failed (hangup)",
        f"""{CONSULTING}
        30 | target gone | no music customer, bridge customer, play beeperr, !transfer_cancelled | talking
        """,
    ),
    "the_target_hangs_up_while_the_agent_talks_with_the_customer": (
        "talking, attended failed (hangup)",
        f"""{CONSULTING}
        20 | swap        | unbridge target, music target, no music customer, bridge customer, |
           |             | !transfer_swapped                                                  | consulting
        30 | target gone | no music customer, bridge customer, play beeperr, !transfer_cancelled | talking
        """,
    ),
    "the_customer_hangs_up_while_the_target_rings": (
        "completed by customer, attended cancelled",
        f"""{CONSULT_RINGS}
        12   | customer gone | !transfer_cancelled, hang up agent, hang up target, !ended | ending
        12.1 | target gone   | -                                                          | ending
        12.2 | agent gone    | destroy bridge                                             | ended
        """,
    ),
    "the_customer_hangs_up_during_the_consultation": (
        "completed by customer, attended cancelled",
        f"""{CONSULTING}
        30   | customer gone | !transfer_cancelled, hang up agent, hang up target, !ended | ending
        30.1 | agent gone    | -                                                          | ending
        30.2 | target gone   | destroy bridge                                             | ended
        """,
    ),
    "the_customer_hangs_up_while_the_agent_talks_with_her": (
        "completed by customer, attended cancelled",
        f"""{CONSULTING}
        20 | swap          | unbridge target, music target, no music customer, bridge customer, |
           |               | !transfer_swapped                                                  | consulting
        30 | customer gone | !transfer_cancelled, hang up agent, hang up target, !ended        | ending
        """,
    ),
    "swapped_twice_and_completed": (
        "transferred by agent, attended completed",
        f"""{CONSULTING}
        20 | swap     | unbridge target, music target, no music customer, bridge customer, |
           |          | !transfer_swapped                                                  | consulting
        25 | swap     | unbridge customer, music customer, no music target, bridge target, |
           |          | !transfer_swapped                                                  | consulting
        30 | complete | hand over: no music customer + bridge customer, !transfer_completed, |
           |          | hang up agent, !ended                                                | ending
        """,
    ),
    "swapped_and_completed": (
        "transferred by agent, attended completed",
        f"""{CONSULTING}
        20 | swap     | unbridge target, music target, no music customer, bridge customer, |
           |          | !transfer_swapped                                                  | consulting
        30 | complete | hand over: no music agent + bridge agent, !transfer_completed,    |
           |          | hang up agent, !ended                                             | ending
        """,
    ),
    "swapped_and_the_agent_hangs_up": (
        "transferred by agent, attended completed",
        f"""{CONSULTING}
        20 | swap       | unbridge target, music target, no music customer, bridge customer, |
           |            | !transfer_swapped                                                  | consulting
        30 | agent gone | hand over: no music agent + bridge agent, !transfer_completed, !ended | ended
        """,
    ),
    "swapped_and_cancelled": (
        "talking, attended cancelled",
        f"""{CONSULTING}
        20 | swap            | unbridge target, music target, no music customer, bridge customer, |
           |                 | !transfer_swapped                                                  | consulting
        30 | cancel transfer | hang up former:.x001, no music customer, bridge customer,         |
           |                 | !transfer_cancelled                                               | talking
        """,
    ),
    "swapped_too_early": (
        "consulting, attended ringing",
        f"""{CONSULT_RINGS}
        12 | swap | refuse wrong_state | consulting
        """,
    ),
    "keys_are_heard_by_whom_the_agent_talks_with": (
        "consulting, attended talking",
        f"""{CONSULTING}
        20 | keys 1# | keys 1# target                                                    | consulting
        21 | swap    | unbridge target, music target, no music customer, bridge customer, !transfer_swapped | consulting
        22 | keys 1# | keys 1#                                                           | consulting
        """,
    ),
    "a_second_transfer_meanwhile_is_refused": (
        "consulting, attended talking",
        f"""{CONSULTING}
        20 | blind    | refuse transfer_in_progress | consulting
        21 | attended | refuse transfer_in_progress | consulting
        """,
    ),
    "hung_up_through_the_api": (
        "completed by api, attended cancelled",
        f"""{CONSULTING}
        30 | cancel | !transfer_cancelled, hang up agent, hang up customer, hang up target, !ended | ending
        """,
    ),
    "longer_than_the_maximum": (
        "completed by limit, attended cancelled",
        f"""{CONSULTING}
        14402.0 | deadline | !transfer_cancelled, hang up agent, hang up customer, hang up target, |
                |          | !ended                                                                | ending
        """,
    ),
    "muted_and_recorded_as_in_any_conversation": (
        "talking, attended cancelled",
        f"""{CONSULTING}
        20 | mute            | mute agent, !muted                                        | consulting
        21 | record          | start recording 1, !recording_started                     | consulting
        30 | cancel transfer | hang up former:.x001, no music customer, bridge customer, |
           |                 | !transfer_cancelled                                       | talking
        """,
    ),
    "they_cannot_be_brought_together": (
        "failed by system, attended cancelled",
        f"""{CONSULTING}
        15.1 | refused bridge target 500 | !transfer_cancelled, hang up agent, hang up customer, |
             |                           | hang up target, !ended                                | ending
        """,
    ),
    "the_target_is_ending_before_it_could_be_brought_in": (
        "talking, attended failed (busy)",
        f"""{CONSULT_RINGS}
        10.3 | refused bridge target 400 | -                                                | consulting
        10.4 | target gone 486 17        | no ringback, no music customer, bridge customer, |
             |                           | play beeperr, !transfer_cancelled                | talking
        """,
    ),
    "the_bridge_s_request_is_lost": (
        "consulting, attended talking",
        f"""{CONSULT_RINGS}
        12 | lost bridge target | -           | consulting
        15 | target answers     | no ringback, !transfer_answered | consulting
        """,
    ),
}


@pytest.mark.parametrize("name", ATTENDED)
def test_attended_transfer(name: str) -> None:
    outcome, table = ATTENDED[name]
    assert summary(play(table, talking())) == outcome
