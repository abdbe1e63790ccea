"""A real call is found in the log, gets notes, and is erased from the database, with its recording."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.integration.agreement import logged, quiet
from tests.integration.world import World, email, exchange, number, world
from tests.store import databases
from tests.store.test_erasure import everything_in


@pytest.fixture(scope="module")
async def desk(server: databases.Server) -> AsyncIterator[World]:
    """A service, and an Asterisk that writes its records into the same database."""
    async with (
        server.migrated() as url,
        exchange(records=url) as pbx,
        world(pbx, server, app=pbx.config.asterisk.app, url=url) as running,
    ):
        yield running


async def test_a_recorded_call_is_read_and_erased(desk: World) -> None:
    customer = number("answers")
    call_id = await desk.place("answers", customer)
    await desk.until(call_id, "talking")
    await desk.api("PUT", f"/api/v1/calls/{call_id}/recording")
    await asyncio.sleep(0.5)
    await desk.api("DELETE", f"/api/v1/calls/{call_id}")
    await logged(desk, call_id)
    await quiet(desk.database_url)

    query = f"number={customer[1:]}&agent={email('answers')}&disposition=answered&direction=outbound&q=grace"
    _, page = await desk.api("GET", f"/api/v1/call-log?{query}")
    (found,) = page["calls"]
    assert (found["id"], found["contact"]["id"], len(found["recordings"])) == (call_id, "grace", 1)
    assert (await desk.api("GET", found["recordings"][0]))[0] == 200
    status, changed = await desk.api("PATCH", f"/api/v1/call-log/{call_id}", json={"notes": f"call {customer} again"})
    assert (status, changed["notes"]) == (200, f"call {customer} again")
    headers = {"Authorization": f"Bearer {desk.token}", "Accept": "text/csv"}
    async with desk.session.get(f"{desk.address}/api/v1/call-log?{query}", headers=headers) as answer:
        (line,) = csv.DictReader(io.StringIO(await answer.text(), newline=""))
    assert (line["id"], line["number"], line["contact_name"]) == (call_id, customer, found["contact"]["name"])

    status, problem = await desk.api("POST", "/api/v1/erasures", json={"number": customer})
    assert (status, problem["code"]) == (409, "conflict"), "it has only just ended"
    connection = await asyncpg.connect(desk.database_url)
    try:
        await connection.execute("update calls set ended_at = ended_at - interval '5 minutes'")
        before = await everything_in(connection)
        assert customer[3:] in before
        status, erased = await desk.api("POST", "/api/v1/erasures", json={"number": customer})
        assert (status, erased["contacts"], erased["calls"], erased["recordings"]) == (200, 1, 1, 1)
        assert erased["records"] > 3
        after = await everything_in(connection)
    finally:
        await connection.close()
    for trace in (customer[3:], found["contact"]["name"], "grace"):
        assert [line for line in after.splitlines() if trace in line] == []
    _, left = await desk.api("GET", f"/api/v1/call-log/{call_id}")
    assert (left["number"], left["contact"], left["talk_seconds"]) == ("", None, found["talk_seconds"])
    assert (await desk.api("GET", found["recordings"][0]))[0] == 404
