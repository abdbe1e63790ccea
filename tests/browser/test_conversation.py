"""The browser as a phone, heard on both sides: a real Chromium, a real Asterisk, and a customer with a tone."""

from __future__ import annotations

import asyncio

from playwright.async_api import BrowserContext

from tests import phones
from tests.browser.stage import CUSTOMER, MICROPHONE, Stage, Window
from tests.integration.world import number


async def ready(crm: Stage, context: BrowserContext, **more: str) -> Window:
    """A window that is Anna's phone."""
    window = await crm.open(context, **more)
    await window.mode("idle")
    await window.use("web")
    await window.ready()
    return window


async def talking(crm: Stage, context: BrowserContext) -> tuple[Window, str]:
    window = await ready(crm, context)
    return window, await crm.talk(window)


async def customer_hears(crm: Stage) -> phones.Sound:
    """What is said to her now; bursts, so the loudest moment counts."""
    sound = await crm.customer.listen(1.2)
    return max(sound.pieces(0.2), key=lambda piece: piece.level, default=sound)


async def test_both_hear_each_other(crm: Stage, context: BrowserContext) -> None:
    window, call_id = await talking(crm, context)
    await window.until_hears(CUSTOMER)
    heard = await customer_hears(crm)
    assert heard.has(MICROPHONE)
    call = await crm.desk.call(call_id)
    assert (call["device"], call["state"]) == ("web", "talking")
    await window.control("hangup")
    await window.mode("wrap_up")
    assert (await crm.desk.until(call_id, "ended"))["end_reason"] == "completed"
    assert not [text for text in window.complaints if "Policy" in text]


async def test_the_settings_show_what_the_microphone_picks_up(crm: Stage, context: BrowserContext) -> None:
    window = await ready(crm, context)
    await window.press("Settings")
    await window.page.wait_for_function(
        """() => {
            const settings = document.querySelector('ctc-panel').shadowRoot.querySelector('ctc-audio-settings');
            return Number(settings?.shadowRoot.querySelector('[role=meter]')?.ariaValueNow ?? 0) > 20;
        }"""
    )
    assert await window.panel.get_by_label("Microphone", exact=True).locator("option").count() > 1


async def test_media_is_encrypted_and_its_quality_is_shown(crm: Stage, context: BrowserContext) -> None:
    window, _ = await talking(crm, context)
    transport = await window.page.evaluate(
        """async () => {
            const reports = [...(await window.connections.at(-1).getStats()).values()];
            const { dtlsState, srtpCipher } = reports.find((report) => report.type === 'transport');
            return { dtlsState, srtpCipher };
        }"""
    )
    assert transport["dtlsState"] == "connected"
    assert transport["srtpCipher"]
    await window.panel.locator(".bars:is(.b3, .b4)").wait_for()


async def test_muted_the_customer_hears_silence_and_is_still_heard(crm: Stage, context: BrowserContext) -> None:
    window, _ = await talking(crm, context)
    await window.until_hears(CUSTOMER)
    await window.control("mute")
    await window.says("You are muted")
    await asyncio.sleep(0.4)
    assert (await customer_hears(crm)).level < 0.002
    await window.until_hears(CUSTOMER)
    await window.control("mute")
    await window.panel.get_by_text("You are muted").wait_for(state="detached")
    await asyncio.sleep(0.4)
    assert (await customer_hears(crm)).has(MICROPHONE)


async def test_on_hold_the_customer_hears_music_and_the_agent_nothing(crm: Stage, context: BrowserContext) -> None:
    window, _ = await talking(crm, context)
    await window.control("hold")
    await window.says("On hold")
    await asyncio.sleep(1.0)
    music = await crm.customer.listen(1.5)
    assert music.level > 0.005
    assert not music.has(MICROPHONE)
    assert (await window.hears())["level"] < 0.01
    await window.control("hold")
    await window.until_hears(CUSTOMER)
    await asyncio.sleep(0.4)
    assert (await customer_hears(crm)).has(MICROPHONE)


async def test_after_a_reload_the_sound_is_back_and_the_call_never_ended(crm: Stage, context: BrowserContext) -> None:
    window, call_id = await talking(crm, context)
    await window.page.reload()
    await window.mode("talking", timeout=3)
    await window.until_hears(CUSTOMER, timeout=3)
    assert (await customer_hears(crm)).has(MICROPHONE)
    await window.page.reload()
    await window.page.reload()
    await window.until_hears(CUSTOMER, timeout=5)
    assert (await crm.desk.call(call_id))["state"] == "talking"
    assert await crm.desk.exchange.left_over(crm.desk.app)


async def test_of_two_tabs_one_is_the_phone_and_the_other_takes_over(crm: Stage, context: BrowserContext) -> None:
    first, call_id = await talking(crm, context)
    second = await crm.open(context)
    await second.mode("talking")
    assert (await first.state())["phone"] == "ready"
    assert (await second.state())["phone"] == "waiting"
    await second.control("mute")
    await first.says("You are muted")
    await second.control("mute")
    await first.page.close()
    await second.until_hears(CUSTOMER, timeout=5)
    assert (await second.state())["phone"] == "ready"
    assert (await crm.desk.call(call_id))["state"] == "talking"


async def test_another_browser_takes_the_phone_and_gives_it_back(crm: Stage, context: BrowserContext) -> None:
    window, call_id = await talking(crm, context)
    async with crm.context() as elsewhere:
        other = await crm.open(elsewhere)
        await other.mode("talking")
        await other.use("web")
        await other.until_hears(CUSTOMER, timeout=6)
        await window.says("Your phone was opened in another window")
    await window.press("Use this window")
    await window.until_hears(CUSTOMER, timeout=6)
    assert (await crm.desk.call(call_id))["state"] == "talking"


async def test_the_call_moves_to_the_desk_phone_and_back(crm: Stage, context: BrowserContext) -> None:
    window, call_id = await talking(crm, context)
    await window.control("device")
    await window.says("To computer")
    assert (await crm.desk.call(call_id))["device"] == "desk"
    await window.control("device")
    await window.says("To desk phone")
    await window.until_hears(CUSTOMER)
    assert (await crm.desk.call(call_id))["device"] == "web"


async def test_the_same_buttons_drive_the_desk_phone(crm: Stage, context: BrowserContext) -> None:
    window = await crm.open(context)
    await window.use("desk")
    await window.ready()
    call_id = await crm.talk(window)
    assert (await crm.desk.call(call_id))["device"] == "desk"
    await window.control("mute")
    await window.says("You are muted")
    assert (await crm.desk.call(call_id))["muted"] is True
    await window.control("hangup")
    await window.mode("wrap_up")


async def test_a_crm_that_clicks_rings_the_browser_until_it_is_answered(crm: Stage, context: BrowserContext) -> None:
    window = await ready(crm, context)
    call_id = await crm.desk.click("anna", number("answers"), device="web")
    await window.line("rings")
    await window.page.wait_for_function("window.tones > 0")
    await window.control("answer")
    await window.mode("talking")
    await window.until_hears(CUSTOMER)
    assert call_id[0] == 200


async def test_a_call_that_is_declined_says_so(crm: Stage, context: BrowserContext) -> None:
    window = await ready(crm, context)
    _, body = await crm.desk.click("anna", number("answers"), device="web")
    await window.panel.locator('[data-control="answer"]').wait_for()
    await window.control("hangup")
    await window.mode("wrap_up")
    assert (await crm.desk.call(body["call_id"]))["state"] == "ended"


async def test_a_lost_connection_to_asterisk_does_not_end_the_conversation(crm: Stage, context: BrowserContext) -> None:
    window, call_id = await talking(crm, context)
    await window.page.context.set_offline(True)
    await asyncio.sleep(1.0)
    await window.page.context.set_offline(False)
    await window.until_hears(CUSTOMER, timeout=12)
    assert (await crm.desk.call(call_id))["state"] == "talking"


async def test_a_refused_microphone_is_told_and_nothing_pretends_to_work(crm: Stage) -> None:
    async with crm.context("notifications") as context:
        window = await crm.open(context)
        await window.use("web")
        await window.mode("idle")
        await window.call(number("answers"))
        await window.says("The browser may not use the microphone")


async def test_an_unplugged_microphone_is_told_and_the_next_one_is_taken(crm: Stage, context: BrowserContext) -> None:
    window, _ = await talking(crm, context)
    await window.page.evaluate(
        """() => {
            const devices = navigator.mediaDevices;
            devices.getUserMedia = () => Promise.reject(new DOMException('', 'NotFoundError'));
            const { track } = window.connections.at(-1).getSenders()[0];
            track.stop();
            track.dispatchEvent(new Event('ended'));
        }"""
    )
    await window.says("No microphone was found")
    await window.page.evaluate(
        """() => {
            delete navigator.mediaDevices.getUserMedia;
            navigator.mediaDevices.dispatchEvent(new Event('devicechange'));
        }"""
    )
    await window.panel.get_by_text("No microphone was found").wait_for(state="detached")
    assert (await customer_hears(crm)).has(MICROPHONE)


async def test_a_page_of_another_origin_cannot_ride_along(crm: Stage, context: BrowserContext) -> None:
    session = await crm.session()
    page = await context.new_page()
    await page.goto(crm.crm.replace("127.0.0.1", "localhost") + f"/?base-url={crm.desk.address}/")
    outcome = await page.evaluate(
        """async ({ base, session }) => {
            const headers = { Authorization: `Bearer ${session}` };
            const ask = (path, method) =>
                fetch(`${base}/api/v1/${path}`, { method, headers }).then(() => 'read', () => 'refused');
            return [await ask('calls', 'GET'), await ask('sip-tickets', 'POST')];
        }""",
        {"base": crm.desk.address, "session": session},
    )
    assert outcome == ["refused", "refused"]
