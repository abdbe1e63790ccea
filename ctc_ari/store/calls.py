"""The rows of calls: a new call is committed before anything rings, every later state is written behind, in batches."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg
import structlog

from ctc_ari.calls.ids import is_call_id, owner_of
from ctc_ari.calls.model import Call, Contact
from ctc_ari.calls.ports import Happening
from ctc_ari.errors import AgentBusy, ConfigError, DatabaseUnreachable
from ctc_ari.outbox import Subscriptions
from ctc_ari.store.backlog import Backlog
from ctc_ari.store.call_rows import (
    ADD,
    CHANNELS,
    FIND,
    LOAD_LIVE,
    LOAD_RECENT,
    SAVE,
    addition_columns,
    change_columns,
    contact_of,
    decode_call,
)
from ctc_ari.store.log import log_ended
from ctc_ari.store.pool import Pool, acquire, connect, database_errors
from ctc_ari.store.spool import Spool

__all__ = ["PostgresCallStore"]

log = structlog.get_logger(__name__)

#: Seconds a click waits for its row.
ADD_DEADLINE = 2.0
RETRY_SECONDS = 0.5
#: Changes that are not urgent wait this long for others. What a crash loses in this time, Asterisk still knows.
LINGER_SECONDS = 0.05
#: What somebody wished follows a request to Asterisk, and to write it at once would keep that one's answer waiting.
URGENT_SECONDS = 0.005
#: Seconds after which a start says again that what an earlier process left is not written yet.
RECOVER_SECONDS = 60.0

_PROBE = "select not pg_is_in_recovery() and current_setting('transaction_read_only') = 'off'"

_Work = Callable[["asyncpg.Connection[asyncpg.Record]"], Awaitable[None]]


def _drop(connection: asyncpg.Connection[asyncpg.Record] | None) -> None:
    if connection is not None:
        connection.terminate()


class _Addition:
    __slots__ = ("call", "committed")

    def __init__(self, call: Call, committed: asyncio.Future[Contact | None]) -> None:
        self.call = call
        self.committed = committed


class PostgresCallStore:
    """Implements `CallStore` with a connection for new calls and another for changes, so that neither waits."""

    def __init__(
        self,
        pool: Pool,
        url: str,
        *,
        spool: Spool | None = None,
        subscriptions: Subscriptions | None = None,
    ) -> None:
        """Without a spool, changes that the database has not taken end with the process."""
        self._pool = pool
        self._url = url
        self._backlog = None if spool is None else Backlog(spool)
        #: Who is told of what, besides the journal.
        self._subscriptions = subscriptions
        self._additions: list[_Addition] = []
        self._changes: dict[str, tuple[Call, list[Happening]]] = {}
        #: Changes being written right now.
        self._writing: dict[str, tuple[Call, list[Happening]]] = {}
        #: Channels with names of their own, and whose they are.
        self._channels: dict[str, str] = {}
        self._to_add = asyncio.Event()
        self._to_save = asyncio.Event()
        self._saved = asyncio.Event()
        #: Somebody waits for the changes.
        self._hurry = asyncio.Event()
        #: Soon somebody will.
        self._hurrying: asyncio.TimerHandle | None = None
        self._writable = True

    @property
    def writable(self) -> bool:
        """Whether the last attempt to write succeeded."""
        return self._writable

    @property
    def unsaved(self) -> int:
        """How many calls have changes that are not in the database yet."""
        return len(self._changes)

    async def add(self, call: Call) -> Contact | None:
        """Commit a new call; returns the contact its number belongs to."""
        committed: asyncio.Future[Contact | None] = asyncio.get_running_loop().create_future()
        self._additions.append(_Addition(call, committed))
        self._to_add.set()
        try:
            async with asyncio.timeout(ADD_DEADLINE):
                return await committed
        except TimeoutError:
            self._writable = False
            raise DatabaseUnreachable from None

    def save(self, call: Call, happenings: Sequence[Happening], *, urgent: bool = False, wished: bool = False) -> None:
        """Write this state, at once or with others: the newest of a call, and all that happened to it."""
        _, before = self._changes.get(call.id, (call, []))
        self._changes[call.id] = (call, [*before, *happenings])
        if self._backlog is not None:
            self._backlog.add(call, happenings)
        for _, leg in call.legs:
            if leg.channel and leg.channel != call.linkedid and not is_call_id(owner_of(leg.channel)):
                self._channels[leg.channel] = call.id
        self._saved.clear()
        self._to_save.set()
        if urgent and not wished:
            self._hurry.set()
        elif urgent and self._hurrying is None:
            self._hurrying = asyncio.get_running_loop().call_later(URGENT_SECONDS, self._hurry.set)

    async def load_live(self, node: str) -> list[tuple[Call, int]]:
        """Calls of this node whose outcome was open when last written, with the last position in their journal."""
        async with acquire(self._pool) as connection:
            rows = await connection.fetch(LOAD_LIVE, node)
        return [(decode_call(row["snapshot"]), row["seq"]) for row in rows]

    async def load_recent(self, node: str, since: float) -> list[Call]:
        """Ended calls created since that Unix time."""
        async with acquire(self._pool) as connection:
            rows = await connection.fetch(LOAD_RECENT, node, datetime.fromtimestamp(since, UTC))
        return [decode_call(row["snapshot"]) for row in rows]

    async def find(self, call_id: str) -> Call | None:
        """Any call; a change that is still on its way is seen already."""
        for changes in (self._changes, self._writing):
            if call_id in changes:
                return changes[call_id][0]
        async with acquire(self._pool) as connection:
            row = await connection.fetchrow(FIND, call_id)
        return decode_call(row["snapshot"]) if row else None

    async def probe(self) -> str | None:
        """None when the database takes writes, else what is wrong."""
        try:
            async with asyncio.timeout(ADD_DEADLINE):
                async with acquire(self._pool) as connection:
                    writable = await connection.fetchval(_PROBE)
        except (DatabaseUnreachable, TimeoutError):
            writable = None
        self._writable = bool(writable)
        if writable is None:
            return "PostgreSQL cannot be reached"
        return None if writable else "PostgreSQL takes no writes: it is read-only or a standby"

    async def run(self) -> None:
        """Write until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep(self._to_add, ADD, addition_columns([]), self._add_waiting), name="store-add")
            tasks.create_task(
                self._keep(self._to_save, SAVE, self._change_columns({}), self._save_waiting), name="store-save"
            )
            tasks.create_task(self._watch(), name="store-watch")
            if self._backlog is not None:
                tasks.create_task(self._backlog.keep(lambda: self._writable), name="store-spool")

    async def recover(self) -> None:
        """Write what an earlier process could not, however long the database is away; before calls are loaded."""
        left = await self._backlog.left() if self._backlog else []
        if self._backlog is None or not left:
            return
        log.info("writing what the database could not be given", changes=len(left))
        for entry in left:
            self.save(*entry.restored())
        self._backlog.is_on_disk()
        while self._changes or self._writing:
            await self.flush(RECOVER_SECONDS)

    async def flush(self, seconds: float) -> None:
        """Wait, no longer than this, until all changes are written."""
        try:
            async with asyncio.timeout(seconds):
                while self._changes or self._writing:
                    self._hurry.set()
                    self._saved.clear()
                    await self._saved.wait()
        except TimeoutError:
            log.warning("changes not written", calls=self.unsaved)

    async def _keep(self, wake: asyncio.Event, statement: str, nothing: list[list[Any]], work: _Work) -> None:
        """Hold one connection and do the work each time there is some; reconnect after a loss."""
        connection = None
        while True:
            try:
                if connection is None or connection.is_closed():
                    connection = await connect(self._url)
                    with database_errors():
                        #: One plan serves any number of rows; planning anew would cost as much as the insert.
                        await connection.execute("set plan_cache_mode = force_generic_plan")
                        #: Parsed and planned now, not when somebody clicks.
                        await connection.execute(statement, *nothing)
                await wake.wait()
                if not connection.is_closed():
                    await work(connection)
                    self._writable = True
            except (DatabaseUnreachable, ConfigError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                self._lost(error)
                _drop(connection)
                connection = None
                await asyncio.sleep(RETRY_SECONDS)
            except asyncio.CancelledError:
                _drop(connection)
                raise

    def _lost(self, error: Exception) -> None:
        if self._writable:
            log.warning("database lost", why=type(error.__cause__ or error).__name__)
        self._writable = False
        additions, self._additions = self._additions, []
        self._to_add.clear()
        for addition in additions:
            if not addition.committed.done():
                addition.committed.set_exception(DatabaseUnreachable())

    async def _watch(self) -> None:
        """Notice that the database is back even when nobody calls."""
        while True:
            await asyncio.sleep(RETRY_SECONDS)
            if not self._writable and await self.probe() is None:
                log.info("database back")

    async def _add_waiting(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        #: Whoever was just told that his call is committed may have its end to write first.
        await asyncio.sleep(0)
        await self._wait_for_ends()
        #: Whoever gave up waiting was told so: his call must not come about behind his back.
        additions = [addition for addition in self._additions if not addition.committed.done()]
        self._additions = []
        self._to_add.clear()
        if not additions:
            return
        try:
            with database_errors():
                rows = await connection.fetch(
                    ADD, *addition_columns([addition.call for addition in additions]), timeout=ADD_DEADLINE
                )
        except (DatabaseUnreachable, asyncpg.PostgresError):
            self._additions = additions + self._additions
            raise
        added = {row["id"]: row for row in rows}
        for addition in additions:
            if addition.committed.done():
                continue
            row = added.get(addition.call.id)
            if row is None:
                addition.committed.set_exception(AgentBusy())
            else:
                addition.committed.set_result(contact_of(row))

    async def _wait_for_ends(self) -> None:
        """An agent's next call must not meet the row of her last one still live."""
        while self._agents_clicked() & self._agents_being_written():
            self._hurry.set()
            self._saved.clear()
            await self._saved.wait()

    def _agents_clicked(self) -> set[str]:
        """Whoever placed the new calls; one who is called or takes over may have had another row a moment ago."""
        calls = (addition.call for addition in self._additions)
        return {call.agent.email for call in calls if call.direction == "outbound" and not call.transferred_from}

    def _agents_being_written(self) -> set[str]:
        return {call.agent.email for changes in (self._changes, self._writing) for call, _ in changes.values()}

    async def _save_waiting(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                await self._hurry.wait()
        self._hurry.clear()
        if self._hurrying is not None:
            self._hurrying.cancel()
            self._hurrying = None
        changes, self._changes = self._changes, {}
        made = self._backlog.made if self._backlog else 0
        self._to_save.clear()
        self._writing = changes
        try:
            with database_errors():
                await self._save_changes(connection, changes)
        except (DatabaseUnreachable, asyncpg.PostgresError):
            self._keep_unsaved(changes)
            raise
        finally:
            self._writing = {}
            self._saved.set()
        if self._backlog is not None:
            self._backlog.written = made
        if self._subscriptions is not None:
            self._subscriptions.enqueued()

    async def _save_changes(
        self, connection: asyncpg.Connection[asyncpg.Record], changes: dict[str, tuple[Call, list[Happening]]]
    ) -> None:
        """A call's end and its row in the log are one transaction."""
        columns = self._change_columns(changes)
        ended = [call for call, _ in changes.values() if not call.live]
        if not ended and not self._channels:
            await connection.execute(SAVE, *columns, timeout=ADD_DEADLINE)
            return
        channels = dict(self._channels)
        async with asyncio.timeout(ADD_DEADLINE), connection.transaction():
            await connection.execute(SAVE, *columns)
            if channels:
                await connection.execute(CHANNELS, list(channels), list(channels.values()))
            await log_ended(connection, ended)
        for channel in channels:
            self._channels.pop(channel, None)

    def _change_columns(self, changes: dict[str, tuple[Call, list[Happening]]]) -> list[list[Any]]:
        happenings = [happening for _, happened in changes.values() for happening in happened]
        return change_columns([call for call, _ in changes.values()], happenings, self._subscriptions)

    def _keep_unsaved(self, changes: dict[str, tuple[Call, list[Happening]]]) -> None:
        newer, self._changes = self._changes, changes
        for call_id, (call, happenings) in newer.items():
            _, before = changes.get(call_id, (call, []))
            changes[call_id] = (call, [*before, *happenings])
        self._to_save.set()
