"""Blind transfers, asked for by the API or by the key of the agent's phone, with everything that can happen then."""

from __future__ import annotations

import pytest

from ctc_ari.calls.handover import successor_of
from ctc_ari.calls.leg import LegStage
from ctc_ari.calls.model import Phase
from tests.calls.builders import NOW, a_call_in, a_leg
from tests.calls.scenario import play, summary
from tests.calls.stories import BLIND_RINGS, REFERRED, talking

BLIND: dict[str, tuple[str, str]] = {
    "the_target_answers_and_the_agent_is_released": (
        "transferred by agent, blind completed",
        f"""{BLIND_RINGS}
        15   | target answers | hand over: no ringback customer + bridge, !transfer_completed, |
             |                | hang up agent, !ended                                          | ending
        15.1 | agent gone     | -                                                              | ended
        """,
    ),
    "the_target_is_busy_and_the_customer_is_back": (
        "completed by agent, blind failed (busy)",
        f"""{BLIND_RINGS}
        15   | target gone 486 17 | no ringback customer, no ringback, bridge, play beeperr, |
             |                    | !transfer_cancelled                                      | talking
        20   | agent gone         | hang up customer, !ended                                 | ending
        20.1 | customer gone      | destroy bridge                                           | ended
        """,
    ),
    "the_target_rejects_and_the_customer_is_back": (
        "talking, blind failed (rejected)",
        f"""{BLIND_RINGS}
        15 | target gone 603 21 | no ringback customer, no ringback, bridge, play beeperr, |
           |                    | !transfer_cancelled                                      | talking
        """,
    ),
    "the_target_does_not_answer_and_the_customer_is_back": (
        "talking, blind failed (no_answer)",
        f"""{BLIND_RINGS}
        35 | target gone 480 19 | no ringback customer, no ringback, bridge, play beeperr, |
           |                    | !transfer_cancelled                                      | talking
        """,
    ),
    "the_target_does_not_answer_and_asterisk_forgets_to_say_so": (
        "talking, blind failed (no_answer)",
        f"""{BLIND_RINGS}
        37.0 | deadline          | hang up former:.x001, no ringback customer, no ringback, bridge, |
             |                   | play beeperr, !transfer_cancelled                                | talking
        37.1 | former:.x001 gone | -                                                                | talking
        """,
    ),
    "cancelled_and_the_customer_is_back": (
        "talking, blind cancelled",
        f"""{BLIND_RINGS}
        15   | cancel transfer   | hang up former:.x001, no ringback customer, no ringback, bridge, |
             |                   | !transfer_cancelled                                              | talking
        15.1 | former:.x001 gone | -                                                                | talking
        """,
    ),
    "cancelled_just_when_the_target_answers": (
        "talking, blind cancelled",
        f"""{BLIND_RINGS}
        15   | cancel transfer      | hang up former:.x001, no ringback customer, no ringback, |
             |                      | bridge, !transfer_cancelled                              | talking
        15.0 | former:.x001 answers | -                                                        | talking
        15.1 | former:.x001 gone    | -                                                        | talking
        """,
    ),
    "the_agent_hangs_up_and_the_target_answers": (
        "transferred by agent, blind completed",
        f"""{BLIND_RINGS}
        12 | agent gone     | -                                                                     | transferring
        15 | target answers | hand over: no ringback customer + bridge, !transfer_completed, !ended | ended
        """,
    ),
    "the_agent_hangs_up_and_the_target_is_busy_then_she_takes_the_customer_back": (
        "talking, blind failed (busy)",
        f"""{BLIND_RINGS}
        12   | agent gone         | -                                             | transferring
        15   | target gone 486 17 | !transfer_cancelled, originate                | recalling
        16   | agent dialed       | -                                             | recalling
        16.2 | agent rings        | !agent_ringing                                | recalling
        18   | agent answers      | no ringback customer, bridge, !agent_answered | talking
        """,
    ),
    "the_agent_hangs_up_and_the_target_rejects_then_she_does_not_answer": (
        "agent_no_answer by agent, blind failed (rejected)",
        f"""{BLIND_RINGS}
        12   | agent gone         | -                              | transferring
        15   | target gone 603 21 | !transfer_cancelled, originate | recalling
        16   | agent rings        | !agent_ringing                 | recalling
        40   | agent gone 480 19  | hang up customer, !ended       | ending
        40.1 | customer gone      | destroy bridge                 | ended
        """,
    ),
    "the_agent_hangs_up_and_neither_is_heard_of_again": (
        "agent_no_answer by system, blind failed (no_answer)",
        f"""{BLIND_RINGS}
        12   | agent gone | -                                                             | transferring
        37.0 | deadline   | hang up former:.x001, !transfer_cancelled, originate          | recalling
        64.0 | deadline   | hang up agent, hang up customer, hang up former:.x001, !ended | ending
        """,
    ),
    "the_agent_hangs_up_and_her_phone_cannot_be_rung_again": (
        "unreachable by system, blind failed (busy)",
        f"""{BLIND_RINGS}
        12   | agent gone            | -                              | transferring
        15   | target gone 486 17    | !transfer_cancelled, originate | recalling
        15.1 | refused originate 500 | hang up customer, !ended       | ending
        15.2 | customer gone         | destroy bridge                 | ended
        """,
    ),
    "the_agent_hangs_up_and_the_customer_does_not_wait_for_her": (
        "completed by customer, blind failed (busy)",
        f"""{BLIND_RINGS}
        12   | agent gone         | -                              | transferring
        13   | target gone 486 17 | !transfer_cancelled, originate | recalling
        14   | customer gone      | hang up agent, !ended          | ending
        14.1 | agent gone         | destroy bridge                 | ended
        """,
    ),
    "the_agent_hangs_up_before_the_target_rings": (
        "transferred by agent, blind completed",
        """
        10    | blind          | create target, !transfer_started                               | transferring
        10.05 | agent gone     | -                                                              | transferring
        10.1  | target ready   | unbridge customer, ringback customer, dial target              | transferring
        15    | target answers | hand over: no ringback customer + bridge, !transfer_completed, |
              |                | !ended                                                         | ended
        """,
    ),
    "the_agent_hangs_up_and_the_target_cannot_be_rung": (
        "talking, blind failed (unreachable)",
        """
        10    | blind                     | create target, !transfer_started              | transferring
        10.05 | agent gone                | -                                             | transferring
        10.1  | refused create target 500 | unbridge customer, ringback customer,         |
              |                           | !transfer_cancelled, originate                | recalling
        12    | agent answers             | no ringback customer, bridge, !agent_answered | talking
        """,
    ),
    "the_customer_hangs_up": (
        "completed by customer, blind cancelled",
        f"""{BLIND_RINGS}
        12   | customer gone | !transfer_cancelled, hang up agent, hang up target, !ended | ending
        12.1 | agent gone    | -                                                          | ending
        12.2 | target gone   | destroy bridge                                             | ended
        """,
    ),
    "the_target_cannot_be_rung_and_nobody_heard_of_it": (
        "talking, blind failed (unreachable)",
        """
        10   | blind                     | create target, !transfer_started | transferring
        10.1 | refused create target 500 | !transfer_cancelled              | talking
        """,
    ),
    "the_target_cannot_be_dialled": (
        "talking, blind failed (unreachable)",
        """
        10   | blind                   | create target, !transfer_started                         | transferring
        10.1 | target ready            | unbridge agent, unbridge customer, ringback customer,    |
             |                         | ringback, dial target                                    | transferring
        10.2 | refused dial target 500 | hang up former:.x001, no ringback customer, no ringback, |
             |                         | bridge, play beeperr, !transfer_cancelled                | talking
        10.3 | former:.x001 gone       | -                                                        | talking
        """,
    ),
    "a_dial_that_may_have_been_sent_is_waited_for": (
        "transferred by agent, blind completed",
        """
        10   | blind            | create target, !transfer_started                                | transferring
        10.1 | target ready     | unbridge agent, unbridge customer, ringback customer, ringback, |
             |                  | dial target                                                     | transferring
        12.1 | lost dial target | -                                                               | transferring
        15   | target answers   | hand over: no ringback customer + bridge, !transfer_completed,  |
             |                  | hang up agent, !ended                                           | ending
        """,
    ),
    "a_number_outside_has_its_own_time_to_ring": (
        "talking, blind failed (no_answer)",
        """
        10   | blind outside | create target, !transfer_started                                 | transferring
        10.1 | target ready  | unbridge agent, unbridge customer, ringback customer, ringback,  |
             |               | dial target                                                      | transferring
        57.0 | deadline      | hang up former:.x001, no ringback customer, no ringback, bridge, |
             |               | play beeperr, !transfer_cancelled                                | talking
        """,
    ),
    "hung_up_through_the_api": (
        "completed by api, blind cancelled",
        f"""{BLIND_RINGS}
        12   | cancel        | !transfer_cancelled, hang up agent, hang up customer, hang up target, |
             |               | !ended                                                                | ending
        12.1 | agent gone    | -                                                                     | ending
        12.2 | customer gone | -                                                                     | ending
        12.3 | target gone   | destroy bridge                                                        | ended
        """,
    ),
    "a_second_transfer_meanwhile_is_refused": (
        "transferring, blind ringing",
        f"""{BLIND_RINGS}
        12 | blind    | refuse transfer_in_progress | transferring
        13 | attended | refuse transfer_in_progress | transferring
        """,
    ),
    "a_recording_goes_on_in_another_file_when_the_customer_is_back": (
        "talking, blind failed (busy)",
        """
        5    | record             | start recording 1, !recording_started                         | talking
        10   | blind              | create target, !transfer_started                              | transferring
        10.1 | target ready       | stop recording 1, !recording_stopped, unbridge agent,         |
             |                    | unbridge customer, ringback customer, ringback, dial target   | transferring
        15   | target gone 486 17 | no ringback customer, no ringback, bridge, start recording 2, |
             |                    | !recording_started, play beeperr, !transfer_cancelled         | talking
        """,
    ),
    "a_recording_ends_with_the_transfer": (
        "transferred by agent, blind completed",
        """
        5    | record         | start recording 1, !recording_started                          | talking
        10   | blind          | create target, !transfer_started                               | transferring
        10.1 | target ready   | stop recording 1, !recording_stopped, unbridge agent,          |
             |                | unbridge customer, ringback customer, ringback, dial target    | transferring
        15   | target answers | hand over: no ringback customer + bridge, !transfer_completed, |
             |                | hang up agent, !ended                                          | ending
        """,
    ),
    "a_held_customer_hears_ringback_like_any_other": (
        "talking, blind failed (busy)",
        """
        5    | hold               | mute customer, music customer, !held                        | talking
        10   | blind              | create target, !transfer_started                            | transferring
        10.1 | target ready       | no mute customer, no music customer, unbridge agent,        |
             |                    | unbridge customer, ringback customer, ringback, dial target | transferring
        15   | target gone 486 17 | no ringback customer, no ringback, bridge, play beeperr,    |
             |                    | !transfer_cancelled                                         | talking
        """,
    ),
    "who_was_rung_again_is_muted_no_more": (
        "talking, blind failed (busy)",
        """
        5    | mute               | mute agent, !muted                                              | talking
        10   | blind              | create target, !transfer_started                                | transferring
        10.1 | target ready       | unbridge agent, unbridge customer, ringback customer, ringback, |
             |                    | dial target                                                     | transferring
        12   | agent gone         | -                                                               | transferring
        15   | target gone 486 17 | !transfer_cancelled, originate                                  | recalling
        18   | agent answers      | no ringback customer, bridge, !agent_answered                   | talking
        """,
    ),
}


@pytest.mark.parametrize("name", BLIND)
def test_blind_transfer(name: str) -> None:
    outcome, table = BLIND[name]
    assert summary(play(table, talking())) == outcome


BY_PHONE: dict[str, tuple[str, str]] = {
    "the_phone_is_told_and_released": (
        "transferred by agent, blind completed",
        f"""{REFERRED}
        15   | target answers | hand over: no ringback customer + bridge, tell answered, |
             |                | !transfer_completed, hang up agent, !ended               | ending
        15.1 | agent gone     | -                                                        | ended
        """,
    ),
    "the_target_is_busy_and_the_phone_stays": (
        "completed by customer, blind failed (busy)",
        f"""{REFERRED}
        15 | target gone 486 17 | tell unavailable, no ringback customer, no ringback, bridge, |
           |                    | play beeperr, !transfer_cancelled                            | talking
        20 | customer gone      | hang up agent, !ended                                        | ending
        """,
    ),
    "the_target_is_busy_and_the_phone_hangs_up_then_it_is_rung_again": (
        "talking, blind failed (busy)",
        f"""{REFERRED}
        15   | target gone 486 17 | tell unavailable, no ringback customer, no ringback, bridge, |
             |                    | play beeperr, !transfer_cancelled                            | talking
        15.1 | agent gone         | unbridge customer, no music customer, ringback customer,     |
             |                    | originate                                                    | recalling
        16   | agent rings        | !agent_ringing                                               | recalling
        18   | agent answers      | no ringback customer, bridge, !agent_answered                | talking
        """,
    ),
    "the_target_was_busy_and_the_agent_hangs_up_a_while_later": (
        "completed by agent, blind failed (busy)",
        f"""{REFERRED}
        15 | target gone 486 17 | tell unavailable, no ringback customer, no ringback, bridge, |
           |                    | play beeperr, !transfer_cancelled                            | talking
        18 | agent gone         | hang up customer, !ended                                     | ending
        """,
    ),
    "nobody_is_there_and_the_phone_stays": (
        "completed by agent, blind failed (unreachable)",
        """
        10 | agent refers nowhere | tell declined, !transfer_cancelled | talking
        20 | agent gone           | hang up customer, !ended           | ending
        """,
    ),
    "nobody_is_there_and_the_phone_hangs_up_then_it_is_rung_again": (
        "talking, blind failed (unreachable)",
        """
        10   | agent refers nowhere | tell declined, !transfer_cancelled                       | talking
        10.1 | agent gone           | unbridge customer, no music customer, ringback customer, |
             |                      | originate                                                | recalling
        12   | agent answers        | no ringback customer, bridge, !agent_answered            | talking
        """,
    ),
    "the_phone_hangs_up_as_soon_as_it_asked": (
        "transferred by agent, blind completed",
        f"""{REFERRED}
        10.3 | agent gone     | -                                                              | transferring
        15   | target answers | hand over: no ringback customer + bridge, !transfer_completed, |
             |                | !ended                                                         | ended
        """,
    ),
    "the_phone_asks_twice": (
        "transferring, blind ringing",
        f"""{REFERRED}
        12 | agent refers | tell declined | transferring
        13 | agent joins  | tell declined | transferring
        """,
    ),
    "a_recorded_customer_waits_for_the_phone_to_be_rung_again": (
        "talking, blind failed (unreachable)",
        """
        5    | record               | start recording 1, !recording_started                    | talking
        10   | agent refers nowhere | tell declined, !transfer_cancelled                       | talking
        10.1 | agent gone           | stop recording 1, !recording_stopped, unbridge customer, |
             |                      | no music customer, ringback customer, originate          | recalling
        12   | agent answers        | no ringback customer, bridge, start recording 2,         |
             |                      | !recording_started, !agent_answered                      | talking
        """,
    ),
    "the_customer_s_phone_transfers_nobody": (
        "talking",
        """
        10 | customer refers | tell declined customer | talking
        """,
    ),
}


@pytest.mark.parametrize("name", BY_PHONE)
def test_blind_transfer_by_phone(name: str) -> None:
    outcome, table = BY_PHONE[name]
    assert summary(play(table, talking())) == outcome


@pytest.mark.parametrize(("endpoint", "device"), [("PJSIP/1002", "desk"), ("PJSIP/web-1002", "web")])
def test_the_customer_is_where_the_target_answered(endpoint: str, device: str) -> None:
    answered = a_leg("target", LegStage.UP, endpoint=endpoint)
    assert successor_of(a_call_in(Phase.TRANSFERRING, others=(answered,)), NOW).device == device
