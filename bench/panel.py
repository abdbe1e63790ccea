"""The panel: what a page has to load, how soon it can be used, and how soon it shows what happened."""

from __future__ import annotations

import asyncio
import gzip
import logging
import tempfile
from pathlib import Path

import structlog

from ctc_ari.panel import SCRIPT
from tests.browser.stage import Stage, Window, stage
from tests.integration.world import exchange
from tests.store import databases

from .report import Figure, measure, ratio

__all__ = ["panel"]

#: Milliseconds since the navigation began, in the frame in which a number can be typed.
_USABLE = """() => new Promise((resolve) => {
    const look = () => {
        const root = document.querySelector('ctc-panel')?.shadowRoot;
        if (root?.querySelector('[data-mode="idle"] input')) resolve(performance.now());
        else requestAnimationFrame(look);
    };
    look();
})"""
#: Unix milliseconds of each frame in which the mute badge came or went.
_WATCH = """() => {
    window.drawn = [];
    let shown = false;
    const look = () => {
        const root = document.querySelector('ctc-panel').shadowRoot;
        const now = [...root.querySelectorAll('.badge')].some((badge) => badge.textContent.includes('muted'));
        if (now !== shown) window.drawn.push(performance.timeOrigin + performance.now());
        shown = now;
        requestAnimationFrame(look);
    };
    look();
}"""


async def panel(*, rounds: int) -> Figure:
    """With a service, an Asterisk and a browser of its own."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with databases.server() as server, tempfile.TemporaryDirectory() as folder:
        async with exchange() as pbx, stage(pbx, server, Path(folder)) as on, on.context() as context:
            window = await on.open(context)
            await window.mode("idle")
            usable = await _loads(window, rounds)
            await window.use("web")
            await window.ready()
            shown = await _events(on, window, rounds)
    size = len(gzip.compress(SCRIPT.read_bytes(), 9)) / 1000
    use, show = measure("page opened → usable", "ms", usable), measure("event → screen", "ms", shown)
    return Figure(
        "Panel",
        (measure("script, gzipped", "KB", [size]), use, show),
        (
            ratio("panel, gzipped", size, " KB", most=100),
            ratio("panel usable after", use.median, " ms", most=300),
            ratio("event → screen", show.median, " ms", most=50),
        ),
        ("Headless Chromium without a graphics card, on the cores that also run everything else.",),
    )


async def _loads(window: Window, rounds: int) -> list[float]:
    found = []
    for _ in range(rounds):
        await window.page.reload(wait_until="commit")
        found.append(float(await window.page.evaluate(_USABLE)))
    return found


async def _events(on: Stage, window: Window, rounds: int) -> list[float]:
    """From when the service heard from Asterisk to the frame that shows it, on one clock."""
    call_id = await on.talk(window)
    await window.page.evaluate(_WATCH)
    before = len(on.desk.heard)
    for position in range(rounds * 2):
        await on.desk.api("DELETE" if position % 2 else "PUT", f"/api/v1/calls/{call_id}/mute")
        await asyncio.sleep(0.2)
    drawn = await window.page.evaluate("window.drawn")
    told = [happening.at * 1000 for happening in on.desk.heard[before:] if "muted" in happening.event]
    await on.desk.api("DELETE", f"/api/v1/calls/{call_id}")
    await on.desk.nothing_left()
    return [after - at for at, after in zip(told, drawn, strict=True)]
