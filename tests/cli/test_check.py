"""`ctc-ari config check --connect`, where things are wrong; docs/test_installing.py has an Asterisk that is right."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from ctc_ari.cli.check import MODULES, RECORD_MODULES, WEB_MODULES
from tests.cli.shell import ANNA, Shell

#: What the ARI that stands in says, as Asterisk 22 says it; a status alone is an answer without a body.
RIGHT: dict[str, Any] = {
    "asterisk/info": {"system": {"version": "22.10.1"}},
    "asterisk/variable": 204,
    "asterisk/modules": [
        {"name": f"{name}.so", "status": "Running"} for name in MODULES + RECORD_MODULES + WEB_MODULES
    ],
    "asterisk/config/dynamic/res_pjsip/auth/ctc-check": [],
    "endpoints/PJSIP": [{"resource": "trunk", "state": "online"}, {"resource": "1001", "state": "online"}],
}


class Ari:
    """Answers; what a test changes is wrong."""

    def __init__(self) -> None:
        self.says = dict(RIGHT)
        self.asked: list[tuple[str, str]] = []

    async def handle(self, request: web.Request) -> web.Response:
        path = request.path.removeprefix("/ari/")
        self.asked.append((request.method, path))
        found = self.says.get(path, self.says.get("*", 404))
        return web.Response(status=found) if isinstance(found, int) else web.json_response(found)


@pytest.fixture
async def ari(ctc: Shell) -> AsyncIterator[Ari]:
    made = Ari()
    app = web.Application()
    app.router.add_route("*", "/ari/{path:.*}", made.handle)
    async with TestServer(app) as server:
        node = {"ari_url": str(server.make_url("/ari")), "password": "s3cret"}
        (ctc.folder / "config.yaml").write_text(json.dumps({"asterisk": {"nodes": [node]}}))
        yield made


async def check(ctc: Shell) -> tuple[int, str]:
    """The exit status, and everything that was said."""
    done = await asyncio.to_thread(ctc, "config", "check", "--connect")
    assert "s3cret" not in done.stdout + done.stderr
    return done.returncode, done.stdout + done.stderr


async def test_everything_is_fine(ctc: Shell, ari: Ari) -> None:
    await asyncio.to_thread(ctc.ok, *ANNA)
    status, said = await check(ctc)
    assert (status, "warning" in said) == (0, False), said
    assert "Asterisk 22.10.1 answers, and takes our password" in said
    assert "PostgreSQL 18" in said
    assert ("DELETE", "asterisk/config/dynamic/res_pjsip/auth/ctc-check") in ari.asked, "nothing is left behind"


@pytest.mark.parametrize(
    ("path", "answer", "wanted"),
    [
        ("asterisk/info", 401, "asterisk.nodes[0].password: ARI refuses this user or password"),
        ("asterisk/info", 404, "asterisk.nodes[0].ari_url: an HTTP server answers there, but not ARI"),
        ("asterisk/info", 502, "asterisk.nodes[0].ari_url: ARI answers 502"),
        ("asterisk/info", {"system": {"version": "18.9.0"}}, "20 is the oldest that will do"),
        ("asterisk/variable", 403, "asterisk.nodes[0].username: may only read"),
        ("asterisk/modules", RIGHT["asterisk/modules"][3:], "has not loaded res_ari_applications, res_ari_asterisk"),
        (
            "endpoints/PJSIP",
            [{"resource": "itsp"}],
            "asterisk.trunk: asterisk.nodes[0] has no endpoint `trunk`; it has `itsp`",
        ),
        ("endpoints/PJSIP", RIGHT["endpoints/PJSIP"][:1], "agent anna@example.com: there is no endpoint `1001`"),
    ],
)
async def test_each_mistake_is_named(ctc: Shell, ari: Ari, path: str, answer: object, wanted: str) -> None:
    await asyncio.to_thread(ctc.ok, *ANNA)
    ari.says[path] = answer
    status, said = await check(ctc)
    assert (status, wanted in said) == (1, True), said


async def test_what_hardly_works_is_a_warning(ctc: Shell, ari: Ari) -> None:
    await asyncio.to_thread(ctc.ok, *ANNA)
    ari.says["asterisk/modules"] = [
        module for module in RIGHT["asterisk/modules"] if not module["name"].startswith(("cel_pgsql", "res_srtp"))
    ]
    ari.says["endpoints/PJSIP"] = [{"resource": "trunk"}, {"resource": "1001", "state": "offline"}]
    status, said = await check(ctc)
    assert status == 0
    assert "warning: asterisk.nodes[0]: Asterisk has not loaded cel_pgsql" in said
    assert "takes no browsers as phones: res_srtp not loaded" in said
    assert "warning: agent anna@example.com: her phone `1001` is not registered now" in said


def test_nothing_answers(plain: Shell) -> None:
    (plain.folder / "config.yaml").write_text("asterisk: {nodes: [{ari_url: 'http://127.0.0.1:9/ari', password: x}]}\n")
    done = plain("config", "check", "--connect")
    assert done.returncode == 1
    assert [line.partition(": ")[0] for line in done.stderr.splitlines()] == [
        "database.url",
        "asterisk.nodes[0].ari_url",
    ]


def test_the_log_folder_must_be_readable(plain: Shell) -> None:
    (plain.folder / "config.yaml").write_text("asterisk: {log_folder: var/log}\n")
    assert plain("config", "check").stderr.startswith("asterisk.log_folder: must be a whole path")
