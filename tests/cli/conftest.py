"""Where commands are typed: on a database with nothing in it, or on none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.cli.shell import Shell
from tests.store import databases


@pytest.fixture
async def url(server: databases.Server) -> AsyncIterator[str]:
    async with server.migrated() as made:
        yield made


@pytest.fixture
def ctc(tmp_path: Path, url: str) -> Shell:
    """On a database with the current schema."""
    return Shell(tmp_path, CTC_DATABASE__URL=url)


@pytest.fixture
def plain(tmp_path: Path) -> Shell:
    """On no database at all."""
    return Shell(tmp_path, CTC_DATABASE__URL="postgresql://anna:s3cret@127.0.0.1:9/nowhere")
