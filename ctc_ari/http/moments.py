"""Points in time as clients read them: RFC 3339, UTC, milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["moment", "moment_or_none"]


def moment(at: float) -> str:
    """Unix seconds in that form."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment_or_none(at: float | None) -> str | None:
    """The same for what need not have happened."""
    return None if at is None else moment(at)
