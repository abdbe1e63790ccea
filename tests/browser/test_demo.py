"""`ctc-ari demo`, as a newcomer uses it: open the desk, click a number, talk, hold, transfer, see it in the list."""

from __future__ import annotations

from pathlib import Path

import aiohttp

from tests.browser.chromium import launched
from tests.browser.stage import MICROPHONE, SPY, Window, microphone
from tests.demos import demo


async def test_a_newcomer_talks_holds_transfers_and_sees_it(tmp_path: Path) -> None:
    async with demo(tmp_path) as there, launched(microphone=microphone(tmp_path)) as browser:
        context = await browser.new_context(viewport={"width": 1280, "height": 800})
        await context.grant_permissions(["microphone"], origin=there.page)
        await context.add_init_script(SPY)
        page = await context.new_page()
        window = Window(page)
        page.on("pageerror", lambda error: window.complaints.append(str(error)))
        await page.goto(there.page)
        await window.ready()
        await page.get_by_role("button", name="Grace Hopper").click()
        await page.get_by_role("button", name="+442079460001").click()
        await window.mode("talking")
        assert (await window.hears(1.5))["level"] > 0.001
        await window.control("hold")
        await window.says("On hold")
        await window.control("hold")
        await window.panel.get_by_text("On hold").wait_for(state="detached")
        await window.control("transfer")
        await window.panel.locator("input").fill("alice")
        await window.press("Ask first: Alice")
        await window.says("talks with you")
        #: Alice's phone sends back what it hears.
        await window.until_hears(MICROPHONE, timeout=8)
        await window.control("complete")
        await window.mode("wrap_up")
        await page.get_by_text("Grace Hopper was transferred").wait_for()
        assert not window.complaints


async def test_the_desk_gives_no_session_to_other_sites(unused_tcp_port: int) -> None:
    from ctc_ari.demo import desk

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
