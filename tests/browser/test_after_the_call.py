"""What the panel does with the call log: notes and outcome, missed calls, and calling back."""

from __future__ import annotations

import asyncio
from typing import Any

from playwright.async_api import BrowserContext

from tests.browser.stage import DID, Stage, Window
from tests.browser.test_conversation import ready, talking
from tests.integration.world import email


async def logged(crm: Stage, call_id: str, *, notes: str | None = None) -> dict[str, Any]:
    """The call's line in the log, once it is there and has those notes."""
    deadline = asyncio.get_running_loop().time() + 10
    while True:
        status, entry = await crm.desk.api("GET", f"/api/v1/call-log/{call_id}")
        if status == 200 and (notes is None or entry["notes"] == notes):
            return dict(entry)
        assert asyncio.get_running_loop().time() < deadline, (status, entry)
        await asyncio.sleep(0.1)


async def write(window: Window, text: str) -> None:
    await window.mode("wrap_up")
    await window.panel.get_by_role("button", name="Call back").click()
    await window.panel.locator("textarea").fill(text)


async def test_a_note_written_after_the_call_is_in_the_log(crm: Stage, context: BrowserContext) -> None:
    window, call_id = await talking(crm, context)
    await window.control("hangup")
    await write(window, "Wants an offer")
    await window.page.reload()
    await window.mode("wrap_up")
    assert await window.panel.locator("textarea").input_value() == "Wants an offer"
    await window.control("save")
    entry = await logged(crm, call_id, notes="Wants an offer")
    assert (entry["outcome"], entry["agent"]["email"]) == ("call_back", email("anna"))
    await window.mode("idle")
    await window.panel.locator("li", has_text="Grace Hopper").first.wait_for()


async def test_a_note_after_a_transfer_waits_for_the_end_of_the_conversation(
    crm: Stage, context: BrowserContext
) -> None:
    window, call_id = await talking(crm, context)
    await crm.desk.api("POST", f"/api/v1/calls/{call_id}/transfers", json={"to": email("slow"), "mode": "attended"})
    await window.says("talks with you")
    await window.control("complete")
    await write(window, "Handed to Slow")
    await window.control("save")
    await window.says("Your notes are kept here")
    await window.page.reload()
    await window.says("Your notes are kept here")
    await crm.customer.hang_up()
    entry = await logged(crm, call_id, notes="Handed to Slow")
    assert [agent["email"] for agent in entry["agents"]] == [email("anna"), email("slow")]
    await window.panel.get_by_text("Your notes are kept here").wait_for(state="detached")


async def test_a_missed_call_is_listed_and_called_back_with_one_click(crm: Stage, context: BrowserContext) -> None:
    window = await ready(crm, context, session=await crm.session("ines"))
    await crm.customer.dial(crm.desk.exchange.did(DID))
    await window.mode("offered")
    rang = sum(event.type == "CALL_RINGING" for event in crm.customer.events)
    await crm.customer.wait("CALL_RINGING", max(rang, 1), 5.0)
    await crm.customer.hang_up()
    await window.mode("idle")
    missed = window.panel.locator("li.missed", has_text="Grace Hopper").first
    await missed.wait_for()
    await window.control("onlyMissed")
    await window.panel.locator(".count").wait_for(state="detached")
    await missed.locator("button").click()
    await window.mode("talking")
    call = (await window.state())["calls"][0]
    assert (call["direction"], call["contact"]["id"]) == ("outbound", "grace")
