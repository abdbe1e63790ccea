"""How tests ask: with a token, and for what has to be refused."""

from __future__ import annotations

from typing import Any

from tests.http.conftest import Client

__all__ = ["bearer", "refused"]


def bearer(token: str) -> dict[str, str]:
    """The header that carries the token."""
    return {"Authorization": f"Bearer {token}"}


async def refused(client: Client, method: str, path: str, status: int, code: str, **more: Any) -> str:
    """Ask, and hold the answer against this status and `code`; its `detail`."""
    response = await client.request(method, path, **more)
    problem: dict[str, Any] = await response.json(content_type="application/problem+json")
    assert (response.status, problem["code"]) == (status, code)
    return str(problem["detail"])
