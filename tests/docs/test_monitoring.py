"""The Grafana dashboard and the Prometheus alerts ask for what the service really tells."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from ctc_ari.app import service
from ctc_ari.calls.model import EndReason
from ctc_ari.config import Asterisk, Config, Database, Node, Server
from tests.docs.documents import DOCS
from tests.phones import free_port
from tests.store import databases

DASHBOARD: dict[str, Any] = json.loads((DOCS / "grafana/ctc_ari.json").read_text(encoding="utf-8"))
RULES: dict[str, Any] = yaml.safe_load((DOCS / "grafana/ctc_ari.rules.yml").read_text(encoding="utf-8"))
#: Prometheus' own, and what it adds to every series.
OF_PROMETHEUS = {"up"}
TARGET_LABELS = {"job", "instance"}


def panels() -> Iterator[dict[str, Any]]:
    for panel in DASHBOARD["panels"]:
        yield panel
        yield from panel.get("panels", ())


def expressions() -> list[str]:
    """Every PromQL in both files."""
    found = [target["expr"] for panel in panels() for target in panel.get("targets", ())]
    found += [each["expr"] for each in DASHBOARD["annotations"]["list"] if "expr" in each]
    found += [each["query"] for each in DASHBOARD["templating"]["list"] if each["type"] == "query"]
    return found + [rule["expr"] for group in RULES["groups"] for rule in group["rules"]]


def names(expression: str) -> set[str]:
    """The metrics in it: what stands before `{`, `[`, a comparison, or alone in brackets, and is no function."""
    bare = re.sub(r'"[^"]*"', '""', expression)
    bare = re.sub(r"\b(?:by|without)\s*\([^)]*\)", "", bare)
    bare = re.sub(r"\{[^}]*\}", "{}", bare)
    return set(re.findall(r"\b((?:ctc|process|python)_\w+|up)\b", bare))


def labels(expression: str) -> set[str]:
    """Those that are selected, and those that are summed by."""
    selected = re.findall(r"\{([^}]*)\}", expression)
    found = {name for text in selected for name in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", text)}
    grouped = re.findall(r"\bby\s*\(([^)]*)\)", expression)
    return found | {name.strip() for text in grouped for name in text.split(",")}


@pytest.fixture(scope="module")
async def told(server: databases.Server, tmp_path_factory: pytest.TempPathFactory) -> tuple[set[str], set[str]]:
    """The names of all series that a service tells, and their labels; no Asterisk is needed for that."""
    async with server.migrated() as url:
        config = Config(
            server=Server(port=0),
            database=Database(url=url, data_dir=str(tmp_path_factory.mktemp("data"))),
            asterisk=Asterisk(nodes=(Node(ari_url=f"http://127.0.0.1:{free_port()}/ari"),)),
        )
        async with service(config) as address, aiohttp.ClientSession() as session:
            await (await session.get(f"{address}/nowhere")).read()
            text = await (await session.get(f"{address}/metrics")).text()
    series: set[str] = set()
    found: set[str] = {"le", "receiver", "outcome"}
    for family in text_string_to_metric_families(text):
        #: A counter whose labels nobody has used yet is told without any series.
        series |= {family.name, f"{family.name}_total"} if family.type == "counter" else {family.name}
        for sample in family.samples:
            series.add(sample.name)
            found |= set(sample.labels)
    return series, found


def test_every_metric_that_is_asked_for_is_told(told: tuple[set[str], set[str]]) -> None:
    series, known = told
    asked = {name for expression in expressions() for name in names(expression)}
    assert len(asked) > 20
    assert asked - series - OF_PROMETHEUS == set()
    assert {name for text in expressions() for name in labels(text)} - known - TARGET_LABELS == set()


def test_every_metric_of_ours_is_shown(told: tuple[set[str], set[str]]) -> None:
    shown = {re.sub(r"_(bucket|sum|count|total|info)$", "", name) for text in expressions() for name in names(text)}
    ours = {re.sub(r"_(bucket|sum|count|total|info|created)$", "", name) for name in told[0] if name.startswith("ctc_")}
    assert ours - shown == set()


def test_end_reasons_that_are_asked_for_exist() -> None:
    asked = {
        reason
        for text in expressions()
        for found in re.findall(r'end_reason=~?"([^"]*)"', text)
        for reason in found.split("|")
    }
    assert asked
    assert asked <= {reason.value for reason in EndReason}


def test_the_dashboard_is_one_that_grafana_imports() -> None:
    ids = [panel["id"] for panel in panels()]
    assert len(set(ids)) == len(ids)
    for panel in panels():
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        if panel["type"] == "row":
            continue
        assert panel["datasource"]["uid"] == "${datasource}", "whatever the reader's is called"
        assert [target["refId"] for target in panel["targets"]] == sorted({t["refId"] for t in panel["targets"]})
    cells = [
        (x, y)
        for panel in panels()
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells), "no panel lies on another"
    assert DASHBOARD["id"] is None, "one that is not there yet"
    assert DASHBOARD["uid"] == "ctc-ari"


def test_every_alert_says_what_to_do() -> None:
    page = (Path(DOCS) / "operating.md").read_text(encoding="utf-8")
    for group in RULES["groups"]:
        for rule in group["rules"]:
            assert rule["labels"]["severity"] in ("critical", "warning")
            assert rule["annotations"]["summary"]
            assert rule["annotations"]["description"]
            assert f"`{rule['alert']}`" in page
