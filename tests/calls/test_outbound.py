"""Every ending of a call that an agent places, as it happens."""

from __future__ import annotations

import pytest

from ctc_ari.calls.model import EndReason, Phase
from tests.calls.scenario import play
from tests.calls.stories import AGENT_RINGS, CUSTOMER_RINGS, RELEASED, TALKING

ENDINGS: dict[str, tuple[EndReason, str, str]] = {
    "both_talk_and_the_customer_hangs_up": (
        EndReason.COMPLETED,
        "customer",
        f"""{TALKING}
        60.0 | customer gone | hang up agent, !ended | ending
        60.1 | agent gone    | destroy bridge        | ended
        """,
    ),
    "both_talk_and_the_agent_hangs_up": (
        EndReason.COMPLETED,
        "agent",
        f"""{TALKING}
        60.0 | agent gone    | hang up customer, !ended | ending
        60.1 | customer gone | destroy bridge           | ended
        """,
    ),
    "both_hang_up_at_once": (
        EndReason.COMPLETED,
        "customer",
        f"""{TALKING}
        60.0 | customer gone             | hang up agent, !ended | ending
        60.0 | agent gone                | destroy bridge        | ended
        60.1 | refused hang up agent 404 | -                     | ended
        """,
    ),
    "agent_busy": (
        EndReason.AGENT_BUSY,
        "agent",
        f"""{AGENT_RINGS}
        1.0 | agent gone 486 17 | hang up customer, !ended | ending
        1.1 | customer gone     | destroy bridge           | ended
        """,
    ),
    "agent_rejects": (
        EndReason.AGENT_REJECTED,
        "agent",
        f"""{AGENT_RINGS}
        1.0 | agent gone 603 21 | hang up customer, !ended | ending
        1.1 | customer gone     | destroy bridge           | ended
        """,
    ),
    "agent_does_not_answer": (
        EndReason.AGENT_NO_ANSWER,
        "agent",
        f"""{AGENT_RINGS}
        25.0 | agent gone 480 19 | hang up customer, !ended | ending
        25.1 | customer gone     | destroy bridge           | ended
        """,
    ),
    "agent_does_not_answer_and_asterisk_forgets_to_say_so": (
        EndReason.AGENT_NO_ANSWER,
        "system",
        f"""{AGENT_RINGS}
        27.1 | deadline      | hang up agent, hang up customer, !ended | ending
        27.3 | agent gone    | -                                       | ending
        27.4 | customer gone | destroy bridge                          | ended
        """,
    ),
    "agent_is_offline": (
        EndReason.UNREACHABLE,
        "system",
        """
        0.1 | stored                | originate | ringing_agent
        0.2 | refused originate 500 | !ended    | ended
        0.3 | agent dialed          | -         | ended
        """,
    ),
    "agent_hangs_up_while_the_customer_rings": (
        EndReason.AGENT_HANGUP,
        "agent",
        f"""{CUSTOMER_RINGS}
        9.0 | agent gone    | hang up customer, !ended | ending
        9.1 | customer gone | destroy bridge           | ended
        """,
    ),
    "agent_hangs_up_and_the_customer_answers_at_once": (
        EndReason.AGENT_HANGUP,
        "agent",
        f"""{CUSTOMER_RINGS}
        9.0 | agent gone       | hang up customer, !ended | ending
        9.0 | customer answers | -                        | ending
        9.1 | customer gone    | destroy bridge           | ended
        """,
    ),
    "customer_busy_then_agent_hears_it_and_is_released": (
        EndReason.CUSTOMER_BUSY,
        "customer",
        f"""{CUSTOMER_RINGS}
        37.0 | customer gone 486 17 | no ringback, play busy | announcing
        {RELEASED}""",
    ),
    "customer_rejects_then_agent_hears_it_and_is_released": (
        EndReason.CUSTOMER_REJECTED,
        "customer",
        f"""{CUSTOMER_RINGS}
        37.0 | customer gone 603 21 | no ringback, play congestion | announcing
        {RELEASED}""",
    ),
    "customer_does_not_answer_then_agent_hears_it_and_is_released": (
        EndReason.CUSTOMER_NO_ANSWER,
        "customer",
        f"""{CUSTOMER_RINGS}
        37.0 | customer gone 480 19 | no ringback, play congestion | announcing
        {RELEASED}""",
    ),
    "customer_is_unreachable_then_agent_hears_it_and_is_released": (
        EndReason.UNREACHABLE,
        "customer",
        f"""{AGENT_RINGS}
        3.0  | agent answers       | dial customer, bridge, !agent_answered | ringing_customer
        37.0 | customer gone 404 1 | play congestion                        | announcing
        {RELEASED}""",
    ),
    "customer_does_not_answer_and_asterisk_forgets_to_say_so": (
        EndReason.CUSTOMER_NO_ANSWER,
        "customer",
        f"""{CUSTOMER_RINGS}
        50.0 | deadline      | hang up customer, no ringback, play congestion | announcing
        50.1 | customer gone | -                                              | announcing
        53.0 | deadline      | hang up agent, !ended                          | ending
        53.1 | agent gone    | destroy bridge                                 | ended
        """,
    ),
    "customer_busy_and_the_agent_hangs_up_while_hearing_it": (
        EndReason.CUSTOMER_BUSY,
        "customer",
        f"""{CUSTOMER_RINGS}
        9.0 | customer gone 486 17 | no ringback, play busy              | announcing
        9.5 | agent gone           | destroy bridge, !ended | ended
        """,
    ),
    "carrier_refuses_the_dial_then_agent_hears_it_and_is_released": (
        EndReason.UNREACHABLE,
        "customer",
        f"""{AGENT_RINGS}
        3.0  | agent answers             | dial customer, bridge, !agent_answered | ringing_customer
        37.0 | refused dial customer 500 | hang up customer, play congestion      | announcing
        37.1 | customer gone             | -                                      | announcing
        {RELEASED}""",
    ),
    "customers_channel_cannot_be_made": (
        EndReason.UNREACHABLE,
        "system",
        """
        0.1 | stored                      | originate                      | ringing_agent
        0.2 | agent dialed                | create bridge, create customer | ringing_agent
        0.3 | refused create customer 500 | hang up agent, !ended          | ending
        0.4 | agent gone                  | destroy bridge                 | ended
        """,
    ),
    "customers_channel_cannot_be_made_and_the_agent_answers_before_that_is_known": (
        EndReason.UNREACHABLE,
        "customer",
        """
        0.1  | stored                      | originate                                       | ringing_agent
        0.3  | agent answers               | create bridge, create customer, !agent_answered | ringing_customer
        37.0 | refused create customer 500 | play congestion                                 | announcing
        """
        + RELEASED,
    ),
    "customers_channel_never_comes_about": (
        EndReason.FAILED,
        "system",
        """
        0.1  | stored                      | originate                                  | ringing_agent
        0.2  | agent dialed                | create bridge, create customer             | ringing_agent
        0.3  | lost create customer        | -                                          | ringing_agent
        3.0  | agent answers               | !agent_answered                            | ringing_customer
        50.0 | deadline                    | hang up customer, play congestion          | announcing
        50.1 | refused hang up customer 404 | -                                         | announcing
        53.0 | deadline                    | hang up agent, !ended                      | ending
        53.1 | agent gone                  | destroy bridge                             | ended
        """,
    ),
    "bridge_is_missing": (
        EndReason.FAILED,
        "system",
        f"""{AGENT_RINGS}
        3.0 | agent answers      | dial customer, bridge, !agent_answered  | ringing_customer
        3.1 | refused bridge 404 | hang up agent, hang up customer, !ended | ending
        3.2 | agent gone         | -                                       | ending
        3.3 | customer gone      | destroy bridge                          | ended
        """,
    ),
    "cancelled_before_anything_rings": (
        EndReason.CANCELLED,
        "api",
        """
        0.1 | cancel | !ended | ended
        0.2 | stored | -      | ended
        """,
    ),
    "cancelled_while_the_agent_rings": (
        EndReason.CANCELLED,
        "api",
        f"""{AGENT_RINGS}
        1.0 | cancel        | hang up agent, hang up customer, !ended | ending
        1.1 | customer gone | -                                       | ending
        1.2 | agent gone    | destroy bridge                          | ended
        """,
    ),
    "cancelled_while_the_customer_rings": (
        EndReason.CANCELLED,
        "api",
        f"""{CUSTOMER_RINGS}
        9.0 | cancel        | hang up agent, hang up customer, !ended | ending
        9.1 | agent gone    | -                                       | ending
        9.2 | customer gone | destroy bridge                          | ended
        """,
    ),
    "hung_up_through_the_api_while_both_talk": (
        EndReason.COMPLETED,
        "api",
        f"""{TALKING}
        60.0 | cancel        | hang up agent, hang up customer, !ended | ending
        60.1 | cancel        | -                                       | ending
        60.2 | agent gone    | -                                       | ending
        60.3 | customer gone | destroy bridge                          | ended
        """,
    ),
    "cancelled_while_the_agent_hears_the_busy_tone": (
        EndReason.CUSTOMER_BUSY,
        "customer",
        f"""{CUSTOMER_RINGS}
        9.0 | customer gone 486 17 | no ringback, play busy             | announcing
        9.5 | cancel               | hang up agent, !ended | ending
        9.6 | agent gone           | destroy bridge        | ended
        """,
    ),
    "longer_than_the_maximum": (
        EndReason.COMPLETED,
        "limit",
        f"""{TALKING}
        14409.0 | deadline      | hang up agent, hang up customer, !ended | ending
        14409.1 | agent gone    | -                                       | ending
        14409.2 | customer gone | destroy bridge                          | ended
        """,
    ),
    "row_cannot_be_stored": (
        EndReason.FAILED,
        "system",
        """
        2.0 | store failed | !ended | ended
        """,
    ),
    "row_is_stored_too_late": (
        EndReason.FAILED,
        "system",
        """
        5.0 | deadline | !ended | ended
        5.1 | stored   | -      | ended
        """,
    ),
    "hanging_up_is_tried_again_until_the_channels_are_gone": (
        EndReason.CANCELLED,
        "api",
        f"""{AGENT_RINGS}
        1.0 | cancel                 | hang up agent, hang up customer, !ended | ending
        1.1 | lost hang up agent     | -                                       | ending
        1.2 | customer gone          | -                                       | ending
        2.0 | deadline               | hang up agent                           | ending
        3.0 | deadline               | hang up agent                           | ending
        3.1 | agent gone             | destroy bridge                          | ended
        """,
    ),
    "customers_channel_vanishes_while_the_agent_rings": (
        EndReason.UNREACHABLE,
        "system",
        f"""{AGENT_RINGS}
        1.0 | customer gone 0 34 | hang up agent, !ended | ending
        1.1 | agent gone         | destroy bridge        | ended
        """,
    ),
    "the_request_to_ring_is_lost": (
        EndReason.AGENT_NO_ANSWER,
        "system",
        """
        0.1  | stored                    | originate             | ringing_agent
        2.1  | lost originate            | -                     | ringing_agent
        27.1 | deadline                  | hang up agent, !ended | ending
        27.2 | refused hang up agent 404 | -                     | ended
        """,
    ),
    "the_request_to_ring_never_left": (
        EndReason.FAILED,
        "system",
        """
        0.1 | stored                | originate | ringing_agent
        0.1 | refused originate 503 | !ended    | ended
        """,
    ),
    "the_request_to_ring_is_carried_out_after_the_call_was_given_up": (
        EndReason.CANCELLED,
        "api",
        f"""{AGENT_RINGS}
        1.0 | cancel                    | hang up agent, hang up customer, !ended | ending
        1.1 | refused hang up agent 404 | -                                       | ending
        1.2 | agent rings               | hang up agent                           | ending
        1.3 | customer gone             | -                                       | ending
        1.4 | agent answers             | -                                       | ending
        1.5 | agent gone                | destroy bridge                          | ended
        """,
    ),
    "the_bridge_cannot_be_made": (
        EndReason.FAILED,
        "system",
        """
        0.1 | stored                    | originate                               | ringing_agent
        0.2 | agent dialed              | create bridge, create customer          | ringing_agent
        0.3 | refused create bridge 500 | hang up agent, hang up customer, !ended | ending
        0.4 | customer gone             | -                                       | ending
        0.5 | agent gone                | destroy bridge                          | ended
        """,
    ),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_ending(name: str) -> None:
    reason, by, table = ENDINGS[name]
    call = play(table)
    assert call.phase is Phase.ENDED
    assert (call.end_reason, call.ended_by) == (reason, by)
    assert call.ended_at is not None
