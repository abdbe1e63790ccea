"""`ctc-ari config check --connect`: asks the database and Asterisk whether what the configuration says is so."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import asyncpg
import msgspec

from ctc_ari.calls.dialling import Dialling
from ctc_ari.calls.model import Agent
from ctc_ari.config import Asterisk, Config, Inbound, Node
from ctc_ari.errors import ConfigError, CtcError, DatabaseUnreachable
from ctc_ari.log.records import CDR_FILE, CEL_FILE
from ctc_ari.store.agents import read_agents
from ctc_ari.store.migrate import HEAD
from ctc_ari.store.pool import Connection, connect, database_errors

__all__ = ["Findings", "look"]

TIMEOUT = aiohttp.ClientTimeout(total=5, connect=2)
OLDEST = 20
#: What a call needs in an Asterisk that loads whatever it has.
MODULES = (
    *("res_ari_applications", "res_ari_asterisk", "res_ari_bridges", "res_ari_channels", "res_ari_endpoints"),
    *("res_ari_events", "res_ari_playbacks", "res_ari_recordings", "res_stasis_answer", "res_stasis_playback"),
    *("res_stasis_recording", "res_stasis_snoop", "app_stasis", "bridge_simple", "bridge_softmix", "bridge_holding"),
    *("chan_pjsip", "res_pjsip_header_funcs", "func_callerid", "func_channel", "res_musiconhold", "format_wav"),
)
RECORD_MODULES = ("cdr_pgsql", "cel_pgsql")
WEB_MODULES = ("res_pjsip_transport_websocket", "res_http_websocket", "res_sorcery_memory", "res_srtp")
_PROBE = "ctc-check"


@dataclass
class Findings:
    """What there is, what does not work, and what hardly works as it was meant; a line each."""

    facts: list[tuple[str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def look(config: Config) -> Findings:
    """Ask; nothing is changed but a variable of Asterisk that nobody reads."""
    return asyncio.run(_look(config))


async def _look(config: Config) -> Findings:
    found = Findings()
    agents = await _look_at_database(config, found)
    for position, node in enumerate(config.asterisk.nodes):
        await _look_at_asterisk(config, f"asterisk.nodes[{position}]", node, agents, found)
    _look_at_files(config.asterisk.log_folder, found)
    return found


async def _look_at_database(config: Config, found: Findings) -> list[Agent]:
    """The agents that the service would know."""
    seeds = [Agent(seed.email, extension=seed.extension, desk_endpoint=seed.desk_endpoint) for seed in config.agents]
    if config.database.url == "embedded":
        found.facts.append(("database", "embedded; the service starts it"))
        return seeds
    try:
        connection = await connect(config.database.url)
    except DatabaseUnreachable:
        found.problems.append("database.url: PostgreSQL cannot be reached there; is it running, and is the host right?")
        return seeds
    except ConfigError as error:
        found.problems.append(error.message)
        return seeds
    try:
        with database_errors():
            version = str(await connection.fetchval("show server_version")).split()[0]
            found.facts.append(("database", f"PostgreSQL {version} answers"))
            schema = await _schema(connection)
            if schema is None:
                if not await connection.fetchval("select has_schema_privilege('public', 'create')"):
                    found.problems.append(
                        "database.url: this user may not make tables in the schema public; let it own the database"
                    )
                return seeds
            if schema > HEAD:
                found.problems.append(
                    f"database.url: holds the data of a newer ctc-ari ({schema}, here {HEAD}); upgrade"
                )
                return seeds
            if schema < HEAD:
                found.facts.append(("", f"schema {schema}; the next start brings it to {HEAD}"))
                return seeds
            return await read_agents(connection)
    except (CtcError, asyncpg.PostgresError) as error:
        found.problems.append(f"database.url: {type(error.__cause__ or error).__name__} while reading")
        return seeds
    finally:
        await connection.close()


async def _schema(connection: Connection) -> str | None:
    if await connection.fetchval("select to_regclass('alembic_version')") is None:
        return None
    schema: str | None = await connection.fetchval("select version_num from alembic_version")
    return schema


class _System(msgspec.Struct):
    version: str


class _Info(msgspec.Struct):
    system: _System


class _Module(msgspec.Struct):
    name: str
    status: str


class _Endpoint(msgspec.Struct):
    resource: str
    state: str = "unknown"


async def _look_at_asterisk(config: Config, key: str, node: Node, agents: Sequence[Agent], found: Findings) -> None:
    headers = {"Authorization": aiohttp.encode_basic_auth(node.username, node.password, encoding="utf-8")}
    async with aiohttp.ClientSession(headers=headers, timeout=TIMEOUT) as session:
        ari = _Ari(session, node.ari_url.rstrip("/"))
        try:
            status, body = await ari.ask("GET", "asterisk/info?only=system")
        except (aiohttp.ClientError, TimeoutError):
            found.problems.append(
                f"{key}.ari_url: nothing answers at {node.ari_url}; is Asterisk running, and is http.conf "
                "`enabled = yes` with this address and port? `asterisk -rx 'http show status'` tells"
            )
            return
        wrong = _REFUSALS.get(status)
        if wrong or status != 200:
            found.problems.append(f"{key}{wrong or f'.ari_url: ARI answers {status}'}")
            return
        version = msgspec.json.decode(body, type=_Info).system.version
        found.facts.append(("asterisk", f"{node.name}: Asterisk {version} answers, and takes our password"))
        if int((re.search(r"\d+", version) or ["0"])[0]) < OLDEST:
            found.problems.append(f"{key}: is Asterisk {version}; {OLDEST} is the oldest that will do")
        if (await ari.ask("POST", "asterisk/variable?variable=CTC_CHECK&value=1"))[0] == 403:
            found.problems.append(f"{key}.username: may only read; set `read_only = no` for it in ari.conf")
        await _look_at_modules(config, key, ari, found)
        await _look_at_phones(config.asterisk, key, ari, agents, found)


#: What an answer means, by its status.
_REFUSALS = {
    401: ".password: ARI refuses this user or password; compare username and password with ari.conf, then "
    "`asterisk -rx 'module reload res_ari.so'`",
    403: ".password: ARI refuses this user; see ari.conf",
    404: ".ari_url: an HTTP server answers there, but not ARI; is ari.conf `enabled = yes`, and has http.conf a "
    "`prefix`?",
}


class _Ari:
    def __init__(self, session: aiohttp.ClientSession, root: str) -> None:
        self._session = session
        self._root = root

    async def ask(self, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        async with self._session.request(method, f"{self._root}/{path}", json=body) as answer:
            return answer.status, await answer.read()


async def _look_at_modules(config: Config, key: str, ari: _Ari, found: Findings) -> None:
    status, body = await ari.ask("GET", "asterisk/modules")
    if status != 200:
        found.warnings.append(f"{key}: its modules cannot be listed; is res_ari_asterisk loaded?")
        return
    modules = msgspec.json.decode(body, type=list[_Module])
    running = {module.name.removesuffix(".so") for module in modules if module.status == "Running"}
    if missing := sorted(set(MODULES) - running):
        found.problems.append(f"{key}: Asterisk has not loaded {', '.join(missing)}; see modules.conf")
    if missing := sorted(set(RECORD_MODULES) - running):
        found.warnings.append(
            f"{key}: Asterisk has not loaded {', '.join(missing)}, so calls past the service are not logged; "
            "see docs/installing.md"
        )
    if config.webrtc.enabled and (wrong := await _browsers(running, ari)):
        found.warnings.append(
            f"{key}: takes no browsers as phones: {wrong}; see docs/webrtc.md, or set webrtc.enabled: false"
        )


async def _browsers(running: set[str], ari: _Ari) -> str:
    """Why not; empty: it does."""
    if missing := sorted(set(WEB_MODULES) - running):
        return f"{', '.join(missing)} not loaded"
    path = f"asterisk/config/dynamic/res_pjsip/auth/{_PROBE}"
    fields = {"auth_type": "userpass", "username": _PROBE, "password": os.urandom(16).hex()}
    body = {"fields": [{"attribute": name, "value": value} for name, value in fields.items()]}
    if (await ari.ask("PUT", path, body))[0] >= 300:
        return "sorcery.conf has no `memory` for them"
    await ari.ask("DELETE", path)
    return ""


async def _look_at_phones(asterisk: Asterisk, key: str, ari: _Ari, agents: Sequence[Agent], found: Findings) -> None:
    status, body = await ari.ask("GET", "endpoints/PJSIP")
    if status != 200:
        found.problems.append(f"{key}: has no PJSIP endpoints; is chan_pjsip loaded, and is there a pjsip.conf?")
        return
    endpoints = {each.resource: each.state for each in msgspec.json.decode(body, type=list[_Endpoint])}
    found.facts.append(("", f"{len(endpoints)} PJSIP endpoints"))
    trunk = re.fullmatch(r"PJSIP/[^@/]+@([^/]+)(?:/.*)?", asterisk.trunk)
    if trunk and trunk[1] not in endpoints:
        found.problems.append(f"asterisk.trunk: {key} has no endpoint `{trunk[1]}`; it has {_some(endpoints)}")
    for agent in agents:
        for line, grave in _phone_of(asterisk, agent, endpoints):
            (found.problems if grave else found.warnings).append(line)


def _phone_of(asterisk: Asterisk, agent: Agent, endpoints: dict[str, str]) -> list[tuple[str, bool]]:
    if agent.device == "web":
        return []
    try:
        dialled = Dialling(asterisk, Inbound(), str, str, lambda _: None).device(agent, "desk")
    except CtcError:
        return [
            (f"agent {agent.email}: has no phone; `ctc-ari agent set {agent.email} --extension …` gives her one", False)
        ]
    name = dialled.split("/")[1]
    if name not in endpoints:
        line = (
            f"agent {agent.email}: there is no endpoint `{name}`; name her phone with "
            f"`ctc-ari agent set {agent.email} --desk-endpoint PJSIP/NAME`; there are {_some(endpoints)}"
        )
        return [(line, True)]
    if endpoints[name] == "offline" and agent.contact is None:
        return [(f"agent {agent.email}: her phone `{name}` is not registered now", False)]
    return []


def _some(endpoints: dict[str, str]) -> str:
    names = [f"`{name}`" for name in sorted(endpoints) if not name.startswith("web-")]
    return ", ".join(names[:8]) + (" …" if len(names) > 8 else "") or "none"


def _look_at_files(folder: str | None, found: Findings) -> None:
    if folder is None:
        return
    for name in (CDR_FILE, CEL_FILE):
        path = Path(folder) / name
        try:
            with path.open("rb"):
                pass
        except FileNotFoundError:
            found.warnings.append(f"asterisk.log_folder: there is no {path} yet; Asterisk makes it with the first call")
        except OSError as error:
            found.problems.append(
                f"asterisk.log_folder: {path}: {error.strerror}; put this user into Asterisk's group, as "
                "docs/installing.md says"
            )
