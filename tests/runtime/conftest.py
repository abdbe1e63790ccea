"""What the runtime's tests share: a real Asterisk, fetched once, and configurations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ctc_ari.config import Config
from ctc_ari.runtime import asterisk
from tests.phones import free_port

MakeConfig = Callable[..., Config]


@pytest.fixture(scope="session")
def installation() -> asterisk.Installation:
    return asterisk.find() or asterisk.install()


@pytest.fixture
def make_config(tmp_path: Path) -> MakeConfig:
    """A configuration on free ports; keywords go to `asterisk`, but for `agents`, `password`, `region` and `routes`."""

    def make(
        *,
        agents: list[dict[str, Any]] | None = None,
        password: str = "secret",
        region: str = "GB",
        routes: dict[str, str | list[str]] | None = None,
        **changes: Any,
    ) -> Config:
        node = {"name": "pbx1", "ari_url": f"http://127.0.0.1:{free_port()}/ari", "password": password}
        document = {
            "database": {"data_dir": str(tmp_path / "var")},
            "asterisk": {"nodes": [node], "sip_bind": f"127.0.0.1:{free_port()}", **changes},
            "numbers": {"default_region": region},
            "inbound": {"routes": routes or {}},
            "agents": agents or [],
        }
        return msgspec.convert(document, Config)

    return make
