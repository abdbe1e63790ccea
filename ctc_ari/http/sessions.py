"""/api/v1/sessions: the CRM's server trades its token for a short-lived session of one agent."""

from __future__ import annotations

from typing import Annotated

import msgspec
from aiohttp import web

from ctc_ari.calls.leg import Device
from ctc_ari.errors import BadRequest, NotAllowed
from ctc_ari.http.answers import json_answer
from ctc_ari.http.bodies import read_body
from ctc_ari.http.calls import AgentView
from ctc_ari.http.moments import moment
from ctc_ari.http.services import Services, authenticate

__all__ = ["CurrentSessionView", "NewSessionBody", "SessionView", "Sessions"]

PATH = "/api/v1/sessions"


class NewSessionBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST."""

    email: Annotated[str, msgspec.Meta(min_length=1, max_length=254)]


class SessionView(msgspec.Struct, frozen=True):
    """A session as it is shown once."""

    session: str
    expires_at: str
    agent: AgentView


class CurrentSessionView(msgspec.Struct, frozen=True):
    """Whom a session acts for, as the panel needs it first."""

    agent: AgentView
    #: Her usual phone.
    device: Device


class Sessions:
    """The handlers. A session is a bearer token like any other, except that it acts for its agent alone."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._decoder = msgspec.json.Decoder(NewSessionBody)

    def routes(self) -> list[web.RouteDef]:
        """Begin one with a token, end one with itself."""
        return [
            web.post(PATH, self.create),
            web.get(PATH + "/current", self.show),
            web.delete(PATH + "/current", self.end),
        ]

    async def create(self, request: web.Request) -> web.Response:
        """201 with the session's token, shown this once."""
        principal = authenticate(self._services, request)
        if principal.session:
            raise NotAllowed("An agent's session makes no further sessions; the CRM's token does.")
        new = await read_body(request, self._decoder, "a new session")
        if not new.email.isprintable():
            raise BadRequest("The body is not a new session: `email` holds unreadable characters.")
        if not principal.may_act_for(new.email):
            raise NotAllowed
        agent = await self._services.people.agent(new.email)
        made = await self._services.sessions.create_session(principal, agent)
        shown = AgentView(agent.email, agent.name, agent.extension)
        return json_answer(SessionView(made.token, moment(made.expires_at), shown), 201)

    async def show(self, request: web.Request) -> web.Response:
        """200 with the session's agent."""
        principal = authenticate(self._services, request)
        if not principal.session or principal.agents is None:
            raise NotAllowed("This is a token, not an agent's session; make one with POST /api/v1/sessions.")
        (email,) = principal.agents
        agent = self._services.directory.agent(email)
        shown = AgentView(agent.email, agent.name, agent.extension)
        return json_answer(CurrentSessionView(shown, agent.device))

    async def end(self, request: web.Request) -> web.Response:
        """204; the session opens nothing any more, and its streams of events end."""
        principal = authenticate(self._services, request)
        if not principal.session:
            raise NotAllowed("This is a token, not an agent's session; `ctc-ari token revoke` ends it.")
        await self._services.sessions.end_session(principal)
        return web.Response(status=204)
