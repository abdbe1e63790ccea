"""How the scenarios of a call that an agent places begin and end."""

from __future__ import annotations

__all__ = ["AGENT_RINGS", "CUSTOMER_RINGS", "RELEASED", "TALKING"]

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
