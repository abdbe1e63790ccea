"""`ctc-ari demo`, as a newcomer uses it: open the desk, click a number, talk, hold, transfer, see it in the list."""

from __future__ import annotations

import asyncio
import random
import re
import signal
import sys
from pathlib import Path

import aiohttp

from tests.browser.chromium import launched
from tests.browser.stage import MICROPHONE, SPY, Window, microphone


async def desk_of(output: asyncio.StreamReader) -> str:
    """What the demo tells to open."""
    address = ""
    async with asyncio.timeout(120):
        while line := (await output.readline()).decode():
            found = re.search(r"Open (http://\S+) in a browser", line)
            address = found[1] if found else address
            if "Ctrl-C stops" in line:
                return address
    raise AssertionError("the demo ended")


async def test_a_newcomer_talks_holds_transfers_and_sees_it(tmp_path: Path) -> None:
    demo = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ctc_ari", "demo", "--port", str(random.randrange(20000, 30000)),
        cwd=tmp_path, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert demo.stdout
    try:
        address = await desk_of(demo.stdout)
        async with launched(microphone=microphone(tmp_path)) as browser:
            context = await browser.new_context(viewport={"width": 1280, "height": 800})
            await context.grant_permissions(["microphone"], origin=address)
            await context.add_init_script(SPY)
            page = await context.new_page()
            window = Window(page)
            page.on("pageerror", lambda error: window.complaints.append(str(error)))
            await page.goto(address)
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
    finally:
        demo.send_signal(signal.SIGINT)
        await asyncio.wait_for(demo.communicate(), 20)


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
