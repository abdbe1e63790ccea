"""docker/ stays what it says: it parses, names real keys, real commands and real files, and nothing runs as root."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from ctc_ari.config import examine
from tests.docs.documents import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker/compose.yaml").read_text(encoding="utf-8"))
DOCKERFILE = (ROOT / "docker/Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
OURS = ("service", "asterisk")


def stages() -> dict[str, str]:
    """The text of each, by its name."""
    parts = re.split(r"^FROM (\S+) AS (\w+)$", DOCKERFILE, flags=re.MULTILINE)
    return dict(zip(parts[2::3], parts[3::3], strict=True))


@pytest.mark.parametrize("name", OURS)
def test_the_variables_are_keys_of_the_configuration(name: str, tmp_path: Any) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    environment = {
        key: str(secret) if key.endswith("_FILE") else str(value)
        for key, value in COMPOSE["services"][name]["environment"].items()
    }
    config, problems = examine(ROOT / "config.yaml", environment)
    assert problems == []
    assert config is not None
    assert config.asterisk.nodes[0].password == "secret"
    assert config.database.url.startswith("postgresql://")
    assert "\n".join(COMPOSE["services"][name]["volumes"]).count(f":{config.database.data_dir}") >= 1


@pytest.mark.parametrize("name", OURS)
def test_what_is_mounted_and_secret_is_declared(name: str) -> None:
    service = COMPOSE["services"][name]
    volumes = {volume.partition(":")[0] for volume in service["volumes"] if not volume.startswith("$")}
    assert volumes <= set(COMPOSE["volumes"])
    files = {value for key, value in service["environment"].items() if key.endswith("_FILE")}
    assert files == {f"/run/secrets/{secret}" for secret in service["secrets"]}
    assert set(service["secrets"]) <= set(COMPOSE["secrets"])
    #: Both see Asterisk's record files, at the place where the service looks for them.
    assert "asterisk:/var/lib/ctc-ari/asterisk" in service["volumes"]
    assert set(service["depends_on"]) <= set(COMPOSE["services"])


@pytest.mark.parametrize("name", OURS)
def test_nothing_of_ours_runs_as_root_or_writes_elsewhere(name: str) -> None:
    service = COMPOSE["services"][name]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    stage = stages()[service["build"]["target"]]
    assert re.search(r"^USER 10001$", stage, re.MULTILINE)
    assert "--uid 10001" in stage
    assert re.search(r"^HEALTHCHECK ", stage, re.MULTILINE)
    assert '"--config", "/etc/ctc-ari/config.yaml"' in stage
    assert any(":/etc/ctc-ari/config.yaml:ro" in volume for volume in service["volumes"])


def test_every_base_is_pinned() -> None:
    bases = re.findall(r"^ARG \w+=(\S+)$", DOCKERFILE, re.MULTILINE)
    bases += [service["image"] for service in COMPOSE["services"].values() if "image" in service]
    assert len(bases) == 3
    for base in bases:
        assert re.search(r":(?:\d+\.\d+|sid-\d{8})", base), base


def test_what_is_copied_is_there_and_let_through() -> None:
    ignored = (ROOT / "docker/Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    passed = [line.removeprefix("!") for line in ignored if line.startswith("!")]
    assert ignored[0] == "*"
    for name in passed:
        assert (ROOT / name).exists(), name
    assert {"ctc_ari", "asterisk-config", "pyproject.toml", "setup.py", "requirements.lock"} <= set(passed)
