"""Who may do what: agents, tokens and contacts as the edges see them, without a word on where they are kept."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection, Sequence
from typing import Literal, Protocol

import msgspec

from ctc_ari.calls.model import Agent, Contact

__all__ = [
    "Administration",
    "ContactRecord",
    "Directory",
    "IdempotencyKeys",
    "NewSession",
    "People",
    "Principal",
    "Right",
    "Sessions",
    "TokenRecord",
    "hash_token",
    "new_session_token",
    "new_token",
    "split_session_token",
    "split_token",
    "token_matches",
]

#: What a token may do beside placing, seeing and ending calls: agents, tokens and contacts over REST; listening in.
Right = Literal["admin", "supervise"]

_PREFIX = "ctc"
_SESSION_PREFIX = "ctcs"


class Principal(msgspec.Struct, frozen=True):
    """Who a valid token or session speaks for."""

    #: The token's public id, or the session's.
    token_id: str
    name: str
    #: The e-mail addresses (lower case) it may act for; None: all.
    agents: frozenset[str] | None = None
    #: Whether it is an agent's session: it may not make further ones.
    session: bool = False
    #: Never a session's.
    rights: frozenset[Right] = frozenset()

    def may_act_for(self, email: str) -> bool:
        """Whether this token is allowed to use that agent's phone."""
        return self.agents is None or email.lower() in self.agents

    @property
    def may_administer(self) -> bool:
        """Whether it may change agents, tokens and what else belongs to everybody."""
        return "admin" in self.rights and self.agents is None

    @property
    def may_supervise(self) -> bool:
        """Whether it may listen in on calls of the agents that it acts for."""
        return "supervise" in self.rights


class TokenRecord(msgspec.Struct, frozen=True):
    """What is known of a token; not the token."""

    id: str
    name: str
    hash: bytes
    #: The e-mail addresses it may act for; None: all.
    agents: frozenset[str] | None
    created_at: float
    expires_at: float | None = None
    revoked_at: float | None = None
    rights: frozenset[Right] = frozenset()

    def live(self, now: float) -> bool:
        """Whether it opens anything."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    @property
    def principal(self) -> Principal:
        """Who it speaks for."""
        return Principal(self.id, self.name, self.agents, rights=self.rights)


class ContactRecord(msgspec.Struct, frozen=True):
    """A contact with its numbers (E.164), the preferred one first."""

    id: str
    name: str
    numbers: tuple[str, ...] = ()
    company: str | None = None
    email: str | None = None
    url: str | None = None

    @property
    def shown(self) -> Contact:
        """As a call shows it."""
        return Contact(self.id, self.name, self.company, self.email, self.url)


class NewSession(msgspec.Struct, frozen=True):
    """A session as it is shown once: to whoever made it."""

    #: The bearer token.
    token: str
    #: Unix seconds.
    expires_at: float


class Directory(Protocol):
    """Agents, tokens and contacts. The first two are held in memory: no click waits for them."""

    def authenticate(self, token: str) -> Principal:
        """Of a token or a session. Raises Unauthorized for an unknown, revoked or expired one; the same for each."""
        ...

    def agent(self, email: str) -> Agent:
        """Raises AgentNotFound; letter case does not matter."""
        ...

    def all_agents(self) -> Sequence[Agent]:
        """In no order."""
        ...

    def find_agent(self, text: str) -> Agent | None:
        """By e-mail or by extension; None: nobody."""
        ...

    async def contact(self, contact_id: str) -> ContactRecord:
        """Raises ContactNotFound, DatabaseUnreachable."""
        ...


class People(Protocol):
    """Whom a new call is between: from the directory, or from the CRM with the directory behind it."""

    async def agent(self, email: str, number: str | None = None) -> Agent:
        """Within 300 ms. `number` is whom she will call, so that both can be looked up at once.

        Raises AgentNotFound, CrmUnreachable.
        """
        ...

    async def contact(self, contact_id: str) -> ContactRecord:
        """Raises ContactNotFound, DatabaseUnreachable."""
        ...


class Sessions(Protocol):
    """Agents' own short-lived access, made with a token."""

    async def create_session(self, principal: Principal, agent: Agent) -> NewSession:
        """A session that acts for this agent alone; it ends at its time, with the agent, or with the token.

        Raises Unauthorized when the token has ended, AgentNotFound, DatabaseUnreachable.
        """
        ...

    async def end_session(self, principal: Principal) -> None:
        """This session opens nothing any more. Raises DatabaseUnreachable."""
        ...


class Administration(Protocol):
    """Changes of agents and tokens; known here at once, and elsewhere within moments.

    Every method raises DatabaseUnreachable, and BadRequest for a field that may not be as given.
    """

    async def add_agent(self, agent: Agent) -> Agent:
        """Raises Conflict when e-mail or extension is taken."""
        ...

    async def set_agent(self, email: str, **changes: object) -> Agent:
        """Change some fields; None empties one. Raises AgentNotFound, Conflict."""
        ...

    async def remove_agent(self, email: str) -> None:
        """Her calls stay in the log. Raises AgentNotFound, and Conflict when the configuration would bring her back."""
        ...

    async def tokens(self) -> Sequence[TokenRecord]:
        """All, dead ones too, the newest first."""
        ...

    async def create_token(
        self, name: str, agents: Collection[str] | None, rights: Collection[Right] | None
    ) -> tuple[TokenRecord, str]:
        """A token with its secret, shown once; None: for all agents, with the usual rights.

        Raises AgentNotFound, and Conflict when the name is taken.
        """
        ...

    async def change_token(self, token_id: str, **changes: object) -> TokenRecord:
        """Change name, agents or rights of a live one. Raises TokenNotFound, AgentNotFound, Conflict."""
        ...

    async def rotate_token(self, token_id: str, grace: float) -> tuple[TokenRecord, str]:
        """A new one in place of a live one, which works for `grace` seconds more. Raises TokenNotFound."""
        ...

    async def revoke_token(self, token_id: str) -> None:
        """It opens nothing any more; harmless when it did not before. Raises TokenNotFound if it never existed."""
        ...


class IdempotencyKeys(Protocol):
    """Remembers for 24 hours which call a client's Idempotency-Key led to."""

    async def reserve(self, owner: str, key: str, request: bytes) -> str | None:
        """None: the key is new and now ours. Otherwise the call id it led to.

        `request` is a digest of what was asked. Raises KeyReused when the key was used for something else or its first
        request is still under way, DatabaseUnreachable.
        """
        ...

    async def settle(self, owner: str, key: str, call_id: str) -> None:
        """The reserved key led to this call."""
        ...

    async def release(self, owner: str, key: str) -> None:
        """The reserved key led to nothing; it may be used again."""
        ...


def new_token() -> tuple[str, str]:
    """A fresh token id and the token: `ctc_<id>_<256 random bits>`; only its hash is ever stored."""
    return _new(_PREFIX)


def new_session_token() -> tuple[str, str]:
    """A fresh session id and its token, `ctcs_…`, made the same way."""
    return _new(_SESSION_PREFIX)


def split_token(token: str) -> str | None:
    """The token's public id, or None if it is not a token at all."""
    return _split(token, _PREFIX)


def split_session_token(token: str) -> str | None:
    """The session's public id, or None if it is no session's token."""
    return _split(token, _SESSION_PREFIX)


def _new(prefix: str) -> tuple[str, str]:
    public_id = secrets.token_hex(6)
    return public_id, f"{prefix}_{public_id}_{secrets.token_urlsafe(32)}"


def _split(token: str, wanted: str) -> str | None:
    prefix, _, rest = token.partition("_")
    public_id, _, secret = rest.partition("_")
    return public_id if prefix == wanted and public_id and secret else None


def hash_token(token: str) -> bytes:
    """SHA-256; a token holds 256 random bits, so nothing slower is needed."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def token_matches(token: str, stored: bytes) -> bool:
    """Compared in constant time."""
    return hmac.compare_digest(hash_token(token), stored)
