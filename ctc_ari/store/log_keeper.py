"""Holds each row of the log against Asterisk's own records, adds what the service missed, then tells of it, once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import asyncpg
import msgspec
import structlog

from ctc_ari.calls.ids import owner_of
from ctc_ari.calls.model import Call
from ctc_ari.calls.ports import Logged
from ctc_ari.errors import DatabaseUnreachable
from ctc_ari.log.calls import chains
from ctc_ari.log.cdr import is_complete
from ctc_ari.log.keep import LONGEST_CALL, Known, Wait, row_now
from ctc_ari.log.merge import continued, kept
from ctc_ari.log.records import is_party
from ctc_ari.log.row import House
from ctc_ari.store.log import put_row, read_rows, tell, was_told, write_rows
from ctc_ari.store.pool import Connection, Pool, acquire, database_errors
from ctc_ari.store.records import read_cdr, read_cel

__all__ = ["LogKeeper", "Rebuilt", "find_known", "rebuild"]

log = structlog.get_logger(__name__)

SWEEP_SECONDS = 0.5
#: Calls that are looked at in one transaction.
BATCH = 20
#: Seconds after which what could not be understood is tried again.
AFTER_MISTAKE = 3600.0

#: Several instances share the work: what one looks at, others pass over.
_DUE = """
    select linkedid, extract(epoch from now() - since)::float8 as waited from log_due
    where due_at <= now() order by due_at limit $1 for update skip locked
"""
_DONE = "delete from log_due where linkedid = any($1)"
_POSTPONE = """
    update log_due set due_at = now() + make_interval(secs => seconds)
    from unnest($1::text[], $2::float8[]) as given (waits, seconds) where linkedid = waits
"""
#: A person who writes into the row waits, or is waited for.
_ALONE = "select from call_log where linkedid = $1 for update"
_CALLS = "select id, snapshot::text as snapshot from calls where linkedid = $1"
_CHANNELS = "select channel from call_channels where call_id = any($1)"
_ELSEWHERE = """
    select exists (select from calls where id = any($1) and linkedid <> $3)
        or exists (
            select from call_channels join calls on calls.id = call_id where channel = any($2) and linkedid <> $3
        )
"""
_PERIOD = """
    select linkedid from call_log where started_at >= to_timestamp($1) and started_at < to_timestamp($2)
    union select linkedid from calls
        where created_at >= to_timestamp($1) and created_at < to_timestamp($2) and linkedid <> ''
    union select linkedid from cel where eventtype = 'CHAN_START' and eventtime >= $1 and eventtime < $2
    union select linkedid from cdr where start >= $1 and start < $2
    order by linkedid
"""

#: All calls of years.
LONGEST_LISTING = 600.0
_PATIENTLY = f"set local statement_timeout = '{LONGEST_LISTING:.0f}s'"

_decode_call = msgspec.json.Decoder(Call)

InTransaction = Callable[[Connection, Sequence[Logged]], Awaitable[None]]


class LogKeeper:
    """Works off `log_due`, which Asterisk's rows and the calls that need them fill."""

    def __init__(
        self,
        pool: Pool,
        house: Callable[[], House],
        *,
        read_to: Callable[[], float] = lambda: float("inf"),
        in_transaction: InTransaction | None = None,
        on_logged: Callable[[Logged], None] = lambda _: None,
    ) -> None:
        """`read_to`: up to when Asterisk's records are all in the database, in Unix seconds.

        `in_transaction` is called with final rows before they are committed as such, `on_logged` after.
        """
        self._pool = pool
        self._house = house
        self._read_to = read_to
        self._in_transaction = in_transaction
        self._on_logged = on_logged

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                while await self.sweep() == BATCH:
                    pass
            except DatabaseUnreachable:
                continue
            except asyncpg.PostgresError as error:
                log.warning("log not compared", why=type(error).__name__)

    async def sweep(self) -> int:
        """Look at what is due; how many calls that were. Raises DatabaseUnreachable."""
        done: list[str] = []
        waits: dict[str, float] = {}
        logged: list[Logged] = []
        house = self._house()
        #: Before anything is looked at: what has been read since is no part of it.
        read_to = self._read_to()
        async with acquire(self._pool) as connection, connection.transaction():
            due = await connection.fetch(_DUE, BATCH)
            for linkedid, waited in due:
                found = await self._look(connection, linkedid, waited, house, read_to)
                if isinstance(found, Wait):
                    waits[linkedid] = found.seconds
                else:
                    done.append(linkedid)
                    logged += found
            if logged and self._in_transaction is not None:
                await self._in_transaction(connection, logged)
            await connection.execute(_DONE, done)
            await connection.execute(_POSTPONE, list(waits), list(waits.values()))
        for told in logged:
            self._on_logged(told)
        return len(due)

    async def _look(
        self, connection: Connection, linkedid: str, waited: float, house: House, read_to: float
    ) -> list[Logged] | Wait:
        """One call that cannot be understood keeps no other out of the log."""
        try:
            async with connection.transaction():
                return await _settle(connection, linkedid, waited, house, read_to)
        except (DatabaseUnreachable, asyncpg.PostgresConnectionError):
            raise
        except asyncpg.TransactionRollbackError:
            #: Somebody else was about to write of it.
            return Wait(SWEEP_SECONDS)
        except Exception:
            log.exception("call not logged", linkedid=linkedid)
            return Wait(AFTER_MISTAKE)


async def _settle(
    connection: Connection, linkedid: str, waited: float, house: House, read_to: float
) -> list[Logged] | Wait:
    """Make the row final and tell of it, in one transaction; what was told is changed by nobody but people."""
    await connection.execute(_ALONE, linkedid)
    logged = await read_rows(connection, [linkedid])
    if logged and await was_told(connection, logged[0]):
        return []
    known = await find_known(connection, linkedid, read_to)
    row = row_now(known, house, waited)
    if isinstance(row, Wait):
        return row
    if row is None:
        return []
    if logged:
        row = continued(row, logged[0])
        if row != logged[0]:
            await put_row(connection, row)
        return await tell(connection, row)
    #: Empty: another instance was first.
    return [told for written in await write_rows(connection, [row]) for told in await tell(connection, written)]


async def find_known(connection: Connection, linkedid: str, read_to: float = float("inf")) -> Known:
    """All there is of that call. Raises DatabaseUnreachable."""
    with database_errors():
        rows = await connection.fetch(_CALLS, linkedid)
        own = await connection.fetch(_CHANNELS, [row["id"] for row in rows]) if rows else []
        cel = await read_cel(connection, linkedid, [row["channel"] for row in own])
        cdr = await read_cdr(connection, linkedid)
        elsewhere = False
        if not rows:
            channels = {row.uniqueid for row in cel} | {row.uniqueid for row in cdr}
            owners = {owner_of(channel) for channel in channels}
            elsewhere = await connection.fetchval(_ELSEWHERE, list(owners), list(channels), linkedid)
    chain = chains(_decode_call.decode(row["snapshot"]) for row in rows)
    return Known(linkedid, chain[0] if chain else (), cel, cdr, elsewhere, read_to)


class Rebuilt(msgspec.Struct):
    """What a rebuild found."""

    added: int = 0
    corrected: int = 0
    unchanged: int = 0
    #: Still live, or its records are still on their way.
    open: int = 0


async def rebuild(connection: Connection, house: House, since: float, until: float) -> Rebuilt:
    """Make the rows of the calls that began in that time anew, from both sources; Unix seconds.

    What people wrote into a row stays, and so does a row that is right, or of which no source is left. Nobody is told.
    Raises DatabaseUnreachable.
    """
    found = Rebuilt()
    with database_errors():
        async with connection.transaction(readonly=True):
            await connection.execute(_PATIENTLY)
            rows = await connection.fetch(_PERIOD, since, until, timeout=LONGEST_LISTING)
    for (linkedid,) in rows:
        while True:
            try:
                async with connection.transaction():
                    await _rebuild_one(connection, linkedid, house, found)
                break
            except asyncpg.TransactionRollbackError:
                #: The service was about to write of the same contact, in another order.
                continue
    return found


def _goes_on(known: Known) -> bool:
    """A call past the service whose end Asterisk has not told; after a crash it never will."""
    if known.chain or known.elsewhere or is_complete(known.cel):
        return False
    return any(is_party(row.channame) for row in known.cel) and time.time() - known.cel[-1].eventtime < LONGEST_CALL


async def _rebuild_one(connection: Connection, linkedid: str, house: House, found: Rebuilt) -> None:
    await connection.execute(_ALONE, linkedid)
    logged = await read_rows(connection, [linkedid])
    known = await find_known(connection, linkedid)
    row = row_now(known, house, float("inf"))
    if isinstance(row, Wait) or _goes_on(known):
        found.open += 1
    elif row is None or (logged and logged[0].source == "service" and not known.chain):
        found.unchanged += len(logged)
    elif not logged:
        found.added += len(await write_rows(connection, [row]))
    elif (new := kept(row, logged[0])) is logged[0]:
        found.unchanged += 1
    else:
        await put_row(connection, new)
        found.corrected += 1
