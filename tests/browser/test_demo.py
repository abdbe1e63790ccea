"""`ctc-ari demo`, as a newcomer uses it: open the desk, talk, hold, transfer, be called, and see it all in the list."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, ConsoleMessage, Locator, expect

from ctc_ari.config import Node
from ctc_ari.demo import desk
from ctc_ari.demo.carrier import SimulatedCarrier
from ctc_ari.demo.sample import CALLERS
from tests.browser.chromium import launched
from tests.browser.stage import MICROPHONE, SPY, Window, microphone
from tests.demos import demo
from tests.panel.modules import installed

#: Milliseconds; a busy machine takes its time.
PATIENCE = 20_000


def page_of(window: Window) -> Locator:
    """The desk's own page, beside the panel."""
    return window.page.locator("#page")


async def shows(where: Locator, text: str) -> None:
    """Wait until it can be read there."""
    await expect(where).to_contain_text(text, timeout=PATIENCE)


async def plays(audio: Locator) -> None:
    """Wait until it does."""
    async with asyncio.timeout(PATIENCE / 1000):
        await audio.evaluate(
            """(audio) => new Promise((plays) => {
                const look = () => (audio.currentTime > 0 ? plays() : setTimeout(look, 50));
                look();
            })"""
        )


async def opened(browser: Browser, address: str, query: str = "", **context: Any) -> Window:
    """The desk in a browser of its own."""
    profile = await browser.new_context(**{"viewport": {"width": 1360, "height": 820}} | context)
    profile.set_default_timeout(PATIENCE)
    await profile.grant_permissions(["microphone"], origin=address)
    await profile.add_init_script(SPY)
    window = Window(await profile.new_page())

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            window.complaints.append(message.text)

    window.page.on("pageerror", lambda error: window.complaints.append(str(error)))
    window.page.on("console", note)
    await window.page.goto(f"{address}/{query}")
    await window.panel.locator("header").wait_for(state="attached")
    return window


async def test_a_newcomer_talks_holds_transfers_and_sees_it(tmp_path: Path) -> None:
    async with demo(tmp_path) as there, launched(microphone=microphone(tmp_path)) as browser:
        window = await opened(browser, there.page)
        await window.ready(PATIENCE / 1000)
        page = window.page
        await page.get_by_role("link", name="Grace Hopper").click()
        await page.get_by_role("button", name="Call +44 20 7946 0001").click()
        await window.mode("talking", PATIENCE / 1000)
        #: She says hello, asks for a name, and repeats what she hears.
        assert (await window.hears(1.5))["level"] > 0.001
        await window.until_hears(MICROPHONE, timeout=20)
        await shows(page_of(window), "On the line")
        await window.control("hold")
        await window.says("On hold")
        await shows(page_of(window), "On hold, hears music")
        await window.control("hold")
        await shows(page_of(window), "Back in the conversation")
        await window.control("transfer")
        #: Colleagues stand there before anything is typed.
        await window.press("Ask first: Alice")
        await window.says("talks with you", PATIENCE / 1000)
        #: Alice's phone sends back what it hears.
        await window.until_hears(MICROPHONE, timeout=20)
        await window.control("complete")
        await window.mode("wrap_up")
        await shows(page_of(window), "With Alice now")
        assert not window.complaints


async def test_a_customer_calls_is_missed_and_is_handed_to_a_colleague(tmp_path: Path) -> None:
    async with (
        demo(tmp_path) as there,
        launched(microphone=microphone(tmp_path)) as browser,
        aiohttp.ClientSession() as terminal,
    ):
        carol = await opened(browser, there.page)
        await carol.ready(PATIENCE / 1000)
        await shows(page_of(carol), "Hello, Carol")

        await carol.page.get_by_role("button", name="Let a customer call you").click()
        await carol.page.get_by_role("button", name="Margaret Hamilton gives up").click()
        await carol.mode("offered", PATIENCE / 1000)
        await shows(page_of(carol).locator("h1"), "Margaret Hamilton")
        await shows(carol.page.locator("#missed"), "1 missed")
        await shows(page_of(carol).locator(".entry"), "Missed, caller gave up")

        dave = await opened(browser, there.page, "?agent=dave@getdesk.example")
        await dave.ready(PATIENCE / 1000)
        assert (await terminal.post(there.carrier)).status == 201
        await shows(page_of(carol).locator("h1"), "Grace Hopper")
        await carol.control("answer")
        await carol.mode("talking", PATIENCE / 1000)
        await carol.until_hears(MICROPHONE, timeout=20)
        await carol.control("recording")
        await shows(page_of(carol), "Recording")
        await carol.control("transfer")
        await carol.panel.locator("input").fill("dave")
        await carol.press("Ask first: Dave")
        await shows(page_of(dave).locator("h1"), "Grace Hopper")
        await page_of(dave).get_by_role("button", name="Answer").click()
        await carol.says("talks with you", PATIENCE / 1000)
        await carol.control("complete")
        await carol.mode("wrap_up", PATIENCE / 1000)
        await dave.until_hears(MICROPHONE, timeout=20)
        await shows(page_of(dave), "Handed over to you")
        await dave.control("hangup")

        for window in (carol, dave):
            await shows(page_of(window).locator(".entry").first, "Transferred to Dave")
        await page_of(carol).get_by_role("button", name="Play recording").first.click()
        await plays(page_of(carol).locator("audio"))
        await carol.page.get_by_role("link", name="Calls").click()
        await expect(page_of(carol).locator(".entry")).to_have_count(2, timeout=PATIENCE)
        async with carol.page.expect_download() as saved:
            await carol.page.get_by_role("button", name="Save as CSV").click()
        assert (await (await saved.value).path()).read_text(encoding="utf-8").count("Grace Hopper") == 1
        await carol.page.get_by_label("Outcome").first.select_option(label="Missed, caller gave up")
        await expect(page_of(carol).locator(".entry")).to_have_count(1, timeout=PATIENCE)

        await carol.page.goto(f"{there.page}/#/numbers/+447700900199")
        await carol.page.get_by_label("Name of the new contact").fill("Radia Perlman")
        await carol.page.get_by_role("button", name="Save as contact").click()
        await shows(page_of(carol).locator("h1"), "Radia Perlman")
        await shows(carol.page.locator("#contacts"), "Radia Perlman")
        assert not carol.complaints + dave.complaints
        await look_around(browser, there.page)
    assert "incoming  +442079460007 calls +442079460103" in there.story
    assert "Margaret Hamilton gave up; Carol missed the call" in there.story
    assert there.story.endswith("Stopped; nothing is left running.\n")


async def look_around(browser: Browser, address: str) -> None:
    """Every page at the smallest width and in the dark: nothing is cut off, and axe finds nothing (WCAG 2.2 AA)."""
    axe = (installed() / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")
    for width, scheme in ((320, "dark"), (1360, "light")):
        window = await opened(browser, address, viewport={"width": width, "height": 700}, color_scheme=scheme)
        for place, shows in (("", "Ada Lovelace"), ("#/contacts/c1", "Work"), ("#/calls", "Save as CSV")):
            await window.page.goto(f"{address}/{place}")
            await window.page.locator("main").get_by_text(shows).first.wait_for()
            assert await window.page.evaluate("document.documentElement.scrollWidth") <= width, place
            await window.page.evaluate(axe)
            found = await window.page.evaluate(
                """async () => {
                    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
                    const { violations } = await axe.run({ exclude: ['ctc-panel'] }, { runOnly: tags });
                    return violations.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)]);
                }"""
            )
            assert found == [], (width, place)
        assert not window.complaints
        await window.page.context.close()


async def test_the_desk_gives_no_session_to_other_sites(unused_tcp_port: int) -> None:
    async with (
        desk.serving(unused_tcp_port, base_url="http://127.0.0.1:9", token="t", agent="a@b") as address,
        aiohttp.ClientSession() as session,
    ):
        for headers in ({"Host": "evil.example:80"}, {"Sec-Fetch-Site": "cross-site"}):
            answer = await session.post(f"{address}/session", headers=headers)
            assert answer.status == 403
        page = await session.get(f"{address}/")
        assert "unsafe" not in page.headers["Content-Security-Policy"]
        assert (await session.get(f"{address}/desk.js")).content_type == "text/javascript"
        assert (await session.get(f"{address}/__init__.py")).status == 404
        unreachable = await session.post(f"{address}/session")
        assert (unreachable.status, await unreachable.json()) == (
            502,
            {"detail": "The telephone service cannot be reached."},
        )


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ({}, {"Origin": "https://evil.example"}, 403),
        ({}, {"Host": "evil.example:80"}, 403),
        ({"from": "+443069990999"}, {}, 422),
        ({"agent": "mallory@getdesk.example"}, {}, 422),
        ({}, {"Origin": "http://desk"}, 502),
    ],
)
async def test_only_the_desk_and_this_machine_can_have_a_known_customer_call(
    query: dict[str, str], headers: dict[str, str], status: int
) -> None:
    #: An Asterisk that is another program, and places no call.
    async with TestServer(aiohttp.web.Application()) as other:
        node = Node(name="other", ari_url=str(other.make_url("/ari")), password="p")
        carrier = SimulatedCarrier(node, ["http://desk"]).application()
        async with TestServer(carrier) as served, aiohttp.ClientSession() as session:
            assert len(await (await session.get(served.make_url("/callers"))).json()) == len(CALLERS)
            answer = await session.post(served.make_url("/calls"), params=query, headers=headers)
            assert answer.status == status
            assert answer.headers.get("Access-Control-Allow-Origin") == (headers["Origin"] if status == 502 else None)
