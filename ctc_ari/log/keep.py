"""What the log says of a call, given all that is known of it now; and whether to wait for more."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ctc_ari.calls.model import Call
from ctc_ari.log.calls import chain_is_over, needs_asterisk, row_of_calls
from ctc_ari.log.cdr import House, is_complete, row_of_records
from ctc_ari.log.merge import completed_by, corrected_by
from ctc_ari.log.records import CdrRow, CelRow
from ctc_ari.log.row import LogRow

__all__ = ["Known", "Wait", "checked", "row_now"]

#: Seconds for which a call that no service seems to know may still be written by one.
STRANGER_SECONDS = 8.0
#: Seconds for which the rest of Asterisk's records is waited for; what a full disk or a crash took never comes.
RECORDS_SECONDS = 20.0
#: A call that was handed over goes on in one whose row is on its way.
SUCCESSOR_SECONDS = 30.0
#: Seconds after which Asterisk has had no part in it: it makes the first record at once.
NOTHING_SECONDS = 5.0
_SOON, _LATER = 1.0, 5.0


class Known(msgspec.Struct, frozen=True):
    """All there is under one `linkedid`."""

    linkedid: str
    #: The service's calls, in the order in which they began.
    chain: Sequence[Call] = ()
    cel: Sequence[CelRow] = ()
    cdr: Sequence[CdrRow] = ()
    #: Its channels are part of a call that has another `linkedid`.
    elsewhere: bool = False


class Wait(msgspec.Struct, frozen=True):
    """It is too early to say."""

    seconds: float


def row_now(known: Known, house: House, waited: float) -> LogRow | Wait | None:
    """The row; None: it is no call of its own. `waited` is how many seconds ago it was first asked for."""
    if known.elsewhere:
        return None
    if known.chain:
        return _of_service(known, house, waited)
    if waited < STRANGER_SECONDS:
        return Wait(_SOON)
    whole = is_complete(known.cel)
    if not whole and waited < RECORDS_SECONDS:
        return Wait(_LATER)
    return row_of_records(known.linkedid, known.cel, known.cdr, house)


def _of_service(known: Known, house: House, waited: float) -> LogRow | Wait:
    chain = known.chain
    if any(call.live for call in chain):
        return Wait(_LATER)
    over = chain_is_over(chain)
    if not over and waited < SUCCESSOR_SECONDS:
        return Wait(_LATER)
    row = row_of_calls(chain)
    if over and not needs_asterisk(chain):
        return checked(row, known, house)
    if not is_complete(known.cel):
        patience = RECORDS_SECONDS if known.cel else NOTHING_SECONDS
        return Wait(_SOON) if waited < patience else row
    seen = row_of_records(known.linkedid, known.cel, known.cdr, house)
    return row if seen is None else completed_by(row, seen)


def checked(row: LogRow, known: Known, house: House) -> LogRow:
    """A row of the service's, held against what Asterisk recorded."""
    if not is_complete(known.cel):
        return row
    seen = row_of_records(known.linkedid, known.cel, known.cdr, house)
    return row if seen is None else corrected_by(row, seen)
