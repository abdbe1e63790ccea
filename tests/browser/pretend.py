"""A service that says what a test wants it to say, so that every state of the panel can be looked at at leisure."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from playwright.async_api import Browser, Page, Route, WebSocketRoute

from ctc_ari.panel import SCRIPT
from tests.browser.stage import HERE, Window

__all__ = ["ANNA", "CALL", "Pretend", "pretend"]

ORIGIN = "http://127.0.0.1:9"
NOW = "2026-03-02T09:41:00Z"
ANNA = {"email": "anna@example.com", "name": "Anna Berg", "extension": "1001"}
GRACE = {"id": "c1", "name": "Grace Hopper", "company": "Remington Rand"}
CALL: dict[str, Any] = {
    "id": "call-1", "direction": "outbound", "state": "talking", "agent": ANNA, "device": "web", "contact": GRACE,
    "number": "+442079460011", "muted": False, "held": False, "recording": False, "recordings": [], "transfer": None,
    "transferred_from": None, "moving_to": None, "supervisors": [], "did": None, "rung": [], "missed": False,
    "created_at": "2026-03-02T09:38:10.000Z", "agent_answered_at": "2026-03-02T09:38:14.000Z",
    "answered_at": "2026-03-02T09:38:29.000Z", "ended_at": None, "end_reason": None, "ended_by": None,
}  # fmt: skip
TRANSFER: dict[str, Any] = {
    "id": "t1", "mode": "attended", "to": "ben@example.com", "state": "talking", "reason": None,
    "agent": {"email": "ben@example.com", "name": "Ben Adeyemi", "extension": "1002"},
    "talking_with": "target", "by": "api", "started_at": NOW, "ended_at": None, "call_id": None,
}  # fmt: skip


def past(name: str | None, number: str, direction: str, minutes: int, talk: int, **more: Any) -> dict[str, Any]:
    """A line of the call log."""
    hour, minute = divmod(9 * 60 + 41 - minutes, 60)
    day = 2
    while hour < 0:
        hour, day = hour + 24, day - 1
    return {
        "id": f"past-{minutes}", "calls": [f"past-{minutes}"], "direction": direction, "number": number,
        "contact": {"id": f"c-{minutes}", "name": name} if name else None, "agents": [{**ANNA, "talked": talk > 0}],
        "disposition": "answered" if talk else "no_answer", "talk_seconds": talk, "notes": None, "outcome": None,
        "started_at": f"2026-03-{day:02}T{hour:02}:{minute:02}:00.000Z", **more,
    }  # fmt: skip


RECENT = [
    past("Grace Hopper", "+442079460011", "outbound", 12, 251),
    past("Katherine Johnson", "+442079460012", "inbound", 47, 0, disposition="missed"),
    past(None, "+442079460013", "inbound", 95, 62),
    past("Ada Lovelace, Analytical Engines Ltd", "+442079460014", "outbound", 160, 0, disposition="busy"),
    past("Søren Żółć-Åkesson", "+442079460015", "inbound", 1300, 1804),
]
CONTACTS = [
    {
        **GRACE,
        "numbers": [{"number": "+442079460011", "label": "Office"}, {"number": "+447700900123", "label": "Mobile"}],
    },
    {"id": "c2", "name": "Grace Murray Bell", "company": None, "numbers": [{"number": "+442079460018", "label": None}]},
]
AGENTS = [ANNA, TRANSFER["agent"], {"email": "grace.lee@example.com", "name": "Grace Lee", "extension": "1007"}]


@dataclass
class Pretend:
    """One page whose service is in the test's hands."""

    page: Page
    window: Window
    calls: list[dict[str, Any]] = field(default_factory=list)
    recent: list[dict[str, Any]] = field(default_factory=lambda: RECENT)
    device: str = "web"
    #: Path below /api/v1 -> status and body of a refusal.
    refuses: dict[str, tuple[int, str]] = field(default_factory=dict)
    #: Part of the service -> what /readyz says of it.
    parts: dict[str, str] = field(default_factory=lambda: {"asterisk": "ok", "database": "ok"})
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    _events: WebSocketRoute | None = None
    _sip: WebSocketRoute | None = None
    _id: int = 0

    async def open(self, **query: str) -> None:
        """Load the page."""
        await self.page.goto(
            f"{ORIGIN}/?{urlencode({'base-url': f'{ORIGIN}/', 'session': 'ctcs_a_b', 'lang': 'en'} | query)}"
        )

    def tell(self, event: str, **changes: Any) -> None:
        """An event of the one call."""
        self._id += 1
        message = {"id": self._id, "type": f"call.{event}", "timestamp": NOW, "data": {**CALL, **changes}}
        assert self._events
        self._events.send(json.dumps(message))

    async def lose(self) -> None:
        """The stream breaks, and does not come back."""
        assert self._events
        events, self._events = self._events, None
        self.refuses["events"] = (503, "")
        await events.close(code=1011)

    async def sip_closes(self, code: int) -> None:
        """The browser phone's connection ends."""
        assert self._sip
        await self._sip.close(code=code)

    def ring(self, name: str) -> None:
        """The browser phone is called, and the service tells of no call (RFC 3261, 13.1)."""
        assert self._sip
        lines = (
            "INVITE sip:web-1001@browser.invalid;transport=ws SIP/2.0",
            "Via: SIP/2.0/WS 127.0.0.1:9;branch=z9hG4bKpretend",
            "Max-Forwards: 70",
            f'From: "{name}" <sip:1003@ctc.invalid>;tag=pretend',
            "To: <sip:web-1001@ctc.invalid>",
            "Contact: <sip:ctc@127.0.0.1:9;transport=ws>",
            "Call-ID: pretend",
            "CSeq: 1 INVITE",
            "Content-Length: 0",
        )
        self._sip.send("\r\n".join([*lines, "", ""]))

    async def answer(self, route: Route) -> None:
        """REST, and the page's own files."""
        request = route.request
        path = urlsplit(request.url).path
        if path == "/readyz":
            ready = {*self.parts.values()} == {"ok"}
            await route.fulfill(json={"ready": ready, "parts": self.parts}, status=200 if ready else 503)
            return
        if not path.startswith("/api/"):
            await self._file(route, path)
            return
        name = path.removeprefix("/api/v1/")
        self.asked.append((request.method, name, request.post_data_json if request.post_data else None))
        if name in self.refuses:
            status, code = self.refuses[name]
            await route.fulfill(status=status, json={"code": code, "detail": code, "status": status})
            return
        query = parse_qs(urlsplit(request.url).query)
        wanted = query.get("q", [""])[0].lower()
        dispositions = query.get("disposition", ())
        bodies: dict[str, Any] = {
            "sessions/current": {"agent": ANNA, "device": self.device},
            "sip-tickets": {
                "url": "/sip?ticket=t", "uri": "sip:web-1001@ctc.invalid", "username": "web-1001", "password": "p",
                "ice_servers": [], "expires_at": "2026-03-02T09:42:00Z",
            },
            "contacts": {"contacts": CONTACTS, "next": None},
            "agents": {"agents": [agent for agent in AGENTS if wanted in str(agent).lower()], "next": None},
            "call-log": {
                "calls": [each for each in self.recent if not dispositions or each["disposition"] in dispositions],
                "next": None,
            },
        }  # fmt: skip
        await route.fulfill(json=bodies.get(name, {}), status=200)

    async def _file(self, route: Route, path: str) -> None:
        if path == "/panel/ctc-panel.js":
            await route.fulfill(body=SCRIPT.read_text(encoding="utf-8"), content_type="text/javascript")
            return
        name = path.strip("/") or "crm.html"
        kind = {"html": "text/html", "css": "text/css", "js": "text/javascript"}.get(name.rpartition(".")[2])
        if kind is None:
            await route.fulfill(status=204)
            return
        policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'"
        body = (HERE / name).read_text(encoding="utf-8")
        await route.fulfill(body=body, content_type=kind, headers={"Content-Security-Policy": policy})

    def events(self, socket: WebSocketRoute) -> None:
        """/api/v1/events."""
        if "events" in self.refuses:
            return
        self._events = socket
        socket.on_message(lambda _: None)
        first = {"type": "snapshot", "resumed": False, "last_event_id": 0, "data": {"calls": self.calls}}
        socket.send(json.dumps(first))

    def sip(self, socket: WebSocketRoute) -> None:
        """/sip: whoever registers is welcome."""
        if "sip" in self.refuses:
            return
        self._sip = socket

        def answer(message: str | bytes) -> None:
            text = message if isinstance(message, str) else message.decode()
            if not text.startswith("REGISTER"):
                return
            kept = re.findall(r"(?im)^(?:via|from|to|call-id|cseq|contact):.*$", text)
            socket.send("\r\n".join(["SIP/2.0 200 OK", *(line.strip() for line in kept), "Content-Length: 0", "", ""]))

        socket.on_message(answer)


@asynccontextmanager
async def pretend(browser: Browser, *, microphone: bool = True, **context: Any) -> AsyncIterator[Pretend]:
    """A page of its own, at a fixed moment."""
    profile = await browser.new_context(
        **{"viewport": {"width": 360, "height": 800}, "timezone_id": "UTC", "locale": "en-GB"} | context
    )
    if microphone:
        await profile.grant_permissions(["microphone"], origin=ORIGIN)
    page = await profile.new_page()
    window = Window(page)
    page.on("pageerror", lambda error: window.complaints.append(str(error)))
    page.on("console", lambda message: window.complaints.append(message.text) if "Policy" in message.text else None)
    made = Pretend(page, window)
    await page.clock.install(time=NOW)
    await page.route("**/*", made.answer)
    await page.route_web_socket(re.compile(r"/api/v1/events"), made.events)
    await page.route_web_socket(re.compile(r"/sip"), made.sip)
    try:
        yield made
    finally:
        await profile.close()
