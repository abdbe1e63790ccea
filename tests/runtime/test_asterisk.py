"""A private Asterisk is started, says what is wrong, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from ctc_ari.config import Config
from ctc_ari.errors import SetupError
from ctc_ari.runtime import asterisk, packages, processes
from ctc_ari.runtime.asterisk import Installation
from ctc_ari.runtime.asterisk_files import run_dir
from tests.phones import free_port
from tests.runtime.conftest import MakeConfig
from tests.runtime.pbx import ALICE, ROOT, ari, complaints, console
from tests.runtime.test_processes import alive, kill_at_once, until


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
