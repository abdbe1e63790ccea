"""Every call is one row of the log, and Asterisk's own records say the same of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from ctc_ari.app import service
from ctc_ari.config import Database, Inbound, Server
from ctc_ari.log.row import LogRow
from ctc_ari.store.log_keeper import Rebuilt, rebuild
from ctc_ari.store.pool import connect
from tests import phones
from tests.integration.agreement import (
    all_rows,
    differences,
    house,
    logged,
    once,
    quiet,
    seen_by_asterisk,
    told,
    with_quality,
)
from tests.integration.world import Exchange, World, email, exchange, number, world
from tests.store import databases

DID, NOBODY = "+442079460701", "+442079460702"
ROUTES: dict[str, str | list[str]] = {DID: [email("slow")], NOBODY: [email("rings"), email("busy")]}


@pytest.fixture(scope="module")
async def recorded(server: databases.Server) -> AsyncIterator[tuple[Exchange, str]]:
    """An Asterisk that writes its records into a database, and that database."""
    async with server.migrated() as url, exchange(url, ROUTES) as running:
        yield running, url


@pytest.fixture(scope="module")
async def desk(recorded: tuple[Exchange, str], server: databases.Server) -> AsyncIterator[World]:
    """A service on both."""
    pbx, url = recorded
    async with world(pbx, server, app=pbx.config.asterisk.app, url=url, routes=ROUTES) as running:
        yield running


async def agrees(desk: World, call_id: str) -> LogRow:
    """The call's row, which Asterisk's records confirm."""
    row = await logged(desk, call_id, 10.0)
    seen = await seen_by_asterisk(desk.database_url, row.linkedid, desk.config.asterisk.trunk)
    assert differences(row, seen) == []
    again = await all_rows(desk.database_url)
    once(again)
    return next(each for each in again if each.id == row.id)


async def hang_up(desk: World, call_id: str) -> None:
    """By the API."""
    assert (await desk.api("DELETE", f"/api/v1/calls/{call_id}"))[0] == 204


async def end_all(desk: World) -> None:
    """Whatever is live."""
    for live in (await desk.api("GET", "/api/v1/calls"))[1]["calls"]:
        await hang_up(desk, live["id"])
    await desk.nothing_left()


async def call_in(pbx: Exchange, did: str, **behaviour: Any) -> None:
    """Somebody calls that number, and we wait until she has hung up or been hung up on."""
    async with phones.sipp_caller(
        pbx.did(did), from_=number("answers").removeprefix("+"), name="Ada", port=pbx.callers[0], **behaviour
    ) as caller:
        await asyncio.wait_for(caller.process.wait(), 30)


async def the_new_row(url: str, before: int, seconds: float = 20.0) -> LogRow:
    deadline = time.monotonic() + seconds
    while len(rows := await all_rows(url)) == before:
        assert time.monotonic() < deadline, "the call is not in the log"
        await asyncio.sleep(0.05)
    return rows[-1]


async def test_a_call_while_the_service_is_down_is_in_the_log_once_when_it_is_back(
    recorded: tuple[Exchange, str], tmp_path: Path
) -> None:
    """First, while nobody has started a service on this Asterisk."""
    pbx, url = recorded
    await call_in(pbx, DID, hang_up_after=1.0)
    await asyncio.sleep(0.5)
    assert await all_rows(url) == []
    config = replace(
        pbx.config,
        server=Server(port=0),
        database=Database(url=url, data_dir=str(tmp_path)),
        inbound=Inbound(routes=ROUTES),
    )
    for _ in range(2):
        async with service(config, asterisk_folder=pbx.folder / "asterisk"):
            row = await the_new_row(url, 0)
            await quiet(url)
            once(await all_rows(url))
    assert (row.source, row.direction, row.disposition) == ("asterisk", "inbound", "answered")
    assert (row.number, row.did, row.agent_email) == (number("answers"), DID, email("slow"))
    assert 0.9 < row.talk_seconds < 1.3
    assert await told(url, row.linkedid) == 1


@pytest.mark.parametrize(
    ("agent", "customer", "disposition", "reason"),
    [
        ("answers", "leaves", "answered", "completed"),
        ("leaves", "answers", "answered", "completed"),
        ("answers", "busy", "busy", "customer_busy"),
        ("answers", "declines", "rejected", "customer_rejected"),
        ("answers", "rings", "no_answer", "customer_no_answer"),
        ("answers", "away", "no_answer", "customer_no_answer"),
        ("answers", "unknown", "failed", "unreachable"),
        ("answers", "broken", "failed", "unreachable"),
        ("leaves", "rings", "cancelled", "agent_hangup"),
        ("busy", "answers", "cancelled", "agent_busy"),
        ("declines", "answers", "cancelled", "agent_rejected"),
        ("rings", "answers", "cancelled", "agent_no_answer"),
    ],
)
async def test_a_call_that_ends_by_itself(
    desk: World, agent: str, customer: str, disposition: str, reason: str
) -> None:
    call_id = await desk.place(agent, number(customer))
    await desk.until(call_id, "ended")
    await desk.nothing_left()
    row = await agrees(desk, call_id)
    assert (row.disposition, row.end_reason, row.source) == (disposition, reason, "service")
    assert [each.email for each in row.agents] == [email(agent)]
    assert (row.talk_seconds > 0) is (disposition == "answered")


@pytest.mark.parametrize(
    ("agent", "customer", "state", "disposition", "reason"),
    [
        ("rings", "answers", "ringing_agent", "cancelled", "cancelled"),
        ("answers", "rings", "ringing_customer", "cancelled", "cancelled"),
        ("answers", "answers", "talking", "answered", "completed"),
    ],
)
async def test_a_call_that_the_api_ends(
    desk: World, agent: str, customer: str, state: str, disposition: str, reason: str
) -> None:
    call_id = await desk.place(agent, number(customer))
    await desk.until(call_id, state)
    await asyncio.sleep(0.3)
    await hang_up(desk, call_id)
    await desk.nothing_left()
    row = await agrees(desk, call_id)
    assert (row.disposition, row.end_reason, row.ended_by) == (disposition, reason, "api")


async def test_talking_begins_with_the_customers_answer_and_holding_is_measured(desk: World) -> None:
    times = [time.monotonic()]

    def lap() -> float:
        """Seconds since the last one."""
        times.append(time.monotonic())
        return times[-1] - times[-2]

    call_id = await desk.place("answers", number("takes_time"))
    await desk.until(call_id, "talking")
    ringing = lap()
    await desk.api("PUT", f"/api/v1/calls/{call_id}/hold")
    lap()
    await asyncio.sleep(0.6)
    holding = lap()
    await desk.api("DELETE", f"/api/v1/calls/{call_id}/hold")
    await hang_up(desk, call_id)
    lap()
    row = await agrees(desk, call_id)
    #: The phone answers after a second; what else there is, is the way there and back.
    assert 0.9 < row.ring_seconds < ringing + 0.1
    assert holding - 0.1 < row.hold_seconds < row.talk_seconds < times[-1] - times[0] - 0.9
    assert row.contact is None


async def transfer(desk: World, call_id: str, to: str, mode: str) -> dict[str, Any]:
    status, body = await desk.api("POST", f"/api/v1/calls/{call_id}/transfers", json={"to": to, "mode": mode})
    assert status == 201, body
    return dict(body)


async def transfer_is(desk: World, call_id: str, state: str) -> None:
    deadline = time.monotonic() + 20
    while (await desk.call(call_id))["transfer"]["state"] != state:
        assert time.monotonic() < deadline, f"never {state}"
        await asyncio.sleep(0.02)


async def test_a_blind_transfer_is_one_row_with_both_agents(desk: World) -> None:
    call_id = await desk.place("answers", number("answers"))
    await desk.until(call_id, "talking")
    await transfer(desk, call_id, email("slow"), "blind")
    await transfer_is(desk, call_id, "completed")
    await asyncio.sleep(0.5)
    await end_all(desk)
    row = await agrees(desk, call_id)
    assert [(each.email, each.talked) for each in row.agents] == [(email("answers"), True), (email("slow"), True)]
    assert (row.id, len(row.calls), row.agent_email) == (call_id, 2, email("slow"))
    assert [(each.mode, each.state) for each in row.transfers] == [("blind", "completed")]
    assert 0.9 < row.hold_seconds < 1.4, "as long as the target's phone rang"
    assert row.contact is not None
    assert row.contact.id == "grace"


async def test_an_attended_transfer_is_one_row(desk: World) -> None:
    call_id = await desk.place("answers", number("answers"))
    await desk.until(call_id, "talking")
    begun = await transfer(desk, call_id, email("a1"), "attended")
    await transfer_is(desk, call_id, "talking")
    await asyncio.sleep(0.5)
    await desk.api("POST", f"/api/v1/calls/{call_id}/transfers/{begun['id']}/complete")
    await asyncio.sleep(0.5)
    await end_all(desk)
    row = await agrees(desk, call_id)
    assert [(each.email, each.talked) for each in row.agents] == [(email("answers"), True), (email("a1"), True)]
    assert [(each.mode, each.state) for each in row.transfers] == [("attended", "completed")]


@pytest.mark.parametrize(("target", "reason"), [("busy", "busy"), ("declines", "rejected"), ("rings", "no_answer")])
async def test_a_transfer_that_fails_stands_in_the_same_row(desk: World, target: str, reason: str) -> None:
    call_id = await desk.place("answers", number("answers"))
    await desk.until(call_id, "talking")
    await transfer(desk, call_id, email(target), "blind")
    await transfer_is(desk, call_id, "failed")
    await asyncio.sleep(0.3)
    await hang_up(desk, call_id)
    row = await agrees(desk, call_id)
    assert [(each.state, each.reason) for each in row.transfers] == [("failed", reason)]
    assert [each.email for each in row.agents if each.talked] == [email("answers")]


async def test_agent_who_does_not_take_the_customer_back(desk: World) -> None:
    call_id = await desk.place("leaves", number("answers"))
    await desk.until(call_id, "talking")
    await transfer(desk, call_id, email("rings"), "blind")
    #: She leaves after a second; her phone is rung again when the target's was not answered, and leaves again.
    await desk.until(call_id, "ended")
    await desk.nothing_left()
    row = await agrees(desk, call_id)
    assert row.disposition == "answered"
    assert row.hold_seconds > 2.5


@pytest.mark.parametrize(
    ("did", "behaviour", "disposition", "reason"),
    [
        (DID, {"hang_up_after": 1.0}, "answered", "completed"),
        (DID, {"cancel_after": 0.4}, "abandoned", "customer_hangup"),
        (NOBODY, {}, "missed", "agent_busy"),
    ],
)
async def test_a_caller(desk: World, did: str, behaviour: dict[str, Any], disposition: str, reason: str) -> None:
    before = len(await all_rows(desk.database_url))
    await call_in(desk.exchange, did, **behaviour)
    row = await the_new_row(desk.database_url, before)
    assert (row.disposition, row.end_reason, row.source) == (disposition, reason, "service")
    assert (row.direction, row.number, row.did) == ("inbound", number("answers"), did)
    await desk.nothing_left()
    await agrees(desk, row.id)


async def test_what_is_dialled_on_a_phone_past_the_service_is_in_the_log_once(desk: World) -> None:
    before = len(await all_rows(desk.database_url))
    bind = desk.config.asterisk.sip_bind
    async with phones.baresip_phone("3002", registrar=bind, password="a-password") as phone:
        await phone.dial(f"sip:{number('answers')}@{bind}")
        await phone.wait_closed()
    row = await the_new_row(desk.database_url, before)
    assert (row.source, row.direction, row.disposition) == ("asterisk", "outbound", "failed")
    assert (row.number, row.agent_email) == (number("answers"), email("registers"))
    await quiet(desk.database_url)
    assert len(await all_rows(desk.database_url)) == before + 1
    assert await told(desk.database_url, row.linkedid) == 1


async def test_each_row_is_told_once_and_rebuilding_changes_nothing(desk: World) -> None:
    await quiet(desk.database_url)
    rows = await all_rows(desk.database_url)
    once(rows)
    assert [row.source for row in rows].count("asterisk") == 2
    assert [await told(desk.database_url, (row.calls or (row.id,))[-1]) for row in rows] == [1] * len(rows)
    connection = await connect(desk.database_url)
    try:
        await connection.execute("update call_log set notes = 'kept', outcome = 'sold', contact_by = 'person'")
        before = await connection.fetch("select * from call_log order by id")
        found = await rebuild(
            connection, await house(connection, desk.config.asterisk.trunk), time.time() - 3600, time.time()
        )
        assert found == Rebuilt(unchanged=len(rows))
        assert await connection.fetch("select * from call_log order by id") == before
    finally:
        await connection.close()


async def test_how_well_each_leg_was_heard_is_filled_in(desk: World) -> None:
    call_id = await desk.place("a2", number("sings"))
    await desk.until(call_id, "talking")
    await asyncio.sleep(1.0)
    await hang_up(desk, call_id)
    row = await with_quality(desk, call_id)
    customer = row.quality[0]
    assert (customer.leg, customer.loss) == ("customer", 0.0)
    assert customer.mos is not None
    assert customer.mos > 4.0
