"""What the tests of the desk share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.calls.room import Opener, Room


@pytest.fixture
async def open_room() -> AsyncIterator[Opener]:
    opened: list[Room] = []

    def build(**settings: Any) -> Room:
        opened.append(Room(**settings))
        return opened[-1]

    yield build
    for room in opened:
        room.desk.close()


@pytest.fixture
async def room(open_room: Opener) -> Room:
    return open_room()
