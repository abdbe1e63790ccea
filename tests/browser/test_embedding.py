"""The page of docs/panel.md, as a CRM's programmer pastes it, under a strict policy."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from aiohttp import web
from playwright.async_api import BrowserContext

from tests.browser.stage import CUSTOMER, DID, Stage, Window

DOCUMENT = Path(__file__).parents[2] / "docs" / "panel.md"


def example(address: str, session: str) -> tuple[str, str]:
    """The HTML of the documentation with this service in it, and the policy that it is said to need."""
    text = DOCUMENT.read_text(encoding="utf-8")
    html = re.search(r"```html\n(.*?)```", text, re.DOTALL)
    policy = re.search(r"## Content-Security-Policy\n\n```\n(.*?)```", text, re.DOTALL)
    assert html
    assert policy
    host = address.removeprefix("http://")
    page = html[1].replace("https://calls.example.com", address).replace("ctcs_…", session)
    script = re.search(r"<script type=\"module\">(.*?)</script>", page, re.DOTALL)
    assert script
    #: A CRM has its script in a file of its own; here the policy names it by its hash.
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    said = policy[1].replace("https://calls", "http://calls").replace("wss://calls", "ws://calls")
    said = " ".join(said.replace("calls.example.com", host).split())
    said = said.replace("script-src", f"script-src 'sha256-{digest}'").replace("connect-src", "connect-src 'self'")
    return (
        f"<!doctype html><title>CRM</title><a href='tel:+442079460011'>Grace</a>{page}",
        said + "; default-src 'none'",
    )


async def test_the_example_of_the_documents_works_as_it_stands(crm: Stage, context: BrowserContext) -> None:
    page = await context.new_page()
    window = Window(page)
    page.on("console", lambda message: window.complaints.append(message.text) if "Policy" in message.text else None)
    page.on("pageerror", lambda error: window.complaints.append(str(error)))
    session = await crm.session("ines")
    html, policy = example(crm.desk.address, session)

    async def contacts() -> web.Response:
        return web.Response(text=html, content_type="text/html", headers={"Content-Security-Policy": policy})

    async def phone_session() -> web.Response:
        return web.Response(text=await crm.session("ines"))

    crm.pages.update({"/contacts": contacts, "/my-crm/phone-session": phone_session})
    await page.goto(f"{crm.crm}/contacts")
    await window.mode("idle")
    await crm.customer.dial(crm.desk.exchange.did(DID))
    await page.wait_for_url("**/contacts#/contacts/grace")
    await window.mode("offered")
    await window.control("decline")
    await window.mode("idle")
    await window.use("web")
    await window.ready()
    await page.get_by_role("link", name="Grace").click()
    await window.mode("talking")
    await window.until_hears(CUSTOMER)
    #: A session that ends ends no conversation.
    ended = await crm.desk.session.delete(
        f"{crm.desk.address}/api/v1/sessions/current", headers={"Authorization": f"Bearer {session}"}
    )
    assert ended.status == 204
    await page.wait_for_function("(old) => document.querySelector('ctc-panel').session !== old", arg=session)
    await window.mode("talking")
    await window.line("talks")
    await window.until_hears(CUSTOMER)
    assert not window.complaints
