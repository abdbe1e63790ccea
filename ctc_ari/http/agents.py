"""/api/v1/agents: colleagues for everybody, and for administrators everything about them."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated
from urllib.parse import quote

import msgspec
from aiohttp import hdrs, web
from msgspec import UNSET, Meta, UnsetType

from ctc_ari.calls.leg import Device
from ctc_ari.calls.model import Agent
from ctc_ari.directory import Principal
from ctc_ari.errors import AgentNotFound
from ctc_ari.http.answers import json_answer
from ctc_ari.http.bodies import given, read_body
from ctc_ari.http.calls import AgentView
from ctc_ari.http.queries import decode_cursor, encode_cursor, read_limit, read_text
from ctc_ari.http.services import Services, administrator, authenticate, is_plain
from ctc_ari.words import fold, matches, words_of

__all__ = ["AgentChanges", "AgentDetails", "AgentList", "Agents", "NewAgent"]

PATH = "/api/v1/agents"
LONGEST_EMAIL = 254

#: Longer than any field may be; what each may hold is said by `config_rules.check_agent_fields`.
_Text = Annotated[str, Meta(max_length=320)]
_Email = Annotated[str, Meta(min_length=1, max_length=LONGEST_EMAIL)]


class NewAgent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST."""

    email: _Email
    name: _Text = ""
    extension: _Text | None = None
    desk_endpoint: _Text | None = None
    contact: _Text | None = None
    caller_id: _Text | None = None
    device: Device = "desk"
    auto_answer: bool = False


class AgentChanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of PATCH: what is not there stays, null empties. The e-mail address is who she is."""

    name: _Text | UnsetType = UNSET
    extension: _Text | UnsetType | None = UNSET
    desk_endpoint: _Text | UnsetType | None = UNSET
    contact: _Text | UnsetType | None = UNSET
    caller_id: _Text | UnsetType | None = UNSET
    device: Device | UnsetType = UNSET
    auto_answer: bool | UnsetType = UNSET


class AgentDetails(msgspec.Struct, frozen=True):
    """An agent as administrators see her."""

    email: str
    name: str
    extension: str | None
    desk_endpoint: str | None
    contact: str | None
    caller_id: str | None
    device: Device
    auto_answer: bool


class AgentList(msgspec.Struct, frozen=True):
    """The body of GET: a page, and the cursor of the next one."""

    agents: list[AgentView | AgentDetails]
    next: str | None


class _Entry(msgspec.Struct, frozen=True):
    """What an agent is sorted by and found by."""

    position: tuple[str, str]
    words: tuple[str, ...]


class Agents:
    """The handlers. Reading waits for no database: agents are in memory."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._new = msgspec.json.Decoder(NewAgent)
        self._changes = msgspec.json.Decoder(AgentChanges)
        self._position = msgspec.json.Decoder(tuple[str, str])

    def routes(self) -> list[web.RouteDef]:
        """Finding, reading and writing."""
        return [
            web.get(PATH, self.find),
            web.post(PATH, self.create),
            web.get(PATH + "/{email}", self.show),
            web.patch(PATH + "/{email}", self.change),
            web.delete(PATH + "/{email}", self.remove),
        ]

    async def find(self, request: web.Request) -> web.Response:
        """200 with a page of those whom `q` finds, or of all, by name."""
        principal = authenticate(self._services, request)
        limit, after = read_limit(request), decode_cursor(request, self._position) or ("", "")
        wanted = words_of(read_text(request, "q"))
        entries = ((_entry(agent), agent) for agent in self._services.directory.all_agents())
        found = [
            (entry.position, agent)
            for entry, agent in entries
            if entry.position > after and (not wanted or matches(wanted, entry.words))
        ]
        found.sort(key=lambda each: each[0])
        following = encode_cursor(found[limit - 1][0]) if len(found) > limit else None
        return json_answer(AgentList([_view(agent, principal) for _, agent in found[:limit]], following))

    async def show(self, request: web.Request) -> web.Response:
        """200 with one agent."""
        principal = authenticate(self._services, request)
        return json_answer(_view(self._services.directory.agent(_email(request)), principal))

    async def create(self, request: web.Request) -> web.Response:
        """201 with the new agent."""
        principal = administrator(self._services, request)
        new = await read_body(request, self._new, "a new agent")
        agent = await self._services.administration.add_agent(Agent(**msgspec.structs.asdict(new)))
        return json_answer(_view(agent, principal), 201, ((hdrs.LOCATION, f"{PATH}/{quote(agent.email)}"),))

    async def change(self, request: web.Request) -> web.Response:
        """200 with the agent as she is now."""
        principal = administrator(self._services, request)
        body = await read_body(request, self._changes, "changes of an agent")
        changes = given(body)
        agent = await self._services.administration.set_agent(_email(request), **changes)
        return json_answer(_view(agent, principal))

    async def remove(self, request: web.Request) -> web.Response:
        """204; her sessions end, her calls stay in the log."""
        administrator(self._services, request)
        await self._services.administration.remove_agent(_email(request))
        return web.Response(status=204)


def _email(request: web.Request) -> str:
    email = request.match_info["email"]
    if not is_plain(email, LONGEST_EMAIL):
        raise AgentNotFound
    return email


def _view(agent: Agent, principal: Principal) -> AgentView | AgentDetails:
    """Where her phone is concerns administrators only."""
    if not principal.may_administer:
        return AgentView(agent.email, agent.name, agent.extension)
    return AgentDetails(**{field: getattr(agent, field) for field in AgentDetails.__struct_fields__})


@lru_cache(maxsize=16384)
def _entry(agent: Agent) -> _Entry:
    """Kept, because a search looks at everybody."""
    return _Entry((fold(agent.name), agent.email), tuple(words_of(agent.name, agent.email, agent.extension)))
