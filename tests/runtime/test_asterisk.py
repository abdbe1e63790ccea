from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from ctc_ari.config import Config
from ctc_ari.errors import SetupError
from ctc_ari.runtime import asterisk, packages, processes
from ctc_ari.runtime.asterisk import Installation
from ctc_ari.runtime.asterisk_files import run_dir
from tests.runtime.conftest import MakeConfig, free_port
from tests.runtime.test_processes import alive, kill_at_once, until

ROOT = Path(__file__).resolve().parents[2]
ALICE = {"email": "alice@example.com", "name": "Alice", "extension": "1001"}


@asynccontextmanager
async def ari(config: Config) -> AsyncIterator[aiohttp.ClientSession]:
    node = config.asterisk.nodes[0]
    login = {"Authorization": aiohttp.encode_basic_auth(node.username, node.password, encoding="utf-8")}
    async with aiohttp.ClientSession(node.ari_url.removesuffix("ari"), headers=login) as session:
        yield session


def console(installation: Installation, out: Path, line: str) -> str:
    done = subprocess.run(
        [*installation.argv, "-C", str(out / "asterisk.conf"), "-rx", line], capture_output=True, text=True, check=True
    )
    return done.stdout


def complaints(out: Path) -> list[str]:
    return [
        line for line in (out / "log" / "messages").read_text().splitlines() if "WARNING" in line or "ERROR" in line
    ]


# --- what is found ---


def test_the_installation_is_new_enough_and_says_its_version(installation: Installation) -> None:
    assert installation.version >= (20, 0, 0)
    assert (installation.modules / "res_ari.so").exists()
    done = subprocess.run([*installation.argv, "-V"], capture_output=True, text=True, check=True)
    assert ".".join(map(str, installation.version)) in done.stdout
    assert asterisk.find() == installation


def test_nothing_is_found_where_nothing_was_fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if asterisk._host() is None:
        assert asterisk.find() is None


# --- what is written ---


def test_every_template_is_rendered_and_passwords_are_for_the_owner_only(
    installation: Installation, make_config: MakeConfig, tmp_path: Path
) -> None:
    config = make_config(password="hunter2", agents=[{**ALICE, "sip_password": "hunter3"}])
    asterisk.render(config, tmp_path / "out", installation)
    written = {path.name: path for path in (tmp_path / "out").iterdir() if path.is_file()}
    assert set(written) == {path.name for path in asterisk.templates().glob("*.conf")}
    for name, path in written.items():
        text = path.read_text()
        assert "{{" not in text.replace("{{ … }}", "")
        assert ";%" not in text.replace("`;%`", "")
        if "hunter" in text:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, name


@pytest.mark.parametrize("password", ["two\nlines", "carriage\rreturn", " padded ", "null\0", "nel\x85"])
def test_a_value_that_could_leave_its_line_is_refused_without_telling_it(
    installation: Installation, make_config: MakeConfig, tmp_path: Path, password: str
) -> None:
    with pytest.raises(SetupError, match=r"ari\.conf cannot hold") as caught:
        asterisk.render(make_config(password=password), tmp_path / "out", installation)
    assert password.strip() not in caught.value.message
    assert "\n" not in caught.value.message


async def test_a_password_of_special_characters_is_the_password(
    installation: Installation, make_config: MakeConfig, tmp_path: Path
) -> None:
    config = make_config(password=";[general](!)=>#\\;--;\"'${X} {{ x }} é")
    async with asterisk.running(config, tmp_path / "out", installation), ari(config) as session:
        assert (await session.get("ari/asterisk/info")).status == 200


def test_a_phone_that_registers_from_elsewhere_needs_a_password(
    installation: Installation, make_config: MakeConfig, tmp_path: Path
) -> None:
    config = make_config(agents=[ALICE], sip_bind=f"0.0.0.0:{free_port()}")
    with pytest.raises(SetupError, match=r"agents\[0\]\.sip_password: is missing"):
        asterisk.render(config, tmp_path / "out", installation)


def test_nobody_elsewhere_is_taken_for_a_phone_without_password(
    installation: Installation, make_config: MakeConfig, tmp_path: Path
) -> None:
    agent = {**ALICE, "contact": "sip:1001@192.0.2.7"}
    asterisk.render(make_config(agents=[agent], sip_bind="0.0.0.0:5060"), tmp_path / "out", installation)
    section = (tmp_path / "out" / "pjsip.conf").read_text().split("[1001](phone)")[1].split("\n[")[0]
    assert "identify_by = header" in section


def test_two_agents_cannot_share_an_endpoint(
    installation: Installation, make_config: MakeConfig, tmp_path: Path
) -> None:
    agents = [ALICE, {"email": "bob@example.com", "extension": "2", "desk_endpoint": "PJSIP/1001"}]
    with pytest.raises(SetupError, match=r"agents\[1\]: the endpoint `1001` is taken"):
        asterisk.render(make_config(agents=agents), tmp_path / "out", installation)
    with pytest.raises(SetupError, match="`trunk` is taken"):
        asterisk.render(make_config(agents=[{**ALICE, "desk_endpoint": "trunk"}]), tmp_path / "out", installation)


@pytest.mark.parametrize(
    ("contact", "match"),
    [
        ("sip:127.0.0.1:5070", "127.0.0.1:5070"),
        ("sip:carrier@localhost", "127.0.0.1:5060"),
        ("sip:[::1]:5070", "[::1]:5070"),
        ("sip:127.0.0.2:5070", "127.0.0.2"),
        ("sip:192.0.2.1:5060;transport=tcp", "192.0.2.1"),
        ("sip:[2001:db8::1]", "2001:db8::1"),
    ],
)
def test_a_carrier_is_known_by_its_address_and_where_phones_share_it_by_its_port(
    installation: Installation, make_config: MakeConfig, tmp_path: Path, contact: str, match: str
) -> None:
    asterisk.render(make_config(trunk_contact=contact), tmp_path / "out", installation)
    text = (tmp_path / "out" / "pjsip.conf").read_text()
    assert f"contact = {contact}".replace(";", "\\;") in text
    assert f"endpoint = trunk\nmatch = {match}\n" in text


def test_no_module_that_reaches_a_shell_a_file_or_the_network_is_loaded(
    installation: Installation, make_config: MakeConfig, tmp_path: Path
) -> None:
    asterisk.render(make_config(), tmp_path / "out", installation)
    text = (tmp_path / "out" / "modules.conf").read_text()
    assert "autoload = no" in text
    for module in ("func_shell", "func_curl", "func_env", "app_system", "pbx_spool", "res_agi", "app_exec", "manager"):
        assert f"{module}.so" not in text


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1:8089/ari", "http://127.0.0.1:8088/", "http://127.0.0.1:8088/a b/ari"]
)
def test_an_address_asterisk_cannot_serve_names_its_key(
    installation: Installation, make_config: MakeConfig, tmp_path: Path, url: str
) -> None:
    config = make_config(nodes=[{"name": "pbx1", "ari_url": url, "password": "x"}])
    with pytest.raises(SetupError, match=r"asterisk\.nodes\[0\]\.ari_url: "):
        asterisk.render(config, tmp_path / "out", installation)


# --- how it starts ---


async def test_it_starts_without_a_warning_and_leaves_nothing_behind(
    installation: Installation, make_config: MakeConfig, tmp_path: Path
) -> None:
    carrier = f"127.0.0.1:{free_port()}"
    agents = [
        {**ALICE, "contact": f"sip:agent-alice@{carrier}"},
        {"email": "bob@example.com", "extension": "1002", "sip_password": "se;cret"},
        {"email": "carl@example.com", "extension": "1003", "contact": "sip:1003@127.0.0.1:5072;transport=tcp"},
    ]
    config = make_config(agents=agents, trunk_contact=f"sip:{carrier}")
    out = tmp_path / "out"
    async with asterisk.running(config, out, installation, carrier_bind=carrier) as process:
        endpoints = console(installation, out, "pjsip show endpoints")
        for name in ("trunk", "carrier", "ctc-phone", "1001", "1002", "1003"):
            assert f" Endpoint:  {name}" in endpoints
        assert complaints(out) == []
        pid = process.pid
    assert not alive(pid)
    assert complaints(out) == []
    assert not run_dir(out).exists()


async def test_a_prefix_before_ari_is_kept(installation: Installation, make_config: MakeConfig, tmp_path: Path) -> None:
    node = {"name": "pbx1", "ari_url": f"http://localhost:{free_port()}/pbx/ari", "password": "x"}
    async with asterisk.running(make_config(nodes=[node]), tmp_path / "out", installation):
        pass


async def test_a_path_too_long_for_a_socket_gets_a_short_one(
    installation: Installation, make_config: MakeConfig, tmp_path: Path
) -> None:
    out = tmp_path / ("long" * 30)
    assert len(str(run_dir(out))) < 60
    async with asterisk.running(make_config(), out, installation):
        assert "Asterisk" in console(installation, out, "core show version")
    assert not run_dir(out).exists()


@pytest.mark.parametrize(("kind", "key"), [("http", r"nodes\[0\]\.ari_url"), ("tcp", "sip_bind"), ("udp", "sip_bind")])
async def test_a_port_in_use_is_named_with_the_key_to_change(
    installation: Installation, make_config: MakeConfig, tmp_path: Path, kind: str, key: str
) -> None:
    config = make_config()
    bind = config.asterisk.nodes[0].ari_url.split("/")[2] if kind == "http" else config.asterisk.sip_bind
    port = int(bind.rpartition(":")[2])
    with socket.socket(type=socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM) as other:
        other.bind(("127.0.0.1", port))
        if kind != "udp":
            other.listen()
        with pytest.raises(SetupError, match=rf"port {port} on 127\.0\.0\.1 cannot be used.*change asterisk\.{key}"):
            async with asterisk.running(config, tmp_path / "out", installation):
                pass


async def test_an_asterisk_that_stops_at_once_says_why(
    installation: Installation, make_config: MakeConfig, tmp_path: Path
) -> None:
    config, out = make_config(), tmp_path / "out"
    asterisk.render(config, out, installation)
    with (out / "modules.conf").open("a") as file:
        file.write("require = res_missing.so\n")
    process = await processes.start(asterisk.command(installation, out), output=out / "log" / "console")
    with pytest.raises(SetupError, match=r"Asterisk stopped at once: .*res_missing\.so"):
        await asterisk.wait_ready(config, process, out=out)


async def test_another_asterisk_at_the_same_address_is_told_apart(
    installation: Installation, make_config: MakeConfig, tmp_path: Path
) -> None:
    config = make_config(password="right")
    async with asterisk.running(config, tmp_path / "out", installation) as process:
        node = {"name": "pbx1", "ari_url": config.asterisk.nodes[0].ari_url, "password": "wrong"}
        with pytest.raises(SetupError, match="belongs to another Asterisk"):
            await asterisk.wait_ready(make_config(nodes=[node]), process)


async def test_what_is_not_ready_in_time_is_told(make_config: MakeConfig) -> None:
    process = await processes.start(["sleep", "60"])
    with pytest.raises(SetupError, match="not ready after 0 s: ARI did not answer"):
        await asterisk.wait_ready(make_config(), process, timeout=0.2)
    await processes.stop(process)


def test_kill_9_of_its_parent_leaves_no_asterisk(
    installation: Installation, make_config: MakeConfig, tmp_path: Path
) -> None:
    config = make_config()
    script = """
import asyncio, json, sys
from pathlib import Path
import msgspec
from ctc_ari.config import Config
from ctc_ari.runtime import asterisk
async def main():
    config = msgspec.json.decode(sys.argv[1], type=Config)
    async with asterisk.running(config, Path(sys.argv[2]), asterisk.find()) as process:
        print(process.pid, flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", script, msgspec.json.encode(config).decode(), str(tmp_path / "out")],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert alive(pid)
    kill_at_once(parent)
    assert until(lambda: not alive(pid))


# --- phones ---

REGISTER = """<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="register">
  <send retrans="500"><![CDATA[
    REGISTER sip:[remote_ip] SIP/2.0
    Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
    From: <sip:1001@[remote_ip]>;tag=[call_number]
    To: <sip:1001@[remote_ip]>
    Call-ID: [call_id]
    CSeq: 1 REGISTER
    Contact: <sip:1001@[local_ip]:[local_port]>
    Expires: 60
    Max-Forwards: 70
    Content-Length: 0

  ]]></send>
  <recv response="401" auth="true"/>
  <send retrans="500"><![CDATA[
    REGISTER sip:[remote_ip] SIP/2.0
    Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
    From: <sip:1001@[remote_ip]>;tag=[call_number]
    To: <sip:1001@[remote_ip]>
    Call-ID: [call_id]
    CSeq: 2 REGISTER
    Contact: <sip:1001@[local_ip]:[local_port]>
    [authentication]
    Expires: 60
    Max-Forwards: 70
    Content-Length: 0

  ]]></send>
  <recv response="200"/>
</scenario>
"""


async def register(config: Config, folder: Path, password: str) -> int:
    """SIPp's exit status: 0 when the registration was accepted."""
    suite = "sid" if packages.host_release()[0] == "debian" else None
    wanted = ["sip-tester", "baresip-core"]
    root = await asyncio.to_thread(
        packages.fetch, wanted, packages.cache_dir() / f"phones-{suite or 'host'}", suite=suite
    )
    (folder / "register.xml").write_text(REGISTER)
    options = ["-sf", str(folder / "register.xml"), "-m", "1", "-i", "127.0.0.1", "-p", str(free_port()), "-nostdin"]
    login = ["-s", "1001", "-au", "1001", "-ap", password, "-timeout", "5s", "-timeout_error"]
    command = [*packages.argv(root, "usr/bin/sipp"), config.asterisk.sip_bind, *options, *login]
    process = await processes.start(command, output=folder / "sipp.log", cwd=folder, env={**os.environ, "TERM": "dumb"})
    return await process.wait()


async def endpoint_state(config: Config, name: str) -> str:
    async with ari(config) as session, session.get(f"ari/endpoints/PJSIP/{name}") as answer:
        return str((await answer.json())["state"])


async def test_a_phone_registers_with_its_password_and_not_with_another(
    installation: Installation, make_config: MakeConfig, tmp_path: Path
) -> None:
    config = make_config(agents=[{**ALICE, "sip_password": "se;cret"}])
    async with asterisk.running(config, tmp_path / "out", installation):
        assert await endpoint_state(config, "1001") == "offline"
        assert await register(config, tmp_path, "guess") != 0
        assert await endpoint_state(config, "1001") == "offline"
        assert await register(config, tmp_path, "se;cret") == 0
        contacts = console(installation, tmp_path / "out", "pjsip show contacts")
        assert "1001/sip:1001@127.0.0.1:" in contacts


# --- the simulated carrier ---


class Caller:
    """Places calls through ARI and waits for what becomes of them."""

    def __init__(self, session: aiohttp.ClientSession, events: aiohttp.ClientWebSocketResponse) -> None:
        self._session, self._events = session, events

    async def call(self, endpoint: str, seconds: float = 6) -> str:
        """`answered`, the cause it ended with, or `ringing` when neither came within the time."""
        query = {"endpoint": endpoint, "app": "ctc", "channelId": f"test-{endpoint.replace('/', '-')}"}
        async with self._session.post("ari/channels", params=query) as answer:
            assert answer.status == 200, await answer.text()
            channel = (await answer.json())["id"]
        result = "ringing"
        try:
            async with asyncio.timeout(seconds):
                result = await self._outcome(channel)
        except TimeoutError:
            pass
        if not result.isdigit():
            async with self._session.delete(f"ari/channels/{channel}"):
                pass
        return result

    async def end(self, endpoint: str, seconds: float) -> str:
        """The cause with which a call ends that the other side has answered."""
        query = {"endpoint": endpoint, "app": "ctc", "channelId": "test-end"}
        async with self._session.post("ari/channels", params=query) as answer:
            assert answer.status == 200, await answer.text()
        async with asyncio.timeout(seconds):
            assert await self._outcome("test-end") == "answered"
            return await self._outcome("test-end")

    async def arrives(self, endpoint: str, number: str) -> tuple[str, str]:
        """As whose call, and from which number, it comes back into the application."""
        query = {"endpoint": endpoint, "callerId": number, "context": "customer", "extension": "talks", "priority": "1"}
        async with self._session.post("ari/channels", params=query) as answer:
            assert answer.status == 200, await answer.text()
            placed = (await answer.json())["id"]
        try:
            async with asyncio.timeout(6):
                async for message in self._events:
                    event: dict[str, Any] = json.loads(message.data)
                    if event["type"] == "StasisStart" and event["args"][:1] == ["inbound"]:
                        channel = event["channel"]
                        return channel["name"].split("/")[1].rpartition("-")[0], channel["caller"]["number"]
        finally:
            async with self._session.delete(f"ari/channels/{placed}"):
                pass
        return "", ""

    async def _outcome(self, channel: str) -> str:
        async for message in self._events:
            event: dict[str, Any] = json.loads(message.data)
            if event.get("channel", {}).get("id") != channel:
                continue
            if event["type"] == "StasisStart":
                return "answered"
            if event["type"] == "ChannelDestroyed":
                return str(event["cause"])
        return "closed"


@pytest.fixture
async def caller(installation: Installation, make_config: MakeConfig, tmp_path: Path) -> AsyncIterator[Caller]:
    carrier = f"127.0.0.1:{free_port()}"
    agent = {**ALICE, "contact": f"sip:agent-alice@{carrier}"}
    config = make_config(trunk_contact=f"sip:{carrier}", agents=[agent])
    async with (
        asterisk.running(config, tmp_path / "out", installation, carrier_bind=carrier),
        ari(config) as session,
        session.ws_connect(
            "ari/events?app=ctc&subscribeAll=true", timeout=aiohttp.ClientWSTimeout(ws_close=1)
        ) as events,
    ):
        yield Caller(session, events)
    assert complaints(tmp_path / "out") == []


@pytest.mark.parametrize(
    ("number", "outcome"),
    [
        ("442079460001", "answered"),
        ("442079460002", "17"),
        ("442079460003", "ringing"),
        ("442079460004", "21"),
        ("442079460005", "ringing"),
        ("442079460006", "1"),
        ("442079460008", "answered"),
        ("447700900123", "answered"),
        ("+442079460001", "answered"),
    ],
)
async def test_each_number_of_the_simulated_carrier_does_what_it_says(
    caller: Caller, number: str, outcome: str
) -> None:
    assert await caller.call(f"PJSIP/{number}@trunk", seconds=4) == outcome


async def test_a_slow_number_answers_after_eight_seconds(caller: Caller) -> None:
    assert await caller.call("PJSIP/442079460005@trunk", seconds=12) == "answered"


async def test_a_number_that_hangs_up_first_does_so_after_five_seconds(caller: Caller) -> None:
    assert await caller.end("PJSIP/442079460007@trunk", seconds=12) == "16"


async def test_a_customer_of_the_simulated_carrier_calls_in_on_the_trunk(caller: Caller) -> None:
    assert await caller.arrives("PJSIP/+442079460100@carrier", "+442079460001") == ("trunk", "+442079460001")


async def test_a_simulated_agent_answers_and_stays(caller: Caller) -> None:
    assert await caller.call("PJSIP/1001") == "answered"
