"""The rows of calls: a new call is committed before anything rings, every later state is written behind, in batches."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec
import structlog

from ctc_ari.calls.ids import is_call_id
from ctc_ari.calls.model import Call, Contact, owner_of
from ctc_ari.calls.ports import Happening
from ctc_ari.errors import AgentBusy, ConfigError, DatabaseUnreachable
from ctc_ari.outbox import Subscriptions
from ctc_ari.store.contacts import BY_CONVERSATION
from ctc_ari.store.log import log_ended
from ctc_ari.store.outbox import message_columns
from ctc_ari.store.pool import Pool, acquire, connect, database_errors
from ctc_ari.store.spool import Spool, Spooled

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
#: Changes that the database has not taken after so many seconds go to the disk meanwhile.
SPOOL_AFTER = 0.2

#: One row per call, whatever number of calls arrive together; those whose agent has a live call are left out.
_ADD = f"""
with incoming as (
    select * from unnest(
        $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
        $10::float8[], $11::text[], $12::text[], $13::text[]
    ) as t (
        id, node, direction, state, phase, agent_email, device, number, contact_id, created_at, snapshot, linkedid,
        transferred_from
    )
), added as (
    insert into calls (
        id, node, direction, state, phase, agent_email, device, number, contact_id, created_at, snapshot, linkedid,
        transferred_from
    )
    select id, node, direction, state, phase, agent_email, device, number, contact_id, to_timestamp(created_at),
           snapshot::jsonb, linkedid, transferred_from
    from incoming
    on conflict do nothing
    returning id, number, contact_id
)
select added.id, contact.id as contact_id, contact.name, contact.company, contact.email, contact.url
from added
left join lateral (
    select contacts.id, contacts.name, contacts.company, contacts.email, contacts.url
    from contact_numbers join contacts on contacts.id = contact_numbers.contact_id
    where contact_numbers.number = added.number and added.contact_id is null
    order by {BY_CONVERSATION}
    limit 1
) contact on true
"""  # noqa: S608 -- made of constants

#: The newest state of each call, whatever happened on the way there, and what webhooks are told of it: once, because
#: what stands in the journal already is not told again. An ended call is inserted if need be: an insert that was never
#: confirmed may be carried out after this, and must then find it ended. So may an update: what has ended stays ended.
#: What comes of a transfer goes on without waiting for its row, which is made here.
_SAVE = """
with changed as (
    select id, node, direction, state, phase, agent_email, device, number, contact_id,
           to_timestamp(created_at) as created_at, to_timestamp(agent_answered_at) as agent_answered_at,
           to_timestamp(answered_at) as answered_at, to_timestamp(ended_at) as ended_at, end_reason, ended_by,
           snapshot::jsonb as snapshot, linkedid, transferred_from
    from unnest(
        $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
        $10::float8[], $11::text[], $12::text[], $13::text[], $14::float8[], $15::float8[], $16::float8[], $17::text[],
        $18::text[]
    ) as t (
        id, node, direction, state, phase, agent_email, device, number, contact_id, created_at, snapshot, linkedid,
        transferred_from, agent_answered_at, answered_at, ended_at, end_reason, ended_by
    )
), going_on as (
    update calls set
        state = changed.state, phase = changed.phase, contact_id = changed.contact_id,
        agent_email = changed.agent_email, device = changed.device,
        agent_answered_at = changed.agent_answered_at, answered_at = changed.answered_at,
        snapshot = changed.snapshot, updated_at = now()
    from changed
    where calls.id = changed.id and changed.state <> 'ended' and changed.transferred_from is null
        and calls.state <> 'ended'
    returning calls.id
), ended_or_handed_over as (
    insert into calls (
        id, node, direction, state, phase, agent_email, device, number, contact_id, created_at, agent_answered_at,
        answered_at, ended_at, end_reason, ended_by, snapshot, linkedid, transferred_from
    )
    select id, node, direction, state, phase, agent_email, device, number, contact_id, created_at, agent_answered_at,
           answered_at, ended_at, end_reason, ended_by, snapshot, linkedid, transferred_from
    from changed where state = 'ended' or transferred_from is not null
    on conflict (id) do update set
        state = excluded.state, phase = excluded.phase, contact_id = excluded.contact_id,
        agent_email = excluded.agent_email, device = excluded.device,
        agent_answered_at = excluded.agent_answered_at, answered_at = excluded.answered_at,
        ended_at = excluded.ended_at, end_reason = excluded.end_reason, ended_by = excluded.ended_by,
        snapshot = excluded.snapshot, updated_at = now()
    where calls.state <> 'ended' or excluded.state = 'ended'
    returning id
), saved as (
    select id from going_on union all select id from ended_or_handed_over
), journal as (
    insert into call_journal (call_id, seq, at, event)
    select t.call_id, t.seq, to_timestamp(t.at), t.event
    from unnest($19::text[], $20::int[], $21::float8[], $22::text[]) as t (call_id, seq, at, event)
    join saved on saved.id = t.call_id
    on conflict do nothing
    returning call_id, seq
)
insert into webhook_deliveries (webhook_id, call_id, seq, type, payload)
select t.webhook_id, t.call_id, t.seq, t.type, t.payload
from unnest($23::text[], $24::text[], $25::int[], $26::text[], $27::text[])
    with ordinality as t (webhook_id, call_id, seq, type, payload, position)
join journal on journal.call_id = t.call_id and journal.seq = t.seq
order by t.position
on conflict do nothing
"""

_CHANNELS = """
insert into call_channels (channel, call_id) select * from unnest($1::text[], $2::text[]) on conflict do nothing
"""

_LOAD_LIVE = """
select snapshot, coalesce((select max(seq) from call_journal where call_id = calls.id), 0) as seq
from calls where node = $1 and state <> 'ended' order by created_at
"""
_LOAD_RECENT = "select snapshot from calls where node = $1 and state = 'ended' and created_at >= $2 order by created_at"
_FIND = "select snapshot from calls where id = $1"
_PROBE = "select not pg_is_in_recovery() and current_setting('transaction_read_only') = 'off'"

_encode = msgspec.json.Encoder().encode
_decode: msgspec.json.Decoder[Call] = msgspec.json.Decoder(Call)


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
        self._spool = spool
        #: Who is told of what, besides the journal.
        self._subscriptions = subscriptions
        self._additions: list[_Addition] = []
        self._changes: dict[str, tuple[Call, list[Happening]]] = {}
        #: Changes being written right now.
        self._writing: dict[str, tuple[Call, list[Happening]]] = {}
        #: Channels with names of their own, and whose they are.
        self._channels: dict[str, str] = {}
        #: How many changes there were, how many of them are in the database, and how many are on the disk.
        self._made = self._written = self._spooled = 0
        #: Those that are not in the database, by number, with the time they came.
        self._unwritten: list[tuple[int, float, Spooled]] = []
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
        self._made += 1
        if self._spool is not None:
            waits = self._made, asyncio.get_running_loop().time(), Spooled.of(call, happenings)
            self._unwritten.append(waits)
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
            rows = await connection.fetch(_LOAD_LIVE, node)
        return [(_decode.decode(row["snapshot"]), row["seq"]) for row in rows]

    async def load_recent(self, node: str, since: float) -> list[Call]:
        """Ended calls created since that Unix time."""
        async with acquire(self._pool) as connection:
            rows = await connection.fetch(_LOAD_RECENT, node, datetime.fromtimestamp(since, UTC))
        return [_decode.decode(row["snapshot"]) for row in rows]

    async def find(self, call_id: str) -> Call | None:
        """Any call; a change that is still on its way is seen already."""
        for changes in (self._changes, self._writing):
            if call_id in changes:
                return changes[call_id][0]
        async with acquire(self._pool) as connection:
            row = await connection.fetchrow(_FIND, call_id)
        return _decode.decode(row["snapshot"]) if row else None

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
            tasks.create_task(
                self._keep(self._to_add, _ADD, _addition_columns([]), self._add_waiting), name="store-add"
            )
            tasks.create_task(
                self._keep(self._to_save, _SAVE, self._change_columns({}), self._save_waiting), name="store-save"
            )
            tasks.create_task(self._watch(), name="store-watch")
            if self._spool is not None:
                tasks.create_task(self._keep_spool(self._spool), name="store-spool")

    async def recover(self) -> None:
        """Write what an earlier process could not, however long the database is away; before calls are loaded."""
        left = await asyncio.to_thread(self._spool.read) if self._spool else []
        if not left:
            return
        log.info("writing what the database could not be given", changes=len(left))
        for entry in left:
            self.save(*entry.restored())
        self._spooled = self._made
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
                rows = await connection.fetch(_ADD, *_addition_columns(additions), timeout=ADD_DEADLINE)
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
                addition.committed.set_result(_contact(row))

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
        made = self._made
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
        self._written = made
        if self._subscriptions is not None:
            self._subscriptions.enqueued()

    async def _save_changes(
        self, connection: asyncpg.Connection[asyncpg.Record], changes: dict[str, tuple[Call, list[Happening]]]
    ) -> None:
        """A call's end and its row in the log are one transaction."""
        columns = self._change_columns(changes)
        ended = [call for call, _ in changes.values() if not call.live]
        if not ended and not self._channels:
            await connection.execute(_SAVE, *columns, timeout=ADD_DEADLINE)
            return
        channels = dict(self._channels)
        async with asyncio.timeout(ADD_DEADLINE), connection.transaction():
            await connection.execute(_SAVE, *columns)
            if channels:
                await connection.execute(_CHANNELS, list(channels), list(channels.values()))
            await log_ended(connection, ended)
        for channel in channels:
            self._channels.pop(channel, None)

    def _change_columns(self, changes: dict[str, tuple[Call, list[Happening]]]) -> list[list[Any]]:
        happenings = [happening for _, happened in changes.values() for happening in happened]
        return [
            *_state_columns([call for call, _ in changes.values()]),
            *_journal_columns(happenings),
            *message_columns(self._subscriptions, happenings),
        ]

    async def _keep_spool(self, spool: Spool) -> None:
        """What waits for the database is on the disk within moments, and goes from there when the database has it."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                await asyncio.sleep(LINGER_SECONDS)
                await self._spool_once(spool, loop.time() - (SPOOL_AFTER if self._writable else 0.0))
        finally:
            self._forget_written()
            rest = [entry for number, _, entry in self._unwritten if number > self._spooled]
            if rest:
                #: The process ends before the database is back.
                spool.append(rest)

    def _forget_written(self) -> None:
        if self._unwritten and self._unwritten[0][0] <= self._written:
            self._unwritten = [each for each in self._unwritten if each[0] > self._written]

    async def _spool_once(self, spool: Spool, before: float) -> None:
        self._forget_written()
        try:
            if self._spooled and self._written >= self._spooled:
                self._spooled = 0
                await asyncio.to_thread(spool.clear)
            waiting = [each for each in self._unwritten if each[0] > self._spooled]
            if waiting and waiting[0][1] <= before:
                await asyncio.to_thread(spool.append, [entry for _, _, entry in waiting])
                self._spooled = waiting[-1][0]
        except OSError as error:
            log.error("changes cannot be written to the disk", why=error.strerror, calls=self.unsaved)
            await asyncio.sleep(RETRY_SECONDS)

    def _keep_unsaved(self, changes: dict[str, tuple[Call, list[Happening]]]) -> None:
        newer, self._changes = self._changes, changes
        for call_id, (call, happenings) in newer.items():
            _, before = changes.get(call_id, (call, []))
            changes[call_id] = (call, [*before, *happenings])
        self._to_save.set()


def _contact(row: asyncpg.Record) -> Contact | None:
    if row["contact_id"] is None:
        return None
    return Contact(row["contact_id"], row["name"], row["company"], row["email"], row["url"])


def _addition_columns(additions: Sequence[_Addition]) -> list[list[Any]]:
    return _call_columns([addition.call for addition in additions])


def _state_columns(calls: Sequence[Call]) -> list[list[Any]]:
    return [
        *_call_columns(calls),
        [call.agent_answered_at for call in calls],
        [call.answered_at for call in calls],
        [call.ended_at for call in calls],
        [call.end_reason.value if call.end_reason else None for call in calls],
        [call.ended_by for call in calls],
    ]


def _call_columns(calls: Sequence[Call]) -> list[list[Any]]:
    return [
        [call.id for call in calls],
        [call.node for call in calls],
        [call.direction for call in calls],
        [call.state.value for call in calls],
        [call.phase.value for call in calls],
        [call.agent.email for call in calls],
        [call.device for call in calls],
        [call.number for call in calls],
        [call.contact.id if call.contact else None for call in calls],
        [call.created_at for call in calls],
        [_encode(call).decode() for call in calls],
        [call.linkedid for call in calls],
        [call.transferred_from for call in calls],
    ]


def _journal_columns(happenings: Sequence[Happening]) -> list[list[Any]]:
    return [
        [happening.call.id for happening in happenings],
        [happening.seq for happening in happenings],
        [happening.at for happening in happenings],
        [happening.event for happening in happenings],
    ]
