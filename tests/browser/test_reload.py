"""A page that is reloaded, and a tab that closes, whatever the call is doing then: the next one goes on with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import BrowserContext

from tests.browser.stage import CUSTOMER, DID, Stage, Window
from tests.browser.test_conversation import ready, talking
from tests.integration.world import email, number

Arrange = Callable[[Stage, BrowserContext], Awaitable[Window]]
Resume = Callable[[Window], Awaitable[None]]


async def held(crm: Stage, context: BrowserContext) -> Window:
    window, _ = await talking(crm, context)
    await window.control("hold")
    await window.says("On hold")
    return window


async def from_hold(window: Window) -> None:
    await window.says("On hold", timeout=3)
    await window.line("talks")
    await window.control("hold")


async def consulting(crm: Stage, context: BrowserContext) -> Window:
    window, call_id = await talking(crm, context)
    path = f"/api/v1/calls/{call_id}/transfers"
    await crm.desk.api("POST", path, json={"to": email("slow"), "mode": "attended"})
    await window.says("talks with you")
    return window


async def from_the_consultation(window: Window) -> None:
    await window.line("talks")
    await window.control("swap")


async def rung_by_a_click(crm: Stage, context: BrowserContext) -> Window:
    window = await ready(crm, context)
    await crm.desk.click("anna", number("answers"), device="web")
    await window.panel.locator('[data-control="answer"]').wait_for()
    return window


async def rung_by_a_caller(crm: Stage, context: BrowserContext) -> Window:
    window = await ready(crm, context, session=await crm.session("ines"))
    await crm.customer.dial(crm.desk.exchange.did(DID))
    await window.mode("offered")
    return window


async def by_answering(window: Window) -> None:
    await window.line("rings")
    await window.control("answer")


SITUATIONS: dict[str, tuple[Arrange, Resume, str]] = {
    "held": (held, from_hold, "anna"),
    "consulting": (consulting, from_the_consultation, "anna"),
    "rung by a click": (rung_by_a_click, by_answering, "anna"),
    "rung by a caller": (rung_by_a_caller, by_answering, "ines"),
}


@pytest.mark.parametrize("situation", SITUATIONS)
async def test_a_reloaded_page_is_back_in_it(crm: Stage, context: BrowserContext, situation: str) -> None:
    arrange, resume, _ = SITUATIONS[situation]
    window = await arrange(crm, context)
    await window.page.reload()
    await resume(window)
    await window.until_hears(CUSTOMER)


@pytest.mark.parametrize("situation", ["consulting", "rung by a caller"])
async def test_another_tab_goes_on_with_it(crm: Stage, context: BrowserContext, situation: str) -> None:
    arrange, resume, agent = SITUATIONS[situation]
    first = await arrange(crm, context)
    second = await crm.open(context, session=await crm.session(agent))
    await second.mode("consulting" if situation == "consulting" else "offered")
    await first.page.close()
    await resume(second)
    await second.until_hears(CUSTOMER)
