"""What a leg is: one channel of a call, the part it plays, and how far it has come."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

__all__ = ["Device", "Leg", "LegStage", "Role"]

#: Which kind of phone an agent has: one of its own, or a browser.
Device = Literal["desk", "web"]
#: Which of the call's channels is meant: `agent`, `customer`, `target` (of a transfer), `device` (the agent's other
#: one), `second` (another call on her phone), and with a number or an id `offer:1` (a phone rung for a caller),
#: `supervisor:s1`, `spy:s1`, `former:<channel>` (one that is being released).
Role = str


class LegStage(StrEnum):
    """How far one channel has come."""

    ABSENT = "absent"
    CREATING = "creating"
    #: In our Stasis application, not dialled: only now may it be dialled or bridged.
    READY = "ready"
    DIALING = "dialing"
    RINGING = "ringing"
    UP = "up"
    GONE = "gone"


class Leg(msgspec.Struct, frozen=True):
    """One channel of a call and the endpoint it is dialled at."""

    channel: str
    endpoint: str
    stage: LegStage = LegStage.ABSENT
    #: Empty for the agent's and the customer's, which stand in fields of their own.
    role: Role = ""

    @property
    def exists(self) -> bool:
        """Whether Asterisk has, or may have, this channel."""
        return self.stage not in (LegStage.ABSENT, LegStage.GONE)

    @property
    def device(self) -> Device:
        """Which of an agent's devices it is: browsers register under names of their own."""
        return "web" if self.endpoint.startswith("PJSIP/web-") else "desk"


#: What stands for a channel that was never there.
NO_LEG = Leg("", "", LegStage.GONE)
