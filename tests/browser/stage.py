"""A CRM's page in a real browser, with the panel in it, in front of the whole service on a real Asterisk."""

from __future__ import annotations

import asyncio
import struct
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from math import pi, sin
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Locator, Page
from playwright.async_api import Error as PlaywrightError

from ctc_ari.config import RingTimeout, Server
from ctc_ari.panel import SCRIPT
from tests import phones
from tests.browser.chromium import launched
from tests.integration.world import Exchange, World, email, number, world
from tests.store import databases

__all__ = ["CUSTOMER", "DID", "MICROPHONE", "SPY", "Stage", "Window", "crm", "microphone", "stage"]

HERE = Path(__file__).parent
Pages = dict[str, Callable[[], Awaitable[web.Response]]]
#: Hertz: what the customer plays, and what the browser's microphone picks up.
CUSTOMER, MICROPHONE = 1000.0, 600.0
#: Whoever calls this number is rung through to Ines, whose desk phone nobody picks up.
DID = "+442079460720"

#: Keeps every RTCPeerConnection of the page, so that what arrives can be measured, and counts the tones of the ring.
SPY = """
window.connections = [];
const Original = RTCPeerConnection;
window.RTCPeerConnection = class extends Original {
  constructor(...given) { super(...given); window.connections.push(this); }
};
window.tones = 0;
const start = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (...given) { window.tones += 1; start.apply(this, given); };
window.listen = async (milliseconds) => {
  const connection = window.connections.at(-1);
  const track = connection?.getReceivers()[0]?.track;
  if (!track) return { level: 0, hertz: 0 };
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 16384;
  analyser.smoothingTimeConstant = 0;
  context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  const spectrum = new Float32Array(analyser.frequencyBinCount);
  const samples = new Float32Array(analyser.fftSize);
  analyser.getFloatFrequencyData(spectrum);
  analyser.getFloatTimeDomainData(samples);
  const loudest = spectrum.indexOf(Math.max(...spectrum));
  const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
  await context.close();
  return { level: Math.sqrt(power), hertz: (loudest * context.sampleRate) / analyser.fftSize };
};
"""


@dataclass
class Window:
    """One tab with the panel."""

    page: Page
    #: What the browser complained about.
    complaints: list[str] = field(default_factory=list)

    @property
    def panel(self) -> Locator:
        """The element; Playwright looks into its shadow."""
        return self.page.locator("ctc-panel")

    async def mode(self, wanted: str, timeout: float = 10.0) -> None:
        """Wait until the panel shows this (`idle`, `talking`, …)."""
        await self._shown(self.panel.locator(f'[data-mode="{wanted}"]'), wanted, timeout)

    async def says(self, text: str, timeout: float = 10.0) -> None:
        """Wait until this can be read."""
        await self._shown(self.panel.get_by_text(text).first, text, timeout)

    async def _shown(self, what: Locator, name: str, timeout: float) -> None:
        try:
            await what.wait_for(timeout=timeout * 1000)
        except PlaywrightError:
            raise AssertionError(f"never shown: {name}; {await self.state()}, {self.complaints}") from None

    async def press(self, name: str) -> None:
        """A button, by what it is called."""
        await self.panel.get_by_role("button", name=name, exact=True).click()

    async def control(self, name: str) -> None:
        """A button of a call, by its id."""
        await self.panel.locator(f'[data-control="{name}"]').click()

    async def use(self, device: str) -> None:
        """`web` or `desk`."""
        await self.panel.locator(f'[data-device="{device}"]').click()

    async def ready(self, timeout: float = 10.0) -> None:
        """The panel can place calls from where it is."""
        await self.says("Ready", timeout)

    async def line(self, *wanted: str, timeout: float = 4.0) -> None:
        """Wait until the telephone in this window does that (`rings`, `talks`, …)."""
        try:
            await self.page.wait_for_function(
                "(wanted) => wanted.includes(document.querySelector('ctc-panel').state?.line)",
                arg=[*wanted],
                timeout=timeout * 1000,
            )
        except PlaywrightError:
            raise AssertionError(f"never {wanted}: {await self.state()}, {self.complaints}") from None

    async def state(self) -> dict[str, Any]:
        """What the panel holds for true."""
        found: dict[str, Any] = await self.page.evaluate("document.querySelector('ctc-panel').state")
        return found

    async def call(self, to: str) -> None:
        """Through the element's own method."""
        await self.page.evaluate("(to) => document.querySelector('ctc-panel').call(to)", to)

    async def hears(self, seconds: float = 0.7) -> dict[str, float]:
        """Level and loudest frequency of what arrives now."""
        found: dict[str, float] = await self.page.evaluate("(ms) => window.listen(ms)", seconds * 1000)
        return found

    async def until_hears(self, hertz: float, timeout: float = 5.0) -> None:
        """Wait until this tone arrives."""
        deadline = asyncio.get_running_loop().time() + timeout
        while True:
            heard = await self.hears(0.4)
            if heard["level"] > 0.01 and abs(heard["hertz"] - hertz) < 15:
                return
            assert asyncio.get_running_loop().time() < deadline, heard


@dataclass
class Stage:
    """The service, the CRM's page, a customer, and a browser."""

    desk: World
    customer: phones.Baresip
    crm: str
    browser: Browser
    #: What else the CRM's web server answers, by path.
    pages: Pages = field(default_factory=dict)

    async def session(self, agent: str = "anna") -> str:
        """As the CRM's server gets it."""
        status, body = await self.desk.api("POST", "/api/v1/sessions", json={"email": email(agent)})
        assert status == 201, body
        return str(body["session"])

    @asynccontextmanager
    async def context(self, *allowed: str, **more: Any) -> AsyncIterator[BrowserContext]:
        """A browser profile of its own."""
        context = await self.browser.new_context(**{"viewport": {"width": 360, "height": 720}} | more)
        await context.grant_permissions(list(allowed) or ["microphone"], origin=self.crm)
        await context.add_init_script(SPY)
        try:
            yield context
        finally:
            await context.close()

    async def open(
        self, context: BrowserContext, *, session: str | None = None, origin: str = "", **more: str
    ) -> Window:
        """A tab with the CRM's page."""
        page = await context.new_page()
        window = Window(page)
        page.on("console", lambda message: _note(window, message))
        page.on("pageerror", lambda error: window.complaints.append(str(error)))
        query = {"base-url": f"{self.desk.address}/", "session": session or await self.session(), "lang": "en", **more}
        await page.goto(f"{origin or self.crm}/?{urlencode(query)}")
        return window

    async def talk(self, window: Window) -> str:
        """A conversation between this window and the customer; the call's id."""
        await window.call(number("answers"))
        await window.mode("talking")
        call_id: str = (await window.state())["calls"][0]["id"]
        return call_id


def _note(window: Window, message: ConsoleMessage) -> None:
    if message.type in ("error", "warning"):
        window.complaints.append(message.text)


def microphone(folder: Path) -> Path:
    """A WAV of bursts: noise suppression takes a steady tone away."""
    path = folder / "microphone.wav"
    rate = 48000
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        on = [round(16000 * sin(2 * pi * MICROPHONE * n / rate)) for n in range(rate * 3 // 10)]
        file.writeframes(struct.pack(f"<{rate // 2}h", *on, *([0] * (rate // 2 - len(on)))) * 20)
    return path


@asynccontextmanager
async def crm(port: int, pages: Pages) -> AsyncIterator[str]:
    """A CRM's web server with a strict policy; yields its origin."""
    app = web.Application()

    async def page(request: web.Request) -> web.Response:
        if request.path not in pages:
            raise web.HTTPNotFound
        return await pages[request.path]()

    async def serve(request: web.Request) -> web.Response:
        name = request.match_info["name"] or "crm.html"
        base = request.query.get("base-url", "")
        connect = f"{base} {base.replace('http', 'ws')}"
        policy = f"default-src 'none'; style-src 'self'; script-src 'self' {base}; connect-src {connect}"
        kind = {"html": "text/html", "css": "text/css", "js": "text/javascript"}[name.rpartition(".")[2]]
        return web.Response(
            body=(HERE / name).read_bytes(),
            content_type=kind,
            charset="utf-8",
            headers={"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"},
        )

    app.router.add_get(r"/{name:|crm\.css|crm\.js}", serve)
    app.router.add_route("*", "/{path:.+}", page)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def stage(pbx: Exchange, server: databases.Server, folder: Path) -> AsyncIterator[Stage]:
    """Everything, with Anna, who has a desk phone that answers and may use her browser, and Wanda, who usually does."""
    assert SCRIPT.exists(), "the panel was not built: run scripts/install.py again"
    called = number("answers").removeprefix("+")
    async with AsyncExitStack() as stack:
        customer = await stack.enter_async_context(
            phones.baresip_phone(called, tone=CUSTOMER, answer=True, port=pbx.callers[0])
        )
        pages: Pages = {}
        origin = await stack.enter_async_context(crm(phones.free_port(), pages))
        desk = await stack.enter_async_context(
            world(
                pbx,
                server,
                app=pbx.config.asterisk.app,
                routes={DID: email("ines")},
                ring_timeout=RingTimeout(agent=15, customer=10),
                http=Server(port=0, allowed_origins=(origin,)),
                trunk=f"PJSIP/ctc-phone/sip:{{number}}@127.0.0.1:{customer.port}",
            )
        )
        await desk.hire("anna", f"sip:answers@127.0.0.1:{pbx.agents.port}")
        await desk.hire("ines", f"sip:rings@127.0.0.1:{pbx.agents.port}")
        await desk.hire("wanda", f"sip:rings@127.0.0.1:{pbx.agents.port}")
        await desk.api("PATCH", f"/api/v1/agents/{email('wanda')}", json={"device": "web"})
        browser = await stack.enter_async_context(launched(microphone=microphone(folder)))
        yield Stage(desk, customer, origin, browser, pages)
