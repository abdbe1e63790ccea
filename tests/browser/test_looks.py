"""Every state of the panel, drawn at a fixed moment: who can use it, and whether it still looks the same.

`CTC_LOOKS=write` draws the pictures in `looks/` anew; `python -m tests.browser.gallery` puts them into `docs/images`.
"""

from __future__ import annotations

import base64
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.browser.pretend import ANNA, CALL, NOW, TRANSFER, Pretend, pretend
from tests.panel.modules import installed

LOOKS = Path(__file__).parent / "looks"
#: Share of pixels that may differ: another build of the browser smooths letters a little differently.
TOLERANCE = 0.02
RINGING = {**CALL, "state": "ringing_agent", "answered_at": None, "agent_answered_at": None}
HOSTILE = "<img src=x onerror=alert(1)>\u202e evil &lt;b&gt; " + "a" * 60

Setup = Callable[[Pretend], Awaitable[None]]


async def nothing(_: Pretend) -> None:
    """It shows itself."""


async def types(scene: Pretend, text: str) -> None:
    await scene.window.panel.locator("input").fill(text)
    await scene.page.clock.run_for(400)
    await scene.window.panel.get_by_text("Searching …").wait_for(state="hidden")


async def searching(scene: Pretend) -> None:
    await types(scene, "gra")
    await scene.window.says("Grace Murray Bell")


async def finding_nobody(scene: Pretend) -> None:
    scene.refuses["contacts"] = (503, "database_unreachable")
    await types(scene, "zzz")
    await scene.window.says("Nobody found")


async def dialling(scene: Pretend) -> None:
    await scene.window.press("Keypad")
    await scene.page.keyboard.type("020 7946 0")


async def settings(scene: Pretend) -> None:
    await scene.window.press("Settings")
    await scene.window.says("Microphone level")


async def keys(scene: Pretend) -> None:
    await scene.window.control("keypad")
    for digit in "12#":
        await scene.window.press(digit)


async def transferring(scene: Pretend) -> None:
    await scene.window.control("transfer")
    await searching(scene)


async def ending(scene: Pretend) -> None:
    scene.tell("ended", state="ended", ended_at="2026-03-02T09:41:00.000Z", end_reason="completed")
    await scene.window.panel.get_by_role("button", name="Call back").click()
    await scene.window.panel.locator("textarea").fill("Wants a quote for 20 seats. Send it by Friday.")


async def losing_the_service(scene: Pretend) -> None:
    await scene.lose()
    await scene.window.says("The connection to the telephone service is lost")


async def opened_elsewhere(scene: Pretend) -> None:
    await scene.sip_closes(4409)
    await scene.window.says("Use this window")


async def refused_call(scene: Pretend) -> None:
    scene.refuses["calls"] = (422, "agent_offline")
    await types(scene, "02079460011")
    await scene.page.keyboard.press("Enter")
    await scene.window.says("Your phone is not registered")


async def losing_the_phone(scene: Pretend) -> None:
    scene.refuses["sip"] = (503, "")
    await scene.sip_closes(4503)
    await scene.page.clock.run_for(5000)
    await scene.window.says("connection to the telephone system is lost")


async def without_asterisk(scene: Pretend) -> None:
    await scene.window.says("The telephone system cannot be reached")


async def without_database(scene: Pretend) -> None:
    await scene.window.says("A call that is up goes on")


async def without_microphone(scene: Pretend) -> None:
    await scene.page.evaluate(
        """() => {
            const missing = () => Promise.reject(new DOMException('', 'NotFoundError'));
            navigator.mediaDevices.getUserMedia = missing;
        }"""
    )
    await scene.window.press("Settings")
    await scene.window.says("No microphone was found")


async def losing_the_sound(scene: Pretend) -> None:
    while not any(name == "calls/call-1/device" for _, name, _ in scene.asked):
        await scene.page.clock.run_for(100)
    await scene.page.clock.run_for(9000)
    await scene.window.says("its sound is not in this window")


async def missed(scene: Pretend) -> None:
    await scene.window.control("onlyMissed")
    await scene.window.panel.locator("li").nth(1).wait_for(state="hidden")


async def handing_over(scene: Pretend) -> None:
    scene.tell("transfer_started", **TO_ANNA)
    await scene.window.says("asks you about a call")


async def handed_over(scene: Pretend) -> None:
    scene.tell("transfer_started", **TO_ANNA)
    scene.tell("transfer_answered", **{**TO_ANNA, "transfer": {**TO_ANNA["transfer"], "state": "talking"}})
    await scene.window.says("You are talking with")


async def ringing_by_itself(scene: Pretend) -> None:
    scene.ring("Carol Diaz")
    await scene.window.panel.locator('[data-mode="idle"]').wait_for()
    await scene.page.clock.run_for(2000)
    await scene.window.says("Your phone is ringing")


async def unanswered(scene: Pretend) -> None:
    scene.tell("ended", **{**RINGING, "state": "ended", "ended_at": NOW, "end_reason": "customer_busy"})
    await scene.window.panel.get_by_role("button", name="Call again").wait_for()


async def keeping_notes(scene: Pretend) -> None:
    scene.refuses["call-log/call-1"] = (404, "call_not_found")
    await ending(scene)
    await scene.window.control("save")
    await scene.window.says("Your notes are kept here")


async def popping_out(scene: Pretend) -> None:
    await scene.page.evaluate("window.open = () => ({ closed: false })")
    await scene.window.press("Open in a window of its own")
    await scene.window.says("Your phone is in a window of its own")


async def signed_out(scene: Pretend) -> None:
    scene.refuses["sessions/current"] = (401, "unauthorized")
    await scene.page.reload()
    await scene.window.says("You are signed out")


BEN = TRANSFER["agent"]
#: A call of Ben's, on its way to Anna.
TO_ANNA: dict[str, Any] = {
    "agent": BEN,
    "transfer": {**TRANSFER, "to": ANNA["email"], "agent": ANNA, "state": "ringing"},
}
SUPERVISED = [
    {"id": "s1", "agent": BEN, "mode": "listen", "state": "joined"},
    {"id": "s2", "agent": {**BEN, "name": "Carol Diaz"}, "mode": "whisper", "state": "joined"},
]
INBOUND = {**RINGING, "direction": "inbound", "did": "+442079460720"}
#: An address that is none, of a contact whom somebody else wrote.
SCRIPT = {"id": "x", "name": HOSTILE, "url": "javascript:alert(1)"}


def with_transfer(**changes: Any) -> dict[str, Any]:
    return {**CALL, "transfer": {**TRANSFER, **changes}}


#: Name -> what is going on, and what the agent does.
SCENES: dict[str, tuple[list[dict[str, Any]], Setup, dict[str, Any]]] = {
    "idle": ([], nothing, {}),
    "first-day": ([], nothing, {"recent": []}),
    "search": ([], searching, {}),
    "search-nobody": ([], finding_nobody, {}),
    "keypad": ([], dialling, {}),
    "missed": ([], missed, {}),
    "offered": ([INBOUND], nothing, {}),
    "offered-desk": ([INBOUND], nothing, {"device": "desk"}),
    "offered-unknown": ([{**INBOUND, "contact": None}], nothing, {}),
    "offered-withheld": ([{**INBOUND, "contact": None, "number": ""}], nothing, {}),
    "desk-rings": ([{**RINGING, "device": "desk"}], nothing, {"device": "desk"}),
    "customer-rings": ([{**CALL, "state": "ringing_customer", "answered_at": None}], nothing, {}),
    "talking": ([{**CALL, "device": "desk"}], nothing, {"device": "desk"}),
    "muted-recording": ([{**CALL, "device": "desk", "muted": True, "recording": True}], nothing, {"device": "desk"}),
    "held": ([{**CALL, "device": "desk", "held": True}], nothing, {"device": "desk"}),
    "supervised": (
        [
            {
                **CALL,
                "device": "desk",
                "supervisors": SUPERVISED,
                "contact": {**CALL["contact"], "url": "https://crm.example.com/1"},
            }
        ],
        nothing,
        {"device": "desk"},
    ),
    "sound-elsewhere": ([CALL], losing_the_sound, {"refuses": {"calls/call-1/device": (409, "wrong_state")}}),
    "keys": ([CALL], keys, {}),
    "transfer": ([CALL], transferring, {}),
    "consult-rings": ([with_transfer(state="ringing")], nothing, {}),
    "consult": ([with_transfer()], nothing, {}),
    "consult-swapped": ([with_transfer(talking_with="customer")], nothing, {}),
    "transfer-failed": (
        [{**with_transfer(state="failed", reason="busy"), "device": "desk"}],
        nothing,
        {"device": "desk"},
    ),
    "handover": ([], handing_over, {}),
    "handover-talking": ([], handed_over, {}),
    "line": ([], ringing_by_itself, {}),
    "notes": ([CALL], ending, {}),
    "notes-kept": ([CALL], keeping_notes, {}),
    "unanswered": ([RINGING], unanswered, {}),
    "settings": ([], settings, {}),
    "service-lost": ([{**CALL, "device": "desk"}], losing_the_service, {"device": "desk"}),
    "asterisk-lost": ([], without_asterisk, {"failing": "asterisk"}),
    "database-lost": ([{**CALL, "device": "desk"}], without_database, {"device": "desk", "failing": "database"}),
    "phone-lost": ([], losing_the_phone, {}),
    "microphone-missing": ([], without_microphone, {}),
    "elsewhere": ([], opened_elsewhere, {}),
    "popped-out": ([], popping_out, {}),
    "refused": ([], refused_call, {}),
    "hostile": ([{**CALL, "device": "desk", "contact": SCRIPT}], nothing, {"device": "desk"}),
    "signed-out": ([], signed_out, {}),
}


#: What axe objects to, with the elements.
AXE = """async () => {
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    const rules = { region: { enabled: false }, 'page-has-heading-one': { enabled: false } };
    const { violations } = await axe.run(document.querySelector('ctc-panel'), { runOnly: tags, rules });
    const told = ({ html, any }) => html + (any[0]?.message ?? '');
    return violations.map(({ id, nodes }) => [id, ...nodes.map(told)]);
}"""


@asynccontextmanager
async def scene(browser: Browser, name: str, *, width: int = 360, **query: str) -> AsyncIterator[Pretend]:
    """The panel in that state."""
    calls, setup, more = SCENES[name]
    async with pretend(browser, viewport={"width": width, "height": 800}, reduced_motion="reduce") as made:
        made.calls, made.device = calls, more.get("device", "web")
        made.recent = more.get("recent", made.recent)
        made.refuses |= more.get("refuses", {})
        made.parts |= {more["failing"]: "away"} if "failing" in more else {}
        await made.open(theme="light", **query)
        if calls:
            there = "[data-mode]:not([data-mode=loading], [data-mode=idle])"
            await made.window.panel.locator(there).wait_for()
        elif "failing" not in more:
            await made.window.says("Ready" if query.get("lang", "en") == "en" else "Bereit")
        await setup(made)
        yield made
        assert not made.window.complaints


async def differing(browser: Browser, one: bytes, other: bytes) -> float:
    """The share of pixels that are not alike."""
    if one == other:
        return 0.0
    page = await browser.new_page()
    try:
        share: float = await page.evaluate(
            """async (pictures) => {
                const [a, b] = await Promise.all(pictures.map(async (data) => {
                    const image = new Image();
                    image.src = `data:image/png;base64,${data}`;
                    await image.decode();
                    const canvas = new OffscreenCanvas(image.width, image.height).getContext('2d');
                    canvas.drawImage(image, 0, 0);
                    return canvas.getImageData(0, 0, image.width, image.height);
                }));
                if (a.width !== b.width || a.height !== b.height) return 1;
                let wrong = 0;
                for (let i = 0; i < a.data.length; i += 4) {
                    const far = [0, 1, 2].some((channel) => Math.abs(a.data[i + channel] - b.data[i + channel]) > 48);
                    if (far) wrong += 1;
                }
                return wrong / (a.data.length / 4);
            }""",
            [base64.b64encode(picture).decode() for picture in (one, other)],
        )
        return share
    finally:
        await page.close()


@pytest.mark.parametrize("name", SCENES)
async def test_it_looks_as_it_was_drawn_and_everybody_can_use_it(browser: Browser, name: str) -> None:
    """In light and dark; WCAG 2.2 AA, as far as axe can tell."""
    async with scene(browser, name) as made:
        await made.page.mouse.move(0, 0)
        await made.page.evaluate((installed() / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8"))
        for theme in ("light", "dark"):
            await made.page.evaluate(
                "(theme) => document.querySelector('ctc-panel').setAttribute('theme', theme)", theme
            )
            await made.page.clock.run_for(200)
            picture = await made.window.panel.screenshot(animations="disabled", caret="hide")
            path = LOOKS / f"{name}{'-dark' if theme == 'dark' else ''}.png"
            if os.environ.get("CTC_LOOKS") == "write":
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(picture)
            assert path.exists(), "draw it with CTC_LOOKS=write, and look at it"
            assert await differing(browser, path.read_bytes(), picture) <= TOLERANCE, path.name
            assert await made.page.evaluate(AXE) == [], theme


@pytest.mark.parametrize("lang", ["en", "de"])
@pytest.mark.parametrize("name", [name for name in SCENES if SCENES[name][1] is nothing])
async def test_nothing_is_cut_off_at_320_pixels(browser: Browser, name: str, lang: str) -> None:
    async with scene(browser, name, width=320, lang=lang) as made:
        cut = await made.page.evaluate(
            """() => [...document.querySelector('ctc-panel').shadowRoot.querySelectorAll('*')]
                .filter((each) => each.getBoundingClientRect().right > 320.5 && !each.closest('.sr'))
                .map((each) => each.outerHTML.slice(0, 120))"""
        )
        assert cut == []
        assert await made.page.evaluate("document.documentElement.scrollWidth") <= 320


async def test_the_keyboard_reaches_everything_and_shows_where_it_is(browser: Browser) -> None:
    async with scene(browser, "talking") as made:
        await made.page.evaluate("document.activeElement.blur()")
        reached: list[str] = []
        for _ in range(14):
            await made.page.keyboard.press("Tab")
            found = await made.page.evaluate(
                """() => {
                    const focused = document.querySelector('ctc-panel').shadowRoot.activeElement;
                    if (!focused) return null;
                    const { outlineStyle, outlineWidth } = getComputedStyle(focused);
                    const name = focused.getAttribute('aria-label') ?? focused.innerText;
                    return [name.trim(), outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2];
                }"""
            )
            if found:
                assert found[1], found
                reached.append(found[0])
        for name in (
            "Desk phone",
            "Settings",
            "Mute",
            "Hold",
            "Keypad",
            "Transfer",
            "Record",
            "To computer",
            "Hang up",
        ):
            assert name in reached


async def test_a_screen_reader_is_told_what_changes(browser: Browser) -> None:
    async with scene(browser, "customer-rings") as made:
        live = made.window.panel.locator('[aria-live="polite"]')
        await expect(live.first).to_have_text("Calling Grace Hopper")
        made.tell("answered")
        await made.window.mode("talking")
        await expect(live.first).to_have_text("Connected with Grace Hopper")
        made.tell("muted", muted=True)
        await made.window.says("You are muted")
        await expect(live.first).to_have_text("Muted")
