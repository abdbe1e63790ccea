"""/panel/ctc-panel.js."""

from __future__ import annotations

from pathlib import Path

import pytest

from ctc_ari.http import panel
from tests.http.conftest import Client


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A script of the tests' own, not there yet."""
    path = tmp_path / "ctc-panel.js"
    monkeypatch.setattr(panel, "SCRIPT", path)
    return path


def write(path: Path, source: str) -> str:
    path.write_text(source)
    return source


async def test_any_page_may_load_the_script(client: Client, script: Path) -> None:
    source = write(script, "export {}\n" * 1000)
    answer = await client.get("/panel/ctc-panel.js", headers={"Origin": "https://crm.example.com"})
    assert (answer.status, answer.content_type) == (200, "text/javascript")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Encoding"] in ("gzip", "deflate")
    assert await answer.text() == source


async def test_a_browser_that_has_it_does_not_load_it_again(client: Client, script: Path) -> None:
    write(script, "export {}")
    first = await client.get("/panel/ctc-panel.js")
    assert first.headers["Cache-Control"] == "no-cache"
    again = await client.get("/panel/ctc-panel.js", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, await again.read()) == (304, b"")


async def test_without_the_script_the_service_says_what_to_do(client: Client, script: Path) -> None:
    answer = await client.get("/panel/ctc-panel.js")
    problem = await answer.json(content_type="application/problem+json")
    assert (answer.status, problem["code"]) == (503, "panel_missing")
    assert "make panel" in problem["detail"]
    write(script, "export {}")
    assert (await client.get("/panel/ctc-panel.js")).status == 200


async def test_a_window_of_its_own_has_a_strict_policy_and_no_session(client: Client) -> None:
    page = await client.get("/panel/window")
    assert (page.status, page.content_type) == (200, "text/html")
    policy = page.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    for name, kind in (("window.css", "text/css"), ("window.js", "text/javascript")):
        assert name in await page.text()
        answer = await client.get(f"/panel/{name}")
        assert (answer.status, answer.content_type) == (200, kind)
