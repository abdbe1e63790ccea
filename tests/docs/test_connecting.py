"""The programs in docs/connecting-your-crm.md do what the page says, against a listening service."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import yaml

from ctc_ari.calls.commands import PlaceCall
from ctc_ari.calls.model import Phase
from ctc_ari.calls.ports import Happening
from ctc_ari.config import examine
from ctc_ari.crm.answers import decode, text_at
from ctc_ari.outbox import Webhook
from ctc_ari.panel import build
from ctc_ari.webhooks.signature import headers
from tests.docs.documents import blocks
from tests.http.conftest import Server, World
from tests.http.fakes import ANNA, CREATED, NUMBER, TOKEN, a_call
from tests.phones import free_port

PAGE = "connecting-your-crm.md"
_LANGUAGES = {"python": "# ", "js": "// ", "php": "<?php // "}
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def programs() -> dict[str, str]:
    """The programs of the page by their names."""
    found = {}
    for language, comment in _LANGUAGES.items():
        for block in blocks(PAGE, language):
            named = re.match(re.escape(comment) + r"(\w+\.\w+) - ", block)
            assert named, block
            found[named[1]] = block
    return found


PROGRAMS = programs()


def command(name: str, folder: Path) -> list[str]:
    """What runs it; a language that this machine lacks skips the test."""
    (folder / name).write_text(PROGRAMS[name], encoding="utf-8")
    match Path(name).suffix:
        case ".py":
            return [sys.executable, str(folder / name)]
        case ".mjs":
            return [build.node("node")[0][0], str(folder / name)]
        case _:
            php = shutil.which("php")
            return [php, str(folder / name)] if php else pytest.skip("there is no PHP here")


@asynccontextmanager
async def running(arguments: list[str], **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process whose output is read; ended with the block."""
    process = await asyncio.create_subprocess_exec(
        *arguments,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def said(process: asyncio.subprocess.Process) -> str:
    assert process.stdout
    async with asyncio.timeout(30):
        return (await process.stdout.readline()).decode()


@pytest.fixture
async def world() -> World:
    return World()


@pytest.fixture
async def address(world: World) -> AsyncIterator[str]:
    """Where the service listens."""
    telling = asyncio.create_task(world.events.run())
    async with Server(world.services()) as server:
        yield str(server.make_url("/")).rstrip("/")
    telling.cancel()


@pytest.mark.parametrize("name", ["call.py", "call.mjs", "call.php"])
async def test_a_call_is_placed_and_a_refusal_told(name: str, address: str, world: World, tmp_path: Path) -> None:
    program = command(name, tmp_path)
    settings = {"CTC_URL": address, "CTC_TOKEN": TOKEN}
    async with running([*program, ANNA.email, NUMBER], **settings) as process:
        output, errors = await process.communicate()
        assert (process.returncode, errors) == (0, b"")
    (placed,) = world.desk.commands
    assert (placed.agent, placed.number) == (ANNA, NUMBER)
    assert output.decode().split()[1] == "ringing_agent"
    async with running([*program, "nobody@example.com", NUMBER], **settings) as process:
        _, errors = await process.communicate()
        assert (process.returncode, errors.decode().partition(":")[0]) == (1, "agent_not_found")


@pytest.mark.parametrize("name", ["session.mjs", "session.php"])
async def test_the_token_is_traded_for_a_session(name: str, address: str, tmp_path: Path) -> None:
    program = command(name, tmp_path)
    async with running([*program, ANNA.email], CTC_URL=address, CTC_TOKEN=TOKEN) as process:
        assert (await said(process)).startswith("ctcs_")


@pytest.mark.parametrize("name", ["listen.py", "listen.mjs"])
async def test_events_are_listened_to(name: str, address: str, world: World, tmp_path: Path) -> None:
    async with running(command(name, tmp_path), CTC_URL=address, CTC_TOKEN=TOKEN) as process:
        assert await said(process) == "live calls: 0\n"
        call = world.desk.put(a_call("call-1", PlaceCall(ANNA, NUMBER)), phase=Phase.TALKING)
        world.events.heard(Happening(call, "call.answered", CREATED + 1, 1))
        assert (await said(process)).split() == ["call.answered", "call-1"]


@pytest.mark.parametrize("name", ["hook.py", "hook.mjs", "hook.php"])
async def test_a_receiver_takes_what_is_signed_and_nothing_else(name: str, tmp_path: Path) -> None:
    port = free_port()
    program = command(name, tmp_path)
    if name.endswith(".php"):
        program = [program[0], "-S", f"127.0.0.1:{port}", program[1]]
    payload = '{"type": "call.ended", "data": {"id": "ctc-1", "name": "Zoë"}}'
    webhook = Webhook(id="wh_1", url="", secrets=(SECRET,))
    async with running(program, PORT=str(port), CTC_WEBHOOK_SECRET=SECRET), aiohttp.ClientSession() as session:

        async def send(body: str, **changed: str) -> int:
            signed = headers(webhook, "msg_1", payload, time.time()) | changed
            async with session.post(f"http://127.0.0.1:{port}/", data=body.encode(), headers=signed) as answer:
                return answer.status

        deadline = time.monotonic() + 30
        while True:
            try:
                assert await send(payload) == 204
                break
            except aiohttp.ClientConnectionError:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.05)
        assert await send(payload.replace("ctc-1", "ctc-2")) == 401
        assert await send(payload, **{"webhook-signature": "v1,AAAA"}) == 401
        late = headers(webhook, "msg_1", payload, time.time() - 3600)
        assert await send(payload, **late) == 401
        both = headers(webhook, "msg_1", payload, time.time())
        assert await send(payload, **both | {"webhook-signature": "v1,AAAA " + both["webhook-signature"]}) == 204


def test_the_paths_of_the_example_find_what_its_answers_hold(tmp_path: Path) -> None:
    (text,) = (block for block in blocks(PAGE, "yaml") if "kind: http" in block)
    (tmp_path / "crm").write_text("Bearer x")
    (tmp_path / "config.yaml").write_text(text.replace("/etc/ctc-ari/crm-authorization", str(tmp_path / "crm")))
    config, problems = examine(tmp_path / "config.yaml", {})
    assert config is not None
    assert problems == []
    agent, contact = (decode(json.dumps(json.loads(block)).encode()) for block in blocks(PAGE, "json"))
    paths = config.crm.http
    assert text_at(agent, paths.agent.extension) == "1001"
    assert text_at(agent, paths.agent.name) == "Anna Example"
    found = [text_at(contact, path or "") for path in (paths.contact.id, paths.contact.name, paths.contact.company)]
    assert found == ["4711", "Grace Hopper", "US Navy"]
    assert text_at(contact, paths.contact.url or "") == "https://crm.example.com/people/4711"


def test_every_yaml_of_the_documents_is_a_configuration(tmp_path: Path) -> None:
    for page in (PAGE, "crm.md", "webrtc.md", "inbound.md", "installing.md"):
        for block in blocks(page, "yaml"):
            document = yaml.safe_load(block)
            (tmp_path / "config.yaml").write_text(re.sub(r"(\w+)_file:.*", "", block))
            _, problems = examine(tmp_path / "config.yaml", {})
            assert [line for line in problems if "unknown key" in line] == [], (page, document)
