"""One customer is erased: nothing in the whole database names her any more, and the statistics are as they were."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ctc_ari.calls.leg import Leg
from ctc_ari.calls.model import Agent, Call, Contact, EndReason, Phase, Target, Transfer
from ctc_ari.contacts import ContactDetails, ContactNumber
from ctc_ari.erasure import Erased, Erasures
from ctc_ari.errors import AsteriskUnreachable, Conflict, ContactNotFound
from ctc_ari.log.calls import row_of_calls
from ctc_ari.log.records import CdrRow, CelRow
from ctc_ari.log.row import LogRow
from ctc_ari.store.contacts import PostgresContacts
from ctc_ari.store.crm_answers import PostgresCrmAnswers
from ctc_ari.store.erasure import PostgresErasure
from ctc_ari.store.log import put_row, read_rows
from ctc_ari.store.pool import Connection, Pool
from ctc_ari.store.records import add_cdr, add_cel
from ctc_ari.store.spool import Spool, Spooled

HERS, SHARED, OTHERS = "+442079460123", "+442079460777", "+442079460555"
NAME = "Grace Hopper"
#: However a switch, a carrier or a person may write the numbers, and the name.
TRACES = ("2079460123", "7946 0123", "Grace", "Hopper")
ANNA = Agent("anna@example.com", "Anna Berg", "1001", "PJSIP/1001")
LONG_AGO = 1_700_000_000.0


class FakeRecordings:
    """Deletes by name; Asterisk is away when it is told so."""

    def __init__(self) -> None:
        self.removed: list[str] = []
        self.failure: Exception | None = None

    async def remove(self, node: str, name: str) -> None:
        """Gone."""
        if self.failure is not None:
            raise self.failure
        self.removed.append(f"{node}/{name}")


@pytest.fixture
def recordings() -> FakeRecordings:
    return FakeRecordings()


@pytest.fixture
def erasures(pool: Pool, recordings: FakeRecordings, tmp_path: Path) -> PostgresErasure:
    return PostgresErasure(pool, recordings, tmp_path)


def a_call(call_id: str, number: str, contact: Contact | None = None, **changes: Any) -> Call:
    digits = number[1:]
    fields: dict[str, Any] = {
        "id": call_id,
        "node": "pbx1",
        "linkedid": call_id,
        "phase": Phase.ENDED,
        "agent": ANNA,
        "device": "desk",
        "number": number,
        "contact": contact,
        "contact_by": "number" if contact else None,
        "agent_leg": Leg(call_id, "PJSIP/1001"),
        "customer_leg": Leg(f"{call_id}.c", f"PJSIP/{digits}@trunk"),
        "agent_ring_timeout": 25,
        "customer_ring_timeout": 45,
        "max_seconds": 3600,
        "recordings": 1,
        "created_at": LONG_AGO,
        "answered_at": LONG_AGO + 9,
        "ended_at": LONG_AGO + 100,
        "end_reason": EndReason.COMPLETED,
    }
    return Call(**fields | changes)


async def happen(pool: Pool, call: Call, *, logged: bool = True) -> None:
    """The call as everything that writes of it leaves it."""
    digits = call.number.removeprefix("+")
    async with pool.acquire() as connection:
        await connection.execute(
            """
            insert into calls (id, node, direction, state, phase, agent_email, device, number, contact_id, created_at,
                ended_at, snapshot, linkedid)
            values ($1, 'pbx1', $2, $3, $4, 'anna@example.com', 'desk', $5, $6, to_timestamp($7), to_timestamp($8), $9,
                $10)
            """,
            call.id,
            call.direction,
            call.state.value,
            call.phase.value,
            call.number,
            call.contact.id if call.contact else None,
            call.created_at,
            call.ended_at,
            msgspec.json.encode(call),
            call.linkedid,
        )
        note = msgspec.json.encode({"note": call.number})
        await connection.execute("insert into call_journal values ($1, 1, now(), 'call.created', $2)", call.id, note)
        if logged:
            await put_row(connection, row_of_calls([call]))
            notes = f"{NAME} asks to be called at 020 7946 0123" if call.number == HERS else "about an offer"
            await connection.execute("update call_log set notes = $2, outcome = 'won' where id = $1", call.id, notes)
        await add_cel(
            connection,
            [
                CelRow("CHAN_START", LONG_AGO, NAME, digits, extra=f'{{"caller":"{call.number}"}}', uniqueid=call.id,
                       linkedid=call.linkedid),
                CelRow("ANSWER", LONG_AGO + 1, "", "0" + digits[2:], exten=digits, appdata=f"PJSIP/{digits}@trunk",
                       channame=f"Local/{digits}@out-1;1", uniqueid=call.id, linkedid=call.linkedid),
                CelRow("LINKEDID_END", LONG_AGO + 2, "Anna Berg", "1001", uniqueid=call.id, linkedid=call.linkedid),
            ],
        )  # fmt: skip
        await add_cdr(
            connection,
            [
                CdrRow(LONG_AGO, LONG_AGO, LONG_AGO, f'"{NAME}" <{digits}>', digits, digits, "out", "PJSIP/1001-01",
                       f"PJSIP/{digits}-02", "Dial", f"PJSIP/{digits}@trunk,30", uniqueid=call.id,
                       linkedid=call.linkedid),
            ],
        )  # fmt: skip


async def everything(pool: Pool) -> str:
    """Every row of every table, as text."""
    async with pool.acquire() as connection:
        return await everything_in(connection)


async def everything_in(connection: Connection) -> str:
    """The same through one connection."""
    tables = await connection.fetch("select tablename from pg_tables where schemaname = 'public' order by 1")
    rows = [await connection.fetch(f'select t::text as row from "{table}" as t') for (table,) in tables]
    return "\n".join(row["row"] for found in rows for row in found)


async def named(pool: Pool, traces: tuple[str, ...] = TRACES) -> list[str]:
    """The lines of the whole database that say who it was."""
    return [line for line in (await everything(pool)).splitlines() if any(trace in line for trace in traces)]


async def statistics(pool: Pool) -> list[Any]:
    columns = (
        "id, linkedid, direction, disposition, end_reason, agent_email, agents, started_at, answered_at, ended_at, "
        "ring_seconds, talk_seconds, hold_seconds"
    )
    return [tuple(row) for row in await pool.fetch(f"select {columns} from call_log order by id")]


async def grace(pool: Pool) -> None:
    """A customer with a number of her own and one that she shares."""
    contacts = PostgresContacts(pool)
    numbers = (ContactNumber(HERS), ContactNumber(SHARED))
    await contacts.create(ContactDetails("grace", NAME, numbers, email="grace@example.com", company="Hopper Ltd"))
    await contacts.create(ContactDetails("ada", "Ada Lovelace", (ContactNumber(SHARED), ContactNumber(OTHERS))))
    contact, ada = Contact("grace", NAME), Contact("ada", "Ada Lovelace")
    await happen(pool, a_call("c1", HERS, contact))
    await happen(pool, a_call("c2", HERS))
    await happen(pool, a_call("c3", SHARED, contact))
    await happen(pool, a_call("c4", SHARED, ada))
    target = Target(HERS, f"PJSIP/{HERS[1:]}@trunk", Agent(""), outside=True)
    transfer = Transfer(
        id="t1", mode="blind", target=target, state="completed", successor="c6", ring_seconds=25, started_at=LONG_AGO
    )
    await happen(pool, a_call("c5", OTHERS, ada, transfers=(transfer,)))
    async with pool.acquire() as connection:
        await connection.execute(
            'update call_log set candidates = \'[{"id":"ada","name":"Ada"},{"id":"grace","name":"Grace"}]\''
            " where id = 'c4'"
        )
        #: The records of calls that others had name nobody but them.
        await connection.execute(
            "update cel set cid_name = 'Ada' where linkedid in ('c4', 'c5') and cid_name = $1", NAME
        )
        await connection.execute("update cdr set clid = 'Ada' where linkedid in ('c4', 'c5')")


async def test_nothing_in_the_whole_database_names_an_erased_customer(
    pool: Pool, erasures: PostgresErasure, recordings: FakeRecordings
) -> None:
    await grace(pool)
    await happen(pool, a_call("c7", HERS, created_at=time.time() - 600, ended_at=time.time() - 500), logged=False)
    answers = PostgresCrmAnswers(pool)
    await answers.keep("contact", HERS, msgspec.json.encode({"id": "crm-1", "name": NAME}))
    await answers.keep("contact", SHARED, msgspec.json.encode({"id": "grace", "name": NAME}))
    assert len(await named(pool)) > 15
    before = await statistics(pool)
    plugged: Erasures = erasures
    erased = await plugged.erase_contact("grace")
    assert await named(pool) == []
    assert "grace" not in await everything(pool)
    assert await statistics(pool) == before
    assert sorted(recordings.removed) == ["pbx1/c1-1", "pbx1/c2-1", "pbx1/c3-1"]
    assert (erased.contacts, erased.calls, erased.recordings) == (1, 3, 3)
    assert erased.records >= 9
    assert await erasures.erase_number(HERS) == Erased()


async def test_others_are_left_alone(pool: Pool, erasures: PostgresErasure) -> None:
    await grace(pool)
    await erasures.erase_contact("grace")
    assert [each.number for each in (await PostgresContacts(pool).read("ada")).numbers] == [SHARED, OTHERS]
    async with pool.acquire() as connection:
        rows = {row.id: row for row in await read_rows(connection, ["c1", "c2", "c3", "c4", "c5"])}
    assert (rows["c4"].number, rows["c4"].contact, rows["c4"].notes) == (
        SHARED,
        Contact("ada", "Ada Lovelace"),
        "about an offer",
    )
    assert [contact.id for contact in rows["c4"].candidates] == ["ada"]
    assert [transfer.to for transfer in rows["c5"].transfers] == [""]
    assert len(rows["c5"].recordings) == 1
    assert [(rows[each].number, rows[each].contact, rows[each].notes) for each in ("c1", "c2", "c3")] == [
        ("", None, None)
    ] * 3
    assert await pool.fetchval("select src from cdr where linkedid = 'c4'") == SHARED[1:]
    assert await pool.fetchval("select src from cdr where linkedid = 'c5'") == OTHERS[1:]
    assert await pool.fetchval("select cid_num from cel where linkedid = 'c1' and eventtype = 'LINKEDID_END'") == "1001"


async def test_an_erased_call_can_still_be_read(pool: Pool, erasures: PostgresErasure) -> None:
    await grace(pool)
    await erasures.erase_contact("grace")
    for call_id in ("c1", "c5"):
        snapshot = await pool.fetchval("select snapshot from calls where id = $1", call_id)
        call = msgspec.json.decode(snapshot, type=Call)
        assert call.end_reason is EndReason.COMPLETED
    assert (call.number, call.transfers[0].target.to) == (OTHERS, "")


async def test_what_asterisk_recorded_of_the_call_itself_stays(pool: Pool, erasures: PostgresErasure) -> None:
    await happen(pool, a_call("c1", HERS))
    heard = "ssrc=1;lp=0;rxcount=50"
    mark = f"part=agent;number={HERS};{heard}"
    target = f"part=target;id=t1;mode=blind;to={HERS}"
    async with pool.acquire() as connection:
        await connection.execute("insert into call_channels values ('1.7', 'c1')")
        await add_cel(
            connection,
            [
                CelRow("HANGUP", LONG_AGO + 2, userfield=mark, uniqueid="c1", linkedid="c1"),
                CelRow("HANGUP", LONG_AGO + 2, userfield=target, uniqueid="c1.x001", linkedid="c1"),
                CelRow("HANGUP", LONG_AGO + 2, userfield=f"called {HERS}", uniqueid="c1.x002", linkedid="c1"),
                CelRow("CHAN_START", LONG_AGO + 1, exten=HERS[1:], uniqueid="1.7", linkedid="1.7"),
            ],
        )
    await erasures.erase_number(HERS)
    kept = await pool.fetch("select userfield from cel where eventtype = 'HANGUP' order by uniqueid")
    assert [row["userfield"] for row in kept] == [f"part=agent;;{heard}", "part=target;id=t1;mode=blind;", ""]
    assert await named(pool) == [], "not even where her number was dialled on a phone"


async def test_a_number_without_a_contact_is_erased(pool: Pool, erasures: PostgresErasure) -> None:
    await happen(pool, a_call("c1", HERS))
    assert (await erasures.erase_number(HERS)).calls == 1
    assert await named(pool) == []


async def test_a_number_leads_to_its_contact(pool: Pool, erasures: PostgresErasure) -> None:
    await grace(pool)
    with pytest.raises(Conflict, match="2 contacts share that number"):
        await erasures.erase_number(SHARED)
    assert (await erasures.erase_number(HERS)).contacts == 1
    assert await named(pool) == []
    #: It is Ada's alone now.
    assert (await erasures.erase_number(SHARED)).contacts == 1
    assert await named(pool, ("2079460", "Ada")) == []


async def test_a_contact_that_was_deleted_before_is_erased_from_the_calls(
    pool: Pool, erasures: PostgresErasure
) -> None:
    await happen(pool, a_call("c1", HERS, Contact("grace", NAME)))
    assert (await erasures.erase_contact("grace")).calls == 1
    assert await named(pool) == []


async def test_messages_to_webhooks_go_with_their_calls(pool: Pool, erasures: PostgresErasure) -> None:
    await happen(pool, a_call("c1", HERS))
    target = Target(HERS, "", Agent(""), outside=True)
    handed = Transfer(id="t1", mode="blind", target=target, successor="c6", ring_seconds=25, started_at=LONG_AGO)
    await happen(pool, a_call("c5", OTHERS, transfers=(handed,)))
    messages = (("c1", HERS), ("c1", NAME), ("c5", f"to {HERS}"), ("c5", "to nobody"), ("c9", OTHERS))
    for seq, (call_id, payload) in enumerate(messages):
        await pool.execute(
            "insert into webhook_deliveries (webhook_id, call_id, seq, type, payload) values ('w', $1, $2, 'x', $3)",
            call_id,
            seq,
            payload,
        )
    assert (await erasures.erase_number(HERS)).deliveries == 3
    assert await pool.fetchval("select array_agg(call_id order by seq) from webhook_deliveries") == ["c5", "c9"]
    assert await named(pool, TRACES[:2]) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"phase": Phase.TALKING, "ended_at": None, "end_reason": None, "created_at": LONG_AGO},
        {},
    ],
)
async def test_nobody_is_erased_in_the_middle_of_a_call(
    pool: Pool, erasures: PostgresErasure, changes: dict[str, Any]
) -> None:
    #: Without changes: a call that has ended just now.
    changes = changes or {"created_at": time.time() - 30, "ended_at": time.time()}
    await happen(pool, a_call("c1", HERS, **changes), logged=False)
    before = await everything(pool)
    with pytest.raises(Conflict, match="in a call"):
        await erasures.erase_number(HERS)
    assert await everything(pool) == before


async def test_while_recordings_cannot_be_deleted_the_calls_still_say_whose_they_are(
    pool: Pool, erasures: PostgresErasure, recordings: FakeRecordings
) -> None:
    await grace(pool)
    recordings.failure = AsteriskUnreachable()
    with pytest.raises(AsteriskUnreachable):
        await erasures.erase_contact("grace")
    assert await pool.fetchval("select count(*) from call_log where recordings <> '[]'") == 5
    recordings.failure = None
    assert (await erasures.erase_contact("grace")).recordings == 3
    assert await named(pool) == []


async def test_an_unknown_contact_is_told(erasures: PostgresErasure) -> None:
    with pytest.raises(ContactNotFound):
        await erasures.erase_contact("absent")


async def test_many_calls_are_erased_in_portions(pool: Pool, erasures: PostgresErasure) -> None:
    row = row_of_calls([a_call("c0", HERS, recordings=0)])
    async with pool.acquire() as connection:
        for number in range(250):
            changed: LogRow = msgspec.structs.replace(row, id=f"c{number}", linkedid=f"c{number}")
            await put_row(connection, changed)
    assert (await erasures.erase_number(HERS)).calls == 250
    assert await named(pool) == []


@pytest.mark.parametrize("call", [a_call("c9", HERS), a_call("c9", OTHERS, Contact("grace", NAME))])
async def test_nobody_is_erased_while_a_call_of_hers_waits_on_the_disk(
    pool: Pool, erasures: PostgresErasure, tmp_path: Path, call: Call
) -> None:
    await grace(pool)
    spool = Spool(tmp_path, "calls-ctc")
    spool.append([Spooled(call)])
    with pytest.raises(Conflict, match="on the disk"):
        await erasures.erase_contact("grace")
    assert (await erasures.erase_number("+442079460999")).calls == 0, "somebody else"
    spool.clear()
    assert (await erasures.erase_contact("grace")).contacts == 1
    spool.close()
