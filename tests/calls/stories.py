"""How scenarios begin and end."""

from __future__ import annotations

from typing import Any

from ctc_ari.calls.model import Call, Phase
from tests.calls.builders import NOW, a_call_in

__all__ = [
    "AGENT_RINGS",
    "BLIND_RINGS",
    "CONSULTING",
    "CONSULT_RINGS",
    "CUSTOMER_RINGS",
    "REFERRED",
    "RELEASED",
    "SECOND_RINGS",
    "SECOND_TALKS",
    "TALKING",
    "talking",
]

AGENT_RINGS = """
    0.1 | stored         | originate                      | ringing_agent
    0.2 | agent dialed   | create bridge, create customer | ringing_agent
    0.3 | customer ready | -                              | ringing_agent
    0.4 | agent rings    | !agent_ringing                 | ringing_agent
"""
CUSTOMER_RINGS = f"""{AGENT_RINGS}
    3.0 | agent answers  | dial customer, bridge, !agent_answered | ringing_customer
    4.0 | customer rings | ringback, !customer_ringing            | ringing_customer
"""
TALKING = f"""{CUSTOMER_RINGS}
    9.0 | customer answers | no ringback, !answered | talking
"""
RELEASED = """
    40.0 | deadline   | hang up agent, !ended | ending
    40.1 | agent gone | destroy bridge        | ended
"""

#: Ten seconds into a conversation that began two seconds after the call.
BLIND_RINGS = """
    10   | blind        | create target, !transfer_started                                | transferring
    10.1 | target ready | unbridge agent, unbridge customer, ringback customer, ringback, |
         |              | dial target                                                     | transferring
    10.2 | target rings | -                                                               | transferring
"""
CONSULT_RINGS = """
    10   | attended     | create target, !transfer_started                              | consulting
    10.1 | target ready | unbridge customer, music customer, dial target, bridge target | consulting
    10.2 | target rings | ringback                                                      | consulting
"""
CONSULTING = """
    10   | attended       | create target, !transfer_started                              | consulting
    10.1 | target ready   | unbridge customer, music customer, dial target, bridge target | consulting
    10.2 | target rings   | ringback                                                      | consulting
    15   | target answers | no ringback, !transfer_answered                               | consulting
"""
REFERRED = """
    10   | agent refers | create target, !transfer_started                                | transferring
    10.1 | target ready | unbridge agent, unbridge customer, ringback customer, ringback, |
         |              | dial target                                                     | transferring
    10.2 | target rings | tell progress                                                   | transferring
"""
SECOND_RINGS = """
    9    | agent holds  | !held                                                    | talking
    10   | second call  | watch second, create target, !transfer_started           | consulting
    10.1 | target ready | no music customer, bridge second target, unbridge agent, |
         |              | unbridge customer, music customer, dial target           | consulting
    10.2 | target rings | ringback second                                          | consulting
"""
SECOND_TALKS = """
    9    | agent holds    | !held                                                    | talking
    10   | second call    | watch second, create target, !transfer_started           | consulting
    10.1 | target ready   | no music customer, bridge second target, unbridge agent, |
         |                | unbridge customer, music customer, dial target           | consulting
    10.2 | target rings   | ringback second                                          | consulting
    15   | target answers | no ringback second, answer second, !transfer_answered    | consulting
"""


def talking(**changes: Any) -> Call:
    """Both have talked for some seconds."""
    return a_call_in(Phase.TALKING, deadline=NOW + 2 + 14400, **changes)
