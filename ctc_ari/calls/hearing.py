"""What Asterisk tells: what a channel does, who calls in, and, when a connection has come up, all that it has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

import structlog
from msgspec.structs import replace

from ctc_ari.calls.driver import Driver
from ctc_ari.calls.entry import Entry
from ctc_ari.calls.ids import belongs_to, owner_of
from ctc_ari.calls.inputs import LegAnswered, LegGone, LegReady, LegRinging, Stored, StoreFailed
from ctc_ari.calls.model import Call
from ctc_ari.calls.ports import Arrived, CallStore, DialAnswered, Heard, Left, Referred, Snapshot, Telephony
from ctc_ari.calls.reception import Reception
from ctc_ari.calls.resume import observed
from ctc_ari.calls.roster import Roster
from ctc_ari.errors import CtcError

__all__ = ["Hearing"]

log = structlog.get_logger(__name__)

#: Seconds after which a channel that left the application is gone, though nobody said so.
GONE_SECONDS = 0.5


class Hearing:
    """Finds the call that is meant, or makes one. Everything happens on one event loop; nothing here blocks it."""

    def __init__(
        self,
        telephony: Telephony,
        store: CallStore,
        roster: Roster,
        reception: Reception,
        driver: Driver,
        clock: Callable[[], float],
    ) -> None:
        self._telephony = telephony
        self._store = store
        self._roster = roster
        self._reception = reception
        self._driver = driver
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()

    def hear(self, channel: str, heard: Heard) -> None:
        """Find out whose channel it is, and have its call handle what it told."""
        call_id = self._roster.call_of(channel)
        entry = self._roster.get(call_id)
        if isinstance(heard, Arrived):
            if entry is None:
                self._arrived(heard)
            return
        role = entry.call.role_of(channel) if entry else None
        if entry is None or role is None:
            if isinstance(heard, LegReady | LegRinging | LegAnswered) and belongs_to(self._telephony.app, call_id):
                #: Its creation was carried out after all, too late.
                self._telephony.discard([channel])
            return
        match heard:
            case DialAnswered():
                if role in ("customer", "target"):
                    self._driver.enqueue(entry, LegAnswered(role))
            case Left():
                self._loop.call_later(GONE_SECONDS, self._has_left, channel)
            case Referred():
                self._driver.enqueue(entry, self._reception.referral(entry.call, role, heard, self._clock()))
            case _:
                self._driver.enqueue(entry, replace(heard, role=role))

    def _has_left(self, channel: str) -> None:
        """Nobody may wait for one who hung up, should Asterisk not say that the channel is gone."""
        entry = self._roster.get(self._roster.call_of(channel))
        role = entry.call.role_of(channel) if entry else None
        if entry and role and entry.call.leg(role).exists:
            log.warning("left and never said to be gone", call=entry.call.id, role=role)
            self._driver.enqueue(entry, LegGone(role))

    # callers, and calls dialled on phones

    def _arrived(self, arrived: Arrived) -> None:
        now = self._clock()
        if arrived.kind == "dialled":
            second = self._reception.second_call(arrived, now)
            if second is not None:
                entry, call = second
                self._roster.adopt_channel(arrived.channel, entry.call.id)
                self._driver.enqueue(entry, call)
                return
        else:
            caller = self._reception.caller(arrived, now) if self._store.writable else None
            if caller is not None:
                self._offer(caller, now)
                return
        #: The dialplan knows what to do with it.
        self._telephony.leave(arrived.channel)

    def _offer(self, call: Call, now: float) -> None:
        entry = Entry(call, row=False)
        self._driver.begin(entry, now)
        self._in_background(self._store_offer(entry))

    async def _store_offer(self, entry: Entry) -> None:
        """The row, then the phones."""
        try:
            contact = await self._store.add(entry.call)
        except CtcError:
            entry.row = True
            self._driver.feed(entry.call.id, StoreFailed())
        else:
            entry.row = True
            self._driver.feed(entry.call.id, Stored(contact))
        self._driver.write(entry)

    def _in_background(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # when a connection has come up

    def reconcile(self, snapshot: Snapshot) -> None:
        """Tell each call what it missed, remove what belongs to no call."""
        known = self._roster.claimed()
        for entry in self._roster:
            self._driver.enqueue(entry, observed(entry.call, snapshot))
            if entry.call.id in self._roster:
                self._driver.arm(entry)
        known |= self._roster.claimed()
        strays = [channel for channel in snapshot.channels if channel not in known]
        named = [channel for channel in strays if belongs_to(self._telephony.app, owner_of(channel))]
        bridges = [bridge for bridge in snapshot.bridges if bridge not in known]
        if named or bridges:
            self._telephony.discard(named, bridges)
        for channel in set(strays) - set(named):
            #: A caller whom a service took before it died: the dialplan still knows whom to ring.
            self._telephony.leave(channel)
        log.info("reconciled", node=snapshot.node, calls=len(self._roster), strays=len(strays) + len(bridges))
