"""What SIPp's short log says of each leg: when it was invited, answered, connected and over."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Leg", "LegLog"]


@dataclass(slots=True)
class Leg:
    """One phone's side of a call; Unix seconds, stamped by SIPp when it read or wrote the message."""

    user: str
    #: The first INVITE, received by a called phone, sent by a calling one.
    invited: float
    #: The 200 to the INVITE.
    answered: float | None = None
    #: The ACK: both sides know that they are connected.
    connected: float | None = None
    #: BYE or CANCEL, from either side.
    over: float | None = None
    #: The BYE or CANCEL was Asterisk's.
    released: bool = False


class LegLog:
    """Reads a growing log; `take` hands out the legs since it was last asked to forget."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._rest = b""
        self.legs: dict[str, Leg] = {}

    def forget(self) -> None:
        """What was logged so far is nobody's concern any more."""
        self.read()
        self.legs = {}

    def read(self) -> dict[str, Leg]:
        """Call-ID -> leg, as of now."""
        if self._path.exists():
            with self._path.open("rb") as file:
                file.seek(self._offset)
                data = self._rest + file.read()
                self._offset = file.tell()
            *lines, self._rest = data.split(b"\n")
            for line in lines:
                fields = line.decode("ascii", "replace").rstrip("\r").split("\t")
                if len(fields) == 7:
                    self._note(float(fields[2]), fields[3] == "S", fields[4], fields[5], fields[6])
        return self.legs

    def by_user(self) -> dict[str, list[Leg]]:
        """The legs of each called number, the earliest first."""
        found: dict[str, list[Leg]] = {}
        for leg in self.read().values():
            found.setdefault(leg.user, []).append(leg)
        return found

    def _note(self, time: float, sent: bool, call_id: str, cseq: str, start: str) -> None:
        leg = self.legs.get(call_id)
        if start.startswith("INVITE "):
            if leg is None:
                user = start.split(" ")[1].removeprefix("sip:").partition("@")[0]
                self.legs[call_id] = Leg(user.removeprefix("+"), time)
        elif leg is None:
            return
        elif start.startswith("SIP/2.0 200") and cseq.endswith("INVITE"):
            leg.answered = leg.answered or time
        elif start.startswith("ACK "):
            leg.connected = leg.connected or (time if leg.answered else None)
        elif start.startswith(("BYE ", "CANCEL ")) and leg.over is None:
            leg.over = time
            leg.released = not sent
