"""What may know what, what each module offers, and where each module is tested."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from ctc_ari import errors

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "ctc_ari"
MODULES = sorted(
    path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
    for path in PACKAGE.rglob("*.py")
    if "migrations" not in path.parts and path.name not in ("__init__.py", "__main__.py")
)
#: Pure: given data, and the time where it matters.
_PURE_IN_CALLS = (
    *("model", "leg", "inputs", "effects", "engine", "steps", "outbound", "inbound", "transfer", "sides", "controls"),
    *("resume", "outcomes", "policy", "numbers", "dialling", "requests", "recall", "referral", "handover"),
    *("reconnect", "again"),
)
_PURE_IN_LOG = tuple(sorted(path.stem for path in (PACKAGE / "log").glob("*.py") if path.name != "__init__.py"))
PURE = [
    "ctc_ari.ari.messages",
    "ctc_ari.ari.rest",
    *(f"ctc_ari.log.{name}" for name in _PURE_IN_LOG),
    *(f"ctc_ari.calls.{name}" for name in _PURE_IN_CALLS),
]

#: Modules without a test file of their own name, and the one that tests them.
TESTED_ELSEWHERE = {
    "ctc_ari.ari.failure": "ari/test_gateway.py",
    "ctc_ari.calls.commands": "calls/test_desk.py",
    "ctc_ari.calls.driver": "calls/test_desk.py",
    "ctc_ari.calls.effects": "calls/test_engine.py",
    "ctc_ari.calls.entry": "calls/test_desk_controls.py",
    "ctc_ari.calls.inputs": "calls/test_engine.py",
    "ctc_ari.calls.ports": "calls/test_desk.py",
    "ctc_ari.calls.hearing": "calls/test_desk_callers.py",
    "ctc_ari.calls.handover": "calls/test_transfer.py",
    "ctc_ari.calls.recall": "calls/test_transfer.py",
    "ctc_ari.calls.reconnect": "calls/test_transfer.py",
    "ctc_ari.calls.steps": "calls/test_engine.py",
    "ctc_ari.errors": "test_architecture.py",
    "ctc_ari.web_phones": "ari/test_web_phones.py",
    "ctc_ari.crm.builtin": "crm/test_choice.py",
    "ctc_ari.crm.port": "crm/test_choice.py",
    "ctc_ari.log.house": "log/test_cdr.py",
    "ctc_ari.log.pairs": "log/test_cdr.py",
    "ctc_ari.log.row": "log/test_calls.py",
    "ctc_ari.logs": "http/test_observe.py",
    "ctc_ari.store.call_rows": "store/test_calls.py",
    "ctc_ari.webhooks.sender": "webhooks/test_worker.py",
}
#: Folders whose modules are tested together.
TESTED_TOGETHER = {
    "ctc_ari.cli": "cli",
    "ctc_ari.config": "config",
    "ctc_ari.demo": "browser/test_demo.py",
    "ctc_ari.http": "http",
    "ctc_ari.panel": "panel",
    "ctc_ari.runtime": "runtime",
    "ctc_ari.store": "store",
}

#: What the other modules stand on; a change here is a change for all of them.
PUBLIC = {
    "ctc_ari.calls.commands": "CallDesk PlaceCall Placed Recordings",
    "ctc_ari.calls.desk": "Desk",
    "ctc_ari.calls.dialling": "Dialling FindAgent",
    "ctc_ari.calls.engine": "TABLE WISHES begin handler_of ignore refuse step",
    "ctc_ari.calls.ids": (
        "belongs_to bridge_id channel_id is_call_id new_call_id other_channel_id owner_of recording_name side_bridge_id"
    ),
    "ctc_ari.calls.leg": "Device Leg LegStage Role",
    "ctc_ari.calls.model": (
        "Agent Call CallState Contact EndReason EndedBy Phase RecordingState Supervisor "
        "SupervisorMode Target Transfer TransferMode TransferState"
    ),
    "ctc_ari.log.cdr": "is_complete row_of_records",
    "ctc_ari.log.keep": "LONGEST_CALL Known Wait row_now",
    "ctc_ari.log.row": "Disposition House LogAgent LogRow LogTransfer Quality Recorded disposition_of",
    "ctc_ari.calls.outcomes": "agent_outcome customer_outcome tone_for transfer_outcome",
    "ctc_ari.calls.policy": "Admission RecentCalls",
    "ctc_ari.calls.ports": (
        "NOT_SENT Arrived CallStore DialAnswered Feed Happening Heard Left Listener Logged Referred Replied Snapshot "
        "Telephony"
    ),
    "ctc_ari.calls.resume": "Resumed dialled_already is_beside missed observed reassert resume watch_again",
    "ctc_ari.ari.gateway": "Gateway",
    "ctc_ari.ari.transport": "Answered HttpTransport Transport WebSocketTransport",
    "ctc_ari.metrics": "CallMetrics",
    "ctc_ari.store.calls": "PostgresCallStore",
}


def source(module: str) -> ast.Module:
    return ast.parse((ROOT / module.replace(".", "/")).with_suffix(".py").read_text(encoding="utf-8"))


def test_the_contracts_of_pyproject_hold() -> None:
    """The engine decides without I/O, edges do not know each other, calls know no edge."""
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "3 kept, 0 broken" in done.stdout


@pytest.mark.parametrize("module", PURE)
def test_pure_modules_neither_wait_nor_look_at_a_clock(module: str) -> None:
    forbidden = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith, ast.Global)
    for node in ast.walk(source(module)):
        assert not isinstance(node, forbidden), ast.unparse(node)
        if isinstance(node, ast.Import):
            names = {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {node.module.partition(".")[0]}
        else:
            continue
        assert not names & {"asyncio", "aiohttp", "asyncpg", "socket", "time", "datetime", "random", "os"}, names


@pytest.mark.parametrize("module", MODULES)
def test_every_module_says_what_it_is_and_what_it_offers(module: str) -> None:
    loaded = importlib.import_module(module)
    assert loaded.__doc__, "it says in one line what it is"
    offered = loaded.__all__
    assert len(set(offered)) == len(offered)
    for name in offered:
        assert hasattr(loaded, name), name
        assert not name.startswith("_"), name


@pytest.mark.parametrize("module", PUBLIC)
def test_public_names_are_pinned(module: str) -> None:
    assert set(importlib.import_module(module).__all__) == set(PUBLIC[module].split())


@pytest.mark.parametrize("module", MODULES)
def test_nobody_takes_what_is_not_offered(module: str) -> None:
    """Constants may be read without being part of what a module is for."""
    for node in ast.walk(source(module)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("ctc_ari."):
            loaded = importlib.import_module(node.module)
            for alias in node.names:
                is_module = (PACKAGE.parent / node.module.replace(".", "/") / f"{alias.name}.py").exists()
                assert is_module or alias.name.isupper() or alias.name in loaded.__all__, (
                    f"{alias.name} of {node.module}"
                )


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_its_tests(module: str) -> None:
    mirror = Path(*module.split(".")[1:])
    own = ROOT / "tests" / mirror.with_name(f"test_{mirror.name}.py")
    together = [place for folder, place in TESTED_TOGETHER.items() if module.startswith(folder)]
    elsewhere = TESTED_ELSEWHERE.get(module)
    if elsewhere:
        assert not own.exists(), "it has a test file of its own now"
        own = ROOT / "tests" / elsewhere
    elif not own.exists() and together:
        own = ROOT / "tests" / together[0]
    assert own.exists(), f"{own.relative_to(ROOT)} is missing"


def test_each_error_has_its_own_code_and_says_what_to_do() -> None:
    classes = [getattr(errors, name) for name in errors.__all__]
    assert len({error.code for error in classes}) == len(classes)
    for error in classes:
        assert issubclass(error, errors.CtcError)
        assert error().message == error.__doc__
        assert error("words").message == "words"
        assert error.__name__ in (errors.__doc__ or ""), "the tree at the top shows it"
