"""Which calls there are, who has one, and which channels are whose. Kept in memory; the database has the calls."""

from __future__ import annotations

from collections.abc import Iterator

from ctc_ari.calls.entry import Entry
from ctc_ari.calls.ids import owner_of, side_bridge_id
from ctc_ari.calls.model import Call, EndReason

__all__ = ["Roster"]


class Roster:
    """The live calls of one node."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        #: Who cannot be rung for another call -> the call she has to do with.
        self._open: dict[str, str] = {}
        #: Channels that are not named after the call they belong to.
        self._adopted: dict[str, str] = {}

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries.values()))

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, call_id: str) -> bool:
        return call_id in self._entries

    def get(self, call_id: str) -> Entry | None:
        """The call with that id, until the last of it is gone."""
        return self._entries.get(call_id)

    def add(self, entry: Entry) -> None:
        """A call begins; whoever it is for is not rung for another."""
        call = entry.call
        self._entries[call.id] = entry
        self.adopt(call)
        for email in call.occupies:
            self._open[email] = call.id

    def remove(self, call: Call) -> None:
        """Nothing is left of it."""
        self._entries.pop(call.id, None)
        for _, leg in call.legs:
            if self._adopted.get(leg.channel) == call.id:
                del self._adopted[leg.channel]

    # who has a call

    @property
    def occupied(self) -> int:
        """How many agents have a call."""
        return len(self._open)

    def has_call(self, email: str, but: str = "") -> bool:
        """Whether she has to do with a call, other than this one."""
        return self._open.get(email, but) != but

    def of_agent(self, email: str) -> Entry | None:
        """The call she has to do with."""
        return self._entries.get(self._open.get(email, ""))

    def moved(self, before: Call, after: Call) -> None:
        """Who has to do with the call now is not rung for another, and whoever had is free."""
        was, is_ = before.occupies, after.occupies
        if was == is_:
            return
        for email in was:
            if email not in is_ and self._open.get(email) == after.id:
                del self._open[email]
        for email in is_:
            self._open.setdefault(email, after.id)

    # whose channel it is

    def adopt(self, call: Call) -> None:
        """Channels that bear another call's name, or none of ours, are this call's."""
        for _, leg in call.legs:
            if leg.exists:
                self.adopt_channel(leg.channel, call.id)

    def adopt_channel(self, channel: str, call_id: str) -> None:
        """This channel is that call's."""
        if owner_of(channel) != call_id:
            self._adopted[channel] = call_id

    def call_of(self, channel: str) -> str:
        """The id of the call that the channel belongs to, or is named after."""
        return self._adopted.get(channel) or owner_of(channel)

    def claimed(self) -> set[str]:
        """The channels and bridges of all calls."""
        claimed: set[str] = set()
        for entry in self._entries.values():
            call = entry.call
            handed_over = call.end_reason is EndReason.TRANSFERRED
            claimed.update(leg.channel for _, leg in call.legs if leg.exists or not handed_over)
            if not handed_over:
                claimed.add(call.bridge_id)
            claimed.update(side_bridge_id(call.id, side) for side in call.side_bridges)
        return claimed
