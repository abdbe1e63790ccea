"""Agents and tokens that are changed in memory, as far as the HTTP edge can tell."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from ctc_ari.calls.model import Agent
from ctc_ari.directory import Right, TokenRecord
from ctc_ari.errors import AgentNotFound, BadRequest, Conflict, TokenNotFound
from tests.http.fakes import ANNA, CREATED, FakeDirectory

CRM = TokenRecord("0a1b2c3d4e5f", "crm", b"h" * 32, None, CREATED, rights=frozenset({"admin"}))
PARTNER = TokenRecord("0a1b2c3d4e60", "partner", b"h" * 32, frozenset({ANNA.email}), CREATED)
OLD = TokenRecord("0a1b2c3d4e61", "old", b"h" * 32, None, CREATED, CREATED + 60, CREATED + 30)
SECRET = "ctc_{id}_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY"


class FakeAdministration:
    """Three tokens, one of them dead, and the directory's agents."""

    def __init__(self, directory: FakeDirectory) -> None:
        self._directory = directory
        self.records = {record.id: record for record in (CRM, PARTNER, OLD)}
        self.grace: float | None = None
        self.failure: Exception | None = None

    def _look(self) -> None:
        if self.failure is not None:
            raise self.failure

    async def add_agent(self, agent: Agent) -> Agent:
        """An e-mail address is given once."""
        self._look()
        if "@" not in agent.email:
            raise BadRequest("email: must be an e-mail address.")
        agent = msgspec.structs.replace(agent, email=agent.email.lower())
        if agent.email in self._directory.agents:
            raise Conflict
        self._directory.agents[agent.email] = agent
        return agent

    async def set_agent(self, email: str, **changes: object) -> Agent:
        """As given."""
        self._look()
        agent = msgspec.structs.replace(self._directory.agent(email), **changes)
        self._directory.agents[email.lower()] = agent
        return agent

    async def remove_agent(self, email: str) -> None:
        """Gone."""
        self._look()
        self._directory.agents.pop(self._directory.agent(email).email, None)

    async def tokens(self) -> Sequence[TokenRecord]:
        """All."""
        self._look()
        return list(self.records.values())

    async def create_token(
        self, name: str, agents: Collection[str] | None, rights: Collection[Right] | None
    ) -> tuple[TokenRecord, str]:
        """Whatever was asked for, if there is such an agent."""
        self._look()
        if any(name == record.name for record in self.records.values()):
            raise Conflict
        if set(agents or ()) - set(self._directory.agents):
            raise AgentNotFound
        token_id = f"{len(self.records):012x}"
        bound = None if agents is None else frozenset(agents)
        record = TokenRecord(token_id, name, b"h" * 32, bound, CREATED, rights=frozenset(rights or ()))
        self.records[token_id] = record
        return record, SECRET.format(id=token_id)

    async def change_token(self, token_id: str, **changes: object) -> TokenRecord:
        """Of a live one."""
        self._look()
        record = self._known(token_id)
        if record.revoked_at is not None:
            raise TokenNotFound
        self.records[token_id] = msgspec.structs.replace(record, **changes)
        return self.records[token_id]

    async def rotate_token(self, token_id: str, grace: float) -> tuple[TokenRecord, str]:
        """Beside it."""
        self._look()
        self.grace = grace
        new = msgspec.structs.replace(self._known(token_id), id=f"{len(self.records):012x}")
        self.records[new.id] = new
        return new, SECRET.format(id=new.id)

    async def revoke_token(self, token_id: str) -> None:
        """Dead, but known."""
        self._look()
        self.records[token_id] = msgspec.structs.replace(self._known(token_id), revoked_at=CREATED)

    def _known(self, token_id: str) -> TokenRecord:
        assert token_id.isprintable()
        if token_id not in self.records:
            raise TokenNotFound
        return self.records[token_id]
