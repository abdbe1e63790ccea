"""Who may do what: agents, tokens and contacts as the edges see them, without a word on where they are kept."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Protocol

import msgspec

from ctc_ari.calls.model import Agent

__all__ = [
    "ContactRecord",
    "Directory",
    "IdempotencyKeys",
    "Principal",
    "hash_token",
    "new_token",
    "split_token",
    "token_matches",
]

_PREFIX = "ctc"


class Principal(msgspec.Struct, frozen=True):
    """Who a valid token speaks for."""

    token_id: str
    name: str
    #: The e-mail addresses (lower case) it may act for; None: all.
    agents: frozenset[str] | None = None

    def may_act_for(self, email: str) -> bool:
        """Whether this token is allowed to use that agent's phone."""
        return self.agents is None or email.lower() in self.agents


class ContactRecord(msgspec.Struct, frozen=True):
    """A contact with its numbers (E.164), the preferred one first."""

    id: str
    name: str
    numbers: tuple[str, ...] = ()


class Directory(Protocol):
    """Agents, tokens and contacts. The first two are held in memory: no click waits for them."""

    def authenticate(self, token: str) -> Principal:
        """Raises Unauthorized for an unknown, revoked or expired token; the same for each."""
        ...

    def agent(self, email: str) -> Agent:
        """Raises AgentNotFound; letter case does not matter."""
        ...

    async def contact(self, contact_id: str) -> ContactRecord:
        """Raises ContactNotFound, DatabaseUnreachable."""
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
    token_id = secrets.token_hex(6)
    return token_id, f"{_PREFIX}_{token_id}_{secrets.token_urlsafe(32)}"


def split_token(token: str) -> str | None:
    """The token's public id, or None if it is not a token at all."""
    prefix, _, rest = token.partition("_")
    token_id, _, secret = rest.partition("_")
    return token_id if prefix == _PREFIX and token_id and secret else None


def hash_token(token: str) -> bytes:
    """SHA-256; a token holds 256 random bits, so nothing slower is needed."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def token_matches(token: str, stored: bytes) -> bool:
    """Compared in constant time."""
    return hmac.compare_digest(hash_token(token), stored)
