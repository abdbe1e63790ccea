"""What the dialplan does with callers and with what phones dial: with the service, without it, and when it dies."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ctc_ari.config import Config
from ctc_ari.errors import SetupError
from ctc_ari.runtime import asterisk
from ctc_ari.runtime.asterisk import Installation
from tests import phones
from tests.runtime.conftest import MakeConfig
from tests.runtime.pbx import ALICE, ari, complaints

DID = "+442079460100"
BOB = {"email": "bob@example.com", "name": "Bob", "extension": "1002"}


def dialplan(config: Config, installation: Installation, out: Path) -> dict[str, list[str]]:
    """The applications of each extension in [inbound], and under `from-…` the extensions of the other contexts."""
    asterisk.render(config, out, installation)
    found: dict[str, list[str]] = {}
    context, extension = "", ""
    for line in (out / "extensions.conf").read_text().splitlines():
        if line.startswith("["):
            context = line.strip("[]")
        elif line.startswith("exten = "):
            extension, _, application = line.removeprefix("exten = ").split(",", 2)
            found[extension if context == "inbound" else f"{context} {extension}"] = [application]
        elif line.startswith(" same = n"):
            found[extension if context == "inbound" else f"{context} {extension}"].append(line.split(",", 1)[1])
    return found


def dials(applications: list[str]) -> list[str]:
    """What is rung, in order, with the browser beside it in brackets."""
    rung = [application.removeprefix("Dial(") for application in applications if application.startswith("Dial(")]
    return [
        text.split("$")[0].rsplit(",", 1)[0] + (f" ({text.split('?&')[1][:-5]})" if "?&" in text else "")
        for text in rung
    ]


def beside_the_missing_service(out: Path) -> list[str]:
    """What Asterisk complained about, but for the service that is not there."""
    return [line for line in complaints(out) if "ctc" not in line.partition("] ")[2]]


# --- what is written ---


@pytest.mark.parametrize(
    ("route", "rung"),
    [
        ("alice@example.com", ["PJSIP/1001 (PJSIP/web-1001)"]),
        ("Alice@Example.com", ["PJSIP/1001 (PJSIP/web-1001)"]),
        ("1001", ["PJSIP/1001 (PJSIP/web-1001)"]),
        ("7000", ["PJSIP/7000@floor2"]),
        (["carl@example.com", "alice@example.com"], ["PJSIP/carls-phone", "PJSIP/1001 (PJSIP/web-1001)"]),
        ("dora@example.com", [r"PJSIP/ctc-phone/sip:1004@192.0.2.4\;transport=tcp"]),
        (["only-in-the@database.example", "alice@example.com"], ["PJSIP/1001 (PJSIP/web-1001)"]),
        ("only-in-the@database.example", []),
        ("nobody@example.com", []),
    ],
)
def test_a_route_rings_its_phones_in_order(
    installation: Installation, make_config: MakeConfig, tmp_path: Path, route: str | list[str], rung: list[str]
) -> None:
    agents = [
        ALICE,
        {"email": "carl@example.com", "desk_endpoint": "PJSIP/carls-phone"},
        {"email": "dora@example.com", "contact": "sip:1004@192.0.2.4;transport=tcp"},
        {"email": "nobody@example.com"},
    ]
    config = make_config(
        agents=agents, routes={DID: route}, app="desk", extensions="PJSIP/{extension}@floor2", ring_timeout={"agent": 7}
    )
    applications = dialplan(config, installation, tmp_path / "out")[DID]
    assert dials(applications) == rung
    assert applications[-3:] == ["Answer(500)", "Playback(vm-nobodyavail)", "Hangup(16)"]
    assert "Stasis(desk,inbound,${EXTEN})" in applications
    assert all(text.endswith(",7)") for text in applications if text.startswith("Dial("))


def test_a_number_that_is_national_for_one_and_complete_for_another_is_the_complete_one(
    installation: Installation, make_config: MakeConfig, tmp_path: Path
) -> None:
    config = make_config(region="NO", routes={"+474640123456": "1", "+4640123456": "2"})
    found = dialplan(config, installation, tmp_path / "out")
    assert found["from-trunk 4640123456"] == ["Goto(inbound,+4640123456,1)"]


@pytest.mark.parametrize(
    ("region", "number", "spellings"),
    [
        ("GB", DID, {"442079460100", "02079460100", "2079460100"}),
        ("NO", "+4722000000", {"4722000000", "22000000"}),
        ("US", "+12015550123", {"12015550123", "2015550123"}),
        ("HU", "+3612345678", {"3612345678", "0612345678", "12345678"}),
        ("GB", "+4722000000", {"4722000000"}),
    ],
)
def test_the_national_spelling_of_a_number_is_that_of_its_country(
    installation: Installation,
    make_config: MakeConfig,
    tmp_path: Path,
    region: str,
    number: str,
    spellings: set[str],
) -> None:
    found = dialplan(make_config(region=region, routes={number: "1001"}), installation, tmp_path / "out")
    exact = {key.removeprefix("from-trunk ") for key in found if key.startswith("from-trunk ") and "_" not in key}
    assert exact == spellings


@pytest.mark.parametrize(
    ("version", "knows"),
    [
        ((20, 6, 0), False),
        ((20, 12, 9), False),
        ((20, 13, 0), True),
        ((21, 7, 0), False),
        ((21, 8, 0), True),
        ((22, 2, 0), False),
        ((22, 3, 0), True),
        ((23, 0, 0), True),
    ],
)
def test_a_phones_transfer_key_works_where_asterisk_leaves_it_to_the_service(
    installation: Installation, make_config: MakeConfig, tmp_path: Path, version: tuple[int, int, int], knows: bool
) -> None:
    out = tmp_path / "out"
    found = dialplan(make_config(agents=[ALICE]), replace(installation, version=version), out)
    applications = found["from-phones _[+*#0-9]!"]
    assert ("Set(PJSIP_TRANSFER_HANDLING()=ari-only)" in applications) is knows
    assert applications[-2:] == ["Stasis(ctc,dialled,${EXTEN})", "Hangup(21)"]
    phone = (out / "pjsip.conf").read_text().split("[phone](!)")[1].split("\n[")[0]
    assert f"allow_transfer = {'yes' if knows else 'no'}" in phone


def test_a_dial_string_cannot_leave_its_line(
    installation: Installation, make_config: MakeConfig, tmp_path: Path
) -> None:
    config = make_config(routes={DID: "7000"}, extensions="PJSIP/{extension}\nexten = _X.,1,System(id)")
    with pytest.raises(SetupError, match=r"extensions\.conf cannot hold"):
        asterisk.render(config, tmp_path / "out", installation)


# --- what callers meet ---


class Office:
    """A running Asterisk whose carrier is on this machine."""

    def __init__(self, config: Config, out: Path, trunk: int) -> None:
        self.config, self.out, self.trunk = config, out, trunk

    def uri(self, number: str) -> str:
        return f"sip:{number}@{self.config.asterisk.sip_bind}"

    @asynccontextmanager
    async def service(self) -> AsyncIterator[Service]:
        """Somebody who listens for the service's calls."""
        close = aiohttp.ClientWSTimeout(ws_close=1)
        async with ari(self.config) as session, session.ws_connect("ari/events?app=ctc", timeout=close) as events:
            yield Service(session, events)


class Service:
    def __init__(self, session: aiohttp.ClientSession, events: aiohttp.ClientWebSocketResponse) -> None:
        self._session, self._events = session, events

    async def next_call(self) -> dict[str, Any]:
        """The next channel that enters, as its StasisStart."""
        async with asyncio.timeout(5):
            async for message in self._events:
                event: dict[str, Any] = json.loads(message.data)
                if event["type"] == "StasisStart":
                    return event
        raise AssertionError("the event socket was closed")

    async def die(self) -> None:
        await self._events.close()

    async def request(self, method: str, path: str, **query: str) -> None:
        async with self._session.request(method, f"ari/channels/{path}", params=query) as answer:
            assert answer.status < 300, await answer.text()


@asynccontextmanager
async def office(
    installation: Installation, make_config: MakeConfig, tmp_path: Path, **changes: Any
) -> AsyncIterator[Office]:
    trunk = phones.free_port()
    changes = {"ring_timeout": {"agent": 1}, "trunk_contact": f"sip:127.0.0.1:{trunk}", **changes}
    config = make_config(**changes)
    async with asterisk.running(config, tmp_path / "out", installation):
        yield Office(config, tmp_path / "out", trunk)


async def test_without_the_service_a_caller_talks_with_the_agent_of_the_route(
    installation: Installation, make_config: MakeConfig, tmp_path: Path
) -> None:
    async with phones.baresip_phone("alice", tone=440.0) as phone:
        agents = [{**ALICE, "contact": phone.uri}]
        async with (
            office(installation, make_config, tmp_path, agents=agents, routes={DID: ALICE["email"]}) as at,
            phones.baresip_phone("447700900123", tone=1000.0, port=at.trunk) as caller,
        ):
            await caller.dial(at.uri("02079460100"))
            ringing = await phone.wait_incoming()
            assert "447700900123" in ringing.peer
            await phone.accept()
            await caller.wait_established()
            assert (await caller.listen()).has(440.0)
            assert (await phone.listen()).has(1000.0)
            await phone.hang_up()
            await caller.wait_closed()
            # A browser that does not exist is not even tried.
            assert not any("web-1001" in line for line in complaints(at.out))


async def test_who_is_busy_or_away_is_skipped_and_the_browser_rings_beside_the_phone(
    installation: Installation, make_config: MakeConfig, tmp_path: Path
) -> None:
    async with (
        phones.sipp_phone(phones.busy, user="alice") as alice,
        phones.sipp_phone(phones.ring_forever(), user="bob") as bob,
        phones.sipp_phone(phones.answer(0.2), user="web") as web,
    ):
        agents = [
            {**ALICE, "contact": alice.uri},
            {**BOB, "contact": bob.uri},
            {"email": "browser@example.com", "desk_endpoint": "PJSIP/web-1002", "contact": web.uri},
            {"email": "carl@example.com", "extension": "1003", "sip_password": "never-registers"},
        ]
        route = ["carl@example.com", ALICE["email"], BOB["email"]]
        async with (
            office(installation, make_config, tmp_path, agents=agents, routes={DID: route}) as at,
            phones.sipp_caller(at.uri(DID), port=at.trunk, hang_up_after=0.2) as caller,
        ):
            await caller.wait_received(200)
            await alice.wait_invite()
            await bob.wait_cancel()
            await web.wait_bye()
            assert (len(alice.invites), len(bob.invites), len(web.invites)) == (1, 1, 1)


async def test_where_nobody_answers_the_caller_hears_so_and_is_released(
    installation: Installation, make_config: MakeConfig, tmp_path: Path
) -> None:
    async with phones.sipp_phone(phones.ring_forever()) as phone:
        agents = [{**ALICE, "contact": phone.uri}]
        async with (
            office(installation, make_config, tmp_path, agents=agents, routes={DID: ALICE["email"]}) as at,
            phones.baresip_phone("447700900123", tone=None, port=at.trunk) as caller,
        ):
            await caller.dial(at.uri(DID))
            await phone.wait_cancel()
            await caller.wait_established()
            await caller.wait_closed(timeout=15)
            assert caller.heard.level > 0.01
            assert beside_the_missing_service(at.out) == []


async def test_a_number_of_no_route_does_not_exist(
    installation: Installation, make_config: MakeConfig, tmp_path: Path
) -> None:
    async with office(installation, make_config, tmp_path, routes={DID: "7000"}) as at:
        for number in ("+442079460199", "02079460199", "442079460199", "anna", "T"):
            async with phones.sipp_caller(at.uri(number), port=at.trunk) as caller:
                await caller.wait_received(404)


async def test_the_service_is_told_of_every_caller_in_e164(
    installation: Installation, make_config: MakeConfig, tmp_path: Path
) -> None:
    routed = ["+442079460100", "442079460100", "00442079460100", "02079460100", "2079460100"]
    unknown = ["+442079460199", "442079460199", "00442079460199", "02079460199"]
    async with (
        office(installation, make_config, tmp_path, routes={DID: "7000"}) as at,
        at.service() as service,
    ):
        for number in [*routed, *unknown]:
            async with phones.sipp_caller(at.uri(number), port=at.trunk) as caller:
                event = await service.next_call()
                assert event["args"] == ["inbound", DID if number in routed else "+442079460199"], number
                if number in routed:
                    await service.request("DELETE", event["channel"]["id"], reason_code="17")
                    await caller.wait_received(486)
                else:
                    await service.request("POST", f"{event['channel']['id']}/continue")
                    await caller.wait_received(404)


@asynccontextmanager
async def waiting_caller(
    installation: Installation, make_config: MakeConfig, folder: Path
) -> AsyncIterator[tuple[phones.SippPhone, Service, str]]:
    """The service lets somebody wait; the phone of the route, the service, and the caller's channel."""
    async with phones.sipp_phone() as phone:
        agents = [{**ALICE, "contact": phone.uri}]
        async with (
            office(installation, make_config, folder, agents=agents, routes={DID: ALICE["email"]}) as at,
            at.service() as service,
            phones.sipp_caller(at.uri(DID), port=at.trunk, hang_up_after=0.2) as caller,
        ):
            channel = (await service.next_call())["channel"]["id"]
            await service.request("POST", f"{channel}/ring")
            await caller.wait_received(180)
            assert phone.invites == []
            yield phone, service, channel


async def test_a_caller_whom_the_service_gives_back_rings_the_phones(
    installation: Installation, make_config: MakeConfig, tmp_path: Path
) -> None:
    async with waiting_caller(installation, make_config, tmp_path) as (phone, service, channel):
        await service.request("POST", f"{channel}/continue")
        await phone.wait_bye()


async def test_a_caller_who_waits_in_a_service_that_dies_goes_on_to_the_phones(
    installation: Installation, make_config: MakeConfig, tmp_path: Path
) -> None:
    async with waiting_caller(installation, make_config, tmp_path) as (phone, service, _):
        await service.die()
        await phone.wait_bye(timeout=30)


async def test_callers_and_called_numbers_can_share_an_address_of_the_carriers_own(
    installation: Installation, make_config: MakeConfig, tmp_path: Path
) -> None:
    async with phones.carrier({"*": phones.answer()}, host="127.0.0.2") as carrier:
        contact = carrier.uri.replace("carrier@", "")
        async with (
            office(installation, make_config, tmp_path, routes={DID: "7000"}, trunk_contact=contact) as at,
            at.service() as service,
            phones.sipp_caller(at.uri(DID), host="127.0.0.2", cancel_after=0.2),
        ):
            assert (await service.next_call())["args"] == ["inbound", DID]


# --- what phones dial ---


async def test_what_a_phone_dials_is_for_the_service_and_refused_without_it(
    installation: Installation, make_config: MakeConfig, tmp_path: Path
) -> None:
    async with office(installation, make_config, tmp_path, agents=[ALICE]) as at:
        async with phones.sipp_caller(at.uri("1002"), from_="1001") as phone:
            await phone.wait_received(403)
        async with at.service() as service, phones.sipp_caller(at.uri("*1002#"), from_="1001") as phone:
            event = await service.next_call()
            assert event["args"] == ["dialled", "*1002#"]
            await service.request("POST", f"{event['channel']['id']}/continue")
            await phone.wait_received(403)
        assert beside_the_missing_service(at.out) == []
