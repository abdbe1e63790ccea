"""What the log says of a call, given all that is known of it now; and whether to wait for more."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ctc_ari.calls.model import Call
from ctc_ari.log.calls import chain_is_over, needs_asterisk, row_of_calls
from ctc_ari.log.cdr import is_complete, row_of_records
from ctc_ari.log.merge import completed_by, corrected_by
from ctc_ari.log.records import CdrRow, CelRow
from ctc_ari.log.row import House, LogRow

__all__ = ["LONGEST_CALL", "Known", "Wait", "row_now"]

#: Seconds for which a call that no service seems to know may still be written by one.
STRANGER_SECONDS = 8.0
#: Seconds for which the rest of Asterisk's records is waited for; what a full disk or a crash took never comes.
RECORDS_SECONDS = 20.0
#: A call that was handed over goes on in one whose row is on its way.
SUCCESSOR_SECONDS = 30.0
#: Seconds after which Asterisk has had no part in it: it makes the first record at once.
NOTHING_SECONDS = 2.0
#: Seconds for which a call past the service may go on.
LONGEST_CALL = 4 * 3600.0
#: Seconds until one looks again.
_SOON, _LATER = 0.5, 5.0


class Known(msgspec.Struct, frozen=True):
    """All there is under one `linkedid`."""

    linkedid: str
    #: The service's calls, in the order in which they began.
    chain: Sequence[Call] = ()
    cel: Sequence[CelRow] = ()
    cdr: Sequence[CdrRow] = ()
    #: Its channels are part of a call that has another `linkedid`.
    elsewhere: bool = False
    #: What Asterisk wrote up to then is all here, even if the database was away meanwhile. Unix seconds.
    read_to: float = float("inf")


class Wait(msgspec.Struct, frozen=True):
    """It is too early to say."""

    seconds: float


def row_now(known: Known, house: House, waited: float) -> LogRow | Wait | None:
    """The row, final; None: it is no call of its own. `waited` is how many seconds ago it was first asked for."""
    if known.elsewhere:
        return None
    if known.chain:
        return _of_service(known, house, waited)
    if waited < STRANGER_SECONDS:
        return Wait(_SOON)
    if wait := _for_records(known, waited):
        return wait
    if known.cel and not is_complete(known.cel) and not _has_last_word(known.cel) and waited < LONGEST_CALL:
        #: One of its channels has ended, and others talk on.
        return Wait(_LATER)
    return row_of_records(known.linkedid, known.cel, known.cdr, house)


def _of_service(known: Known, house: House, waited: float) -> LogRow | Wait:
    chain = known.chain
    if any(call.live for call in chain):
        return Wait(_LATER)
    over = chain_is_over(chain)
    if not over and waited < SUCCESSOR_SECONDS:
        return Wait(_LATER)
    if wait := _for_records(known, waited):
        return wait
    row = row_of_calls(chain)
    seen = row_of_records(known.linkedid, known.cel, known.cdr, house) if is_complete(known.cel) else None
    if seen is None:
        return row
    return corrected_by(row, seen) if over and not needs_asterisk(chain) else completed_by(row, seen)


def _for_records(known: Known, waited: float) -> Wait | None:
    """Whether more of Asterisk's records may come.

    They come in order, but those that the database could not be given come later, from the file: what looks complete
    may have a hole.
    """
    cel = known.cel
    if is_complete(cel):
        #: An Asterisk that is told to may leave the last word out.
        early = not _has_last_word(cel) and waited < NOTHING_SECONDS
        return Wait(_SOON) if early or known.read_to < cel[-1].eventtime else None
    if waited < (RECORDS_SECONDS if cel else NOTHING_SECONDS):
        return Wait(_SOON)
    ended = max([row.eventtime for row in cel] + [call.ended_at or 0.0 for call in known.chain], default=0.0)
    return Wait(_SOON) if known.read_to < ended + NOTHING_SECONDS else None


def _has_last_word(cel: Sequence[CelRow]) -> bool:
    return any(row.eventtype == "LINKEDID_END" for row in cel)
