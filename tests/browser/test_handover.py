"""Others who have to do with a call: the colleague to whom it is transferred, and supervisors."""

from __future__ import annotations

from playwright.async_api import BrowserContext

from tests.browser.stage import CUSTOMER, Stage, Window
from tests.browser.test_conversation import ready, talking
from tests.integration.world import email


async def wandas(crm: Stage, context: BrowserContext) -> Window:
    """Her browser is her telephone."""
    return await ready(crm, context, session=await crm.session("wanda"))


async def test_a_colleague_sees_who_transfers_whom_and_takes_over(crm: Stage, context: BrowserContext) -> None:
    window, call_id = await talking(crm, context)
    async with crm.context() as elsewhere:
        other = await wandas(crm, elsewhere)
        await window.control("transfer")
        await window.panel.locator("input").fill("wan")
        await window.press("Ask first: Wanda")
        await other.says("Anna asks you about a call")
        await other.says("Grace Hopper")
        tab = await crm.open(elsewhere, session=await crm.session("wanda"))
        await tab.says("Anna asks you about a call")
        await tab.page.close()
        offered = await other.page.evaluate("window.heard.find(([name]) => name === 'transfer-offered')[1].call")
        assert (offered["id"], offered["contact"]["id"]) == (call_id, "grace")
        await other.control("answer")
        await window.says("talks with you")
        await other.says("You are talking with Anna")
        await other.page.reload()
        await window.control("complete")
        await window.mode("wrap_up")
        await other.mode("talking")
        await other.until_hears(CUSTOMER)
        taken = (await other.state())["calls"][0]
        assert (taken["transferred_from"], taken["device"]) == (call_id, "web")
        await other.control("hangup")
        await other.mode("wrap_up")


async def test_a_colleague_declines_and_the_customer_is_back(crm: Stage, context: BrowserContext) -> None:
    window, _ = await talking(crm, context)
    async with crm.context() as elsewhere:
        other = await wandas(crm, elsewhere)
        await window.control("transfer")
        await window.panel.locator("input").fill("wan")
        await window.press("Transfer now: Wanda")
        await other.says("Anna transfers a call to you")
        await other.control("decline")
        await window.says("The transfer did not work: declined")
        await other.mode("idle")
    await window.until_hears(CUSTOMER)


async def test_an_agent_sees_who_listens_and_a_supervisor_answers_in_her_browser(
    crm: Stage, context: BrowserContext
) -> None:
    window, call_id = await talking(crm, context)
    path = f"/api/v1/calls/{call_id}/supervisors"
    _, made = await crm.desk.api("POST", "/api/v1/tokens", json={"name": "supervisor", "rights": ["supervise"]})
    headers = {"Authorization": f"Bearer {made['token']}"}
    async with crm.context() as elsewhere:
        other = await wandas(crm, elsewhere)
        async with crm.desk.session.post(
            crm.desk.address + path, headers=headers, json={"email": email("wanda"), "mode": "whisper"}
        ) as answer:
            assert answer.status == 201, await answer.text()
            supervisor = (await answer.json())["id"]
        await other.says("Your phone is ringing")
        await other.control("answer")
        await window.says("Wanda talks to you")
        await other.says("A call on your phone")
        await other.until_hears(CUSTOMER)
        url = f"{crm.desk.address}{path}/{supervisor}"
        async with crm.desk.session.put(url, headers=headers, json={"mode": "listen"}) as answer:
            assert answer.status < 300, await answer.text()
        await window.says("Wanda listens")
        await other.control("hangup")
        await window.panel.get_by_text("Wanda listens").wait_for(state="detached")
        await other.mode("idle")
