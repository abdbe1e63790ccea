"""The collection and the environment as Postman imports them (collection format v2.1)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

__all__ = ["COLLECTION", "ENVIRONMENT", "FOLDER", "read", "requests"]

FOLDER = Path(__file__).parents[2] / "postman"
COLLECTION = FOLDER / "ctc_ari.postman_collection.json"
ENVIRONMENT = FOLDER / "ctc_ari.postman_environment.json"


def read(path: Path) -> dict[str, Any]:
    """The file, decoded."""
    return dict(msgspec.json.decode(path.read_bytes()))


def requests(collection: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every request of every folder, in the order in which they run."""
    for item in collection["item"]:
        if "item" in item:
            yield from requests(item)
        else:
            yield item
