"""A memory of the CRM's answers without a database."""

from __future__ import annotations

from ctc_ari.errors import DatabaseUnreachable

__all__ = ["Notebook"]


class Notebook:
    """Keeps answers as the database does, unless it is away."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], bytes] = {}
        self.away = False

    async def recall(self, kind: str, key: str) -> bytes | None:
        if self.away:
            raise DatabaseUnreachable
        return self.kept.get((kind, key))

    async def keep(self, kind: str, key: str, answer: bytes) -> None:
        if self.away:
            raise DatabaseUnreachable
        self.kept[kind, key] = answer
