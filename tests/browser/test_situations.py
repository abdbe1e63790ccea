"""Callers, transfers, hostile names, other origins, a service that is killed: the panel in front of the real thing."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.async_api import BrowserContext, Page

from tests.browser.stage import CUSTOMER, DID, Stage, Window
from tests.browser.test_conversation import ready, talking
from tests.integration.process import killable
from tests.integration.world import number
from tests.store import databases

HOSTILE = '<img src=x onerror="window.owned=1"><script>window.owned=1</script>\u202egnp.exe ${window.owned=1}'


async def heard(window: Window) -> list[str]:
    """The events that the page around the panel got."""
    names: list[str] = await window.page.evaluate("window.heard.map(([name]) => name)")
    return names


async def receptionist(crm: Stage, context: BrowserContext) -> Window:
    window = await crm.open(context, session=await crm.session("ines"))
    await window.mode("idle")
    await window.use("web")
    await window.ready()
    return window


# callers


async def test_a_caller_pops_up_with_name_and_rings_until_answered(crm: Stage, context: BrowserContext) -> None:
    window = await receptionist(crm, context)
    await crm.customer.dial(crm.desk.exchange.did(DID))
    await window.mode("offered")
    await window.says("Grace Hopper")
    detail = await window.page.evaluate("window.heard.find(([name]) => name === 'call-offered')[1].call")
    assert (detail["contact"]["id"], detail["number"]) == ("grace", number("answers"))
    await window.control("answer")
    await window.mode("talking")
    await window.until_hears(CUSTOMER)
    await crm.customer.hang_up()
    await window.mode("wrap_up")
    await window.says("Finished")


async def test_a_caller_who_gives_up_is_gone_from_the_screen(crm: Stage, context: BrowserContext) -> None:
    window = await receptionist(crm, context)
    rang = sum(event.type == "CALL_RINGING" for event in crm.customer.events)
    await crm.customer.dial(crm.desk.exchange.did(DID))
    await window.mode("offered")
    await crm.customer.wait("CALL_RINGING", rang + 1, 5.0)
    await crm.customer.hang_up()
    await window.panel.locator('[data-mode="offered"]').wait_for(state="detached")


async def test_a_declined_caller_stops_ringing_here(crm: Stage, context: BrowserContext) -> None:
    window = await receptionist(crm, context)
    await crm.customer.dial(crm.desk.exchange.did(DID))
    await window.control("decline")
    await window.panel.locator('[data-mode="offered"]').wait_for(state="detached")
    assert (await window.state())["line"] == "idle"


# transfers


async def test_an_attended_transfer_asks_first_and_then_completes(crm: Stage, context: BrowserContext) -> None:
    window, call_id = await talking(crm, context)
    await window.control("transfer")
    await window.panel.locator("input").fill("slow")
    await window.press("Ask first: Slow")
    await window.says("talks with you")
    await window.control("swap")
    await window.until_hears(CUSTOMER)
    await window.control("complete")
    await window.mode("wrap_up")
    await window.says("Transferred")
    assert (await crm.desk.call(call_id))["end_reason"] == "transferred"


async def test_a_consultation_that_is_cancelled_leads_back_to_the_customer(crm: Stage, context: BrowserContext) -> None:
    window, _ = await talking(crm, context)
    await window.control("transfer")
    await window.panel.locator("input").fill("slower")
    await window.press("Ask first: Slower")
    await window.mode("consulting")
    await window.control("cancel")
    await window.mode("talking")
    await window.until_hears(CUSTOMER)


async def test_a_transfer_to_somebody_busy_says_why(crm: Stage, context: BrowserContext) -> None:
    window, _ = await talking(crm, context)
    await window.control("transfer")
    await window.panel.locator("input").fill("busy")
    await window.press("Transfer now: Busy")
    await window.says("The transfer did not work: busy")
    await window.mode("talking")


# what others may try


async def test_a_hostile_name_is_text_and_nothing_else(crm: Stage, context: BrowserContext) -> None:
    contact = {"name": HOSTILE, "numbers": [{"number": number("sings")}]}
    status, answer = await crm.desk.api("PUT", "/api/v1/contacts/evil", json=contact)
    assert status == 201, answer
    window = await ready(crm, context)
    await window.call(number("sings"))
    await window.says("<img src=x onerror=")
    assert not await window.page.evaluate("window.owned")
    assert "\u202e" not in await window.panel.locator(".body").inner_text()
    assert not [text for text in window.complaints if "Policy" in text]


async def test_the_entrance_for_sip_is_closed_to_another_origin(crm: Stage, context: BrowserContext) -> None:
    ticket = await crm.desk.session.post(
        f"{crm.desk.address}/api/v1/sip-tickets", headers={"Authorization": f"Bearer {await crm.session()}"}
    )
    url = (await ticket.json())["url"]
    page = await context.new_page()
    await page.goto(f"{crm.crm.replace('127.0.0.1', 'localhost')}/?{urlencode({'base-url': crm.desk.address + '/'})}")
    assert await socket_outcome(page, f"{crm.desk.address.replace('http', 'ws')}{url}") == "closed"
    await page.goto(f"{crm.crm}/?{urlencode({'base-url': crm.desk.address + '/'})}")
    assert await socket_outcome(page, f"{crm.desk.address.replace('http', 'ws')}{url}") == "open"


async def socket_outcome(page: Page, url: str) -> str:
    outcome: str = await page.evaluate(
        """(url) => new Promise((resolve) => {
            const socket = new WebSocket(url, 'sip');
            socket.onopen = () => { resolve('open'); socket.close(); };
            socket.onclose = () => resolve('closed');
        })""",
        url,
    )
    return outcome


# links in the CRM's page


@pytest.mark.parametrize("selector", ["#tel", "#number", "[data-ctc-found]"])
async def test_numbers_in_the_page_call_through_the_panel(crm: Stage, context: BrowserContext, selector: str) -> None:
    window = await ready(crm, context)
    await window.page.locator(selector).click()
    await window.mode("talking")
    assert (await window.state())["calls"][0]["number"] == number("answers")
    assert "call-answered" in await heard(window)


async def test_only_numbers_in_text_become_links_and_the_text_stays(crm: Stage, context: BrowserContext) -> None:
    window = await crm.open(context)
    await window.mode("idle")
    text = window.page.locator("#text")
    assert await text.inner_text() == "Her office is +44 20 7946 0011, order 2026-11-22/4711."
    assert await text.locator("[data-ctc-found]").all_inner_texts() == ["+44 20 7946 0011"]
    #: As a framework does it, which keeps hold of the text it made.
    await text.evaluate("(element) => { element.firstChild.data = 'Or 020 7946 0012, after two.'; }")
    await text.locator("[data-ctc-found]", has_text="020 7946 0012").wait_for()
    assert await text.inner_text() == "Or 020 7946 0012, after two."


# the service goes away


async def test_a_killed_service_is_told_and_the_conversation_goes_on(
    crm: Stage, server: databases.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CTC_SERVER__ALLOWED_ORIGINS", crm.crm)
    trunk = f"PJSIP/ctc-phone/sip:{{number}}@127.0.0.1:{crm.customer.port}"
    pbx = crm.desk.exchange
    async with killable(pbx, server, tmp_path, app="panelkilled", trunk=trunk) as desk:
        await desk.hire("kim", f"sip:answers@127.0.0.1:{pbx.agents.port}")
        stage = Stage(desk, crm.customer, crm.crm, crm.browser)
        async with stage.context() as context:
            window = await stage.open(context, session=await stage.session("kim"))
            await window.mode("idle")
            await window.use("web")
            await window.ready()
            call_id = await stage.talk(window)
            await desk.kill()
            await window.says("The connection to the telephone service is lost")
            await window.until_hears(CUSTOMER)
            await desk.start()
            await window.panel.get_by_text("The connection to the telephone service is lost").wait_for(state="detached")
            await window.until_hears(CUSTOMER)
            assert (await desk.call(call_id))["state"] == "talking"
            await window.control("hangup")
            await window.mode("wrap_up", timeout=20)
            await desk.nothing_left()


# a window of its own


async def test_popped_out_the_call_survives_a_crm_that_navigates(crm: Stage, context: BrowserContext) -> None:
    window = await ready(crm, context)
    await context.grant_permissions(["microphone"], origin=crm.desk.address)
    async with context.expect_page() as opened:
        await window.press("Open in a window of its own")
    out = Window(await opened.value)
    await window.says("Your phone is in a window of its own")
    await out.mode("idle")
    await out.use("web")
    await out.ready()
    await out.call(number("answers"))
    await out.mode("talking")
    await out.until_hears(CUSTOMER)
    assert "call-answered" in await heard(window)
    await window.page.goto("about:blank")
    await out.until_hears(CUSTOMER)
    assert "session" not in out.page.url
