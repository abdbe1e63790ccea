"""Why a connection to Asterisk cannot be had or kept."""

from __future__ import annotations

__all__ = ["AriFailed"]


class AriFailed(Exception):
    """In words for an admin."""
