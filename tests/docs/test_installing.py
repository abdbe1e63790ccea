"""docs/installing.md, carried out as it stands, beside an Asterisk of somebody else's, with an external PostgreSQL."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import aiohttp
import asyncpg
import pytest
import yaml

from ctc_ari.config import Config
from ctc_ari.runtime import asterisk, processes
from ctc_ari.runtime.asterisk_records import RECORD_MODULES
from ctc_ari.runtime.asterisk_values import OPTIONAL_MODULES, REQUIRED_MODULES
from tests import phones
from tests.docs.documents import DOCS, asterisk_files, blocks
from tests.docs.existing import Existing, existing, samples
from tests.store import databases

PAGE = "installing.md"
FILES = asterisk_files(PAGE)
ARI = ("http.conf", "ari.conf")
INBOUND = [text for name, text in FILES if name == "extensions.conf"]


class Admin:
    """Whoever reads the page: has a folder for the service, and types what the page says."""

    def __init__(self, folder: Path, pbx: Existing, url: str) -> None:
        self.folder, self.pbx, self.url = folder, pbx, url
        self.http, self.ari = phones.free_port(), phones.free_port()
        database = re.fullmatch(r"postgresql://postgres@/(\w+)\?host=(.*)", url)
        assert database
        self.substitutes = {
            "/etc/ctc-ari": str(folder),
            "/var/lib/ctc-ari": str(folder / "var"),
            "/var/log/asterisk": str(pbx.folder / "log"),
            "127.0.0.1:8088": f"127.0.0.1:{self.ari}",
            "bindport = 8088": f"bindport = {self.ari}",
            "127.0.0.1:8080": f"127.0.0.1:{self.http}",
            "hostname = 127.0.0.1": f"hostname = {database[2]}",
            "dbname = ctc": f"dbname = {database[1]}",
        }

    def here(self, text: str) -> str:
        """With this machine's ports and folders."""
        for page, real in self.substitutes.items():
            text = text.replace(page, real)
        return text

    def add(self, *files: str) -> None:
        """Every block of the page for these files."""
        for name, text in FILES:
            if name in files:
                self.pbx.append(name, self.here(text))

    def cli(self, section: str) -> str:
        """The `asterisk -rx` lines of a section, one after the other."""
        text = (DOCS / PAGE).read_text(encoding="utf-8").partition(f"\n## {section}")[2].partition("\n## ")[0]
        return "\n".join(map(self.pbx.cli, re.findall(r"^asterisk -rx '(.*)'$", text, re.MULTILINE)))

    def ctc(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`ctc-ari …` with the configuration of the page."""
        command = [sys.executable, "-m", "ctc_ari", *arguments, "--config", str(self.folder / "config.yaml")]
        environment = {**os.environ, "CTC_SERVER__PORT": str(self.http), "PYTHONWARNINGS": "ignore"}
        return subprocess.run(
            command, capture_output=True, text=True, timeout=120, check=False, env=environment, cwd=DOCS.parent
        )

    def check(self) -> str:
        """What `config check --connect` has to complain about."""
        done = self.ctc("config", "check", "--connect")
        assert (done.returncode == 0) == (not _problems(done.stderr)), done
        return done.stderr


def _problems(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("warning: ")]


async def until(happened: Callable[[], bool], what: str, seconds: float = 40.0) -> None:
    deadline = time.monotonic() + seconds
    while not await asyncio.to_thread(happened):
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.1)


async def rows(url: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch("select direction, disposition, source, number from call_log order by ended_at")
    finally:
        await connection.close()


async def until_logged(url: str, number: int) -> list[asyncpg.Record]:
    deadline = time.monotonic() + 60
    while len(found := await rows(url)) < number:
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.2)
    return found


async def test_following_the_page_gives_a_working_service(tmp_path: Path, server: databases.Server) -> None:
    installation = asterisk.find() or asterisk.install()
    if not samples(installation).is_dir():
        pytest.skip("this Asterisk came without sample files")
    caller = phones.free_port()
    async with (
        phones.carrier({"*": phones.answer()}, user="1001") as agent,
        phones.carrier({"*": phones.answer(hang_up_after=0.5)}) as carrier,
        existing(installation, agent.port, carrier.port, caller) as pbx,
    ):
        admin = Admin(tmp_path, pbx, await server.create())
        await before_the_first_call(admin)
        environment = {**os.environ, "CTC_SERVER__PORT": str(admin.http)}
        command = [sys.executable, "-m", "ctc_ari", "serve", "--config", str(tmp_path / "config.yaml")]
        process = await processes.start(command, output=tmp_path / "log", env=environment)
        try:
            await the_first_call(admin, agent, carrier)
            await records_and_callers(admin, agent, caller)
        finally:
            await processes.stop(process)


async def before_the_first_call(admin: Admin) -> None:
    """Steps 1 to 3, and what the check says while something is still missing."""
    (page,) = (text for text in blocks(PAGE, "yaml") if text.startswith("# /etc/ctc-ari/config.yaml"))
    routes = next(text for text in blocks(PAGE, "yaml") if text.startswith("inbound:"))
    (admin.folder / "config.yaml").write_text(admin.here(page) + routes)
    (admin.folder / "database-url").write_text(admin.url)
    (admin.folder / "ari-password").write_text("not-this-one\n")
    assert "nothing answers" in await asyncio.to_thread(admin.check)
    admin.add(*ARI)
    assert "Server Enabled" in await asyncio.to_thread(admin.cli, "1. ARI") + admin.pbx.cli("http show status")
    assert "ARI refuses this user or password" in await asyncio.to_thread(admin.check)
    (admin.folder / "ari-password").write_text("A-LONG-RANDOM-ONE\n")
    assert _problems(await asyncio.to_thread(admin.check)) == []
    config = yaml.safe_load((admin.folder / "config.yaml").read_text())
    config["asterisk"]["trunk"] = "PJSIP/{number}@carrier"
    right = (admin.folder / "config.yaml").read_text()
    (admin.folder / "config.yaml").write_text(yaml.safe_dump(config))
    assert "asterisk.trunk: asterisk.nodes[0] has no endpoint `carrier`" in await asyncio.to_thread(admin.check)
    (admin.folder / "config.yaml").write_text(right)


async def the_first_call(admin: Admin, agent: phones.SippPhone, carrier: phones.SippPhone) -> None:
    """Step 4."""
    async with aiohttp.ClientSession() as session:
        await until_ready(session, admin)
        commands = "\n".join(blocks(PAGE, "sh"))
        (add,) = re.findall(r"^ctc-ari (agent add .*)$", commands, re.MULTILINE)
        assert admin.ctc(*add.split()).returncode == 0
        token = admin.ctc("token", "create", "crm").stdout.splitlines()[-1]
        _, link = re.findall(r"^curl '(.*)'$", commands, re.MULTILINE)
        async with session.get(admin.here(link).replace("TOKEN", token)) as answer:
            assert answer.status == 200, await answer.text()
    await agent.wait_answered(timeout=20)
    await carrier.wait_answered(timeout=20)
    (row,) = await until_logged(admin.url, 1)
    assert tuple(row) == ("outbound", "answered", "service", "+442079460123")
    assert _problems(await asyncio.to_thread(admin.check)) == []


async def until_ready(session: aiohttp.ClientSession, admin: Admin) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            async with session.get(f"http://127.0.0.1:{admin.http}/readyz") as answer:
                if answer.status == 200:
                    return
        except aiohttp.ClientError:
            pass
        assert time.monotonic() < deadline, (admin.folder / "log").read_text()
        await asyncio.sleep(0.1)


async def records_and_callers(admin: Admin, agent: phones.SippPhone, caller: int) -> None:
    """Steps 5 and 6: Asterisk's records arrive, and a caller rings the agent through the service."""
    connection = await asyncpg.connect(admin.url)
    try:
        if not await connection.fetchval("select 1 from pg_roles where rolname = 'asterisk'"):
            await connection.execute("create role asterisk login")
        (grant,) = re.findall(r"-c '(grant .*)'", "\n".join(blocks(PAGE, "sh")))
        await connection.execute(grant)
    finally:
        await connection.close()
    files = {name for name, _ in FILES} - {*ARI}
    admin.add(*files)
    said = await asyncio.to_thread(admin.cli, "5. Asterisk's records")
    assert "Connected to" in said, said
    assert "CEL Logging: Enabled" in said, said
    assert "ctc-inbound" in await asyncio.to_thread(
        lambda: admin.cli("6. Calls that come in") + admin.pbx.cli("dialplan show ctc-inbound")
    )
    warned = await asyncio.to_thread(admin.check)
    assert "cdr_pgsql" not in warned
    did = f"sip:442079460100@127.0.0.1:{admin.pbx.sip_port}"
    async with phones.sipp_caller(did, port=caller, from_="442079460123", hang_up_after=1.0) as phone:
        await agent.wait_answered(2, timeout=20)
        await until(lambda: bool(phone.byes or phone.sent("BYE")), "the caller never hung up")
    found = await until_logged(admin.url, 2)
    assert tuple(found[1]) == ("inbound", "answered", "service", "+442079460123")
    connection = await asyncpg.connect(admin.url)
    try:
        assert await connection.fetchval("select count(*) from cdr") > 0
        entered = await connection.fetchval("select count(*) from cel where eventtype = 'BRIDGE_ENTER'")
        assert entered > 0, (said, (admin.pbx.folder / "log/messages.log").read_text()[-3000:])
    finally:
        await connection.close()
    assert (admin.pbx.folder / "log/cel-custom/Master.csv").stat().st_size > 0
    assert (admin.pbx.folder / "log/cdr-csv/Master.csv").stat().st_size > 0


def test_what_asterisk_records_is_what_the_private_one_records(tmp_path: Path) -> None:
    """The page's files and the templates say the same."""
    every = (*REQUIRED_MODULES, *OPTIONAL_MODULES, *RECORD_MODULES)
    (tmp_path / "modules").mkdir()
    for name in every:
        (tmp_path / "modules" / name).touch()
    installation = asterisk.Installation(("asterisk",), tmp_path / "modules", tmp_path, (22, 10, 1))
    asterisk.render(Config(), tmp_path / "out", installation, records="postgresql://asterisk:ANOTHER-ONE@127.0.0.1/ctc")
    for name, text in FILES:
        if name in ("http.conf", "ari.conf") or "ctc-inbound" in text:
            continue
        rendered = (tmp_path / "out" / name).read_text().splitlines()
        wanted = [line for line in text.splitlines() if line and not line.startswith((";", "["))]
        assert [line for line in wanted if line not in rendered] == [], name


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_the_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    text = (DOCS / "systemd/ctc-ari.service").read_text(encoding="utf-8")
    unit = tmp_path / "ctc-ari.service"
    unit.write_text(text.replace("/opt/ctc-ari/bin/ctc-ari", sys.executable))
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if "ctc-ari.service" in line]
    assert (done.returncode, ours) == (0, [])
