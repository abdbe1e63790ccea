"""For all tests: the service logs warnings and worse, nothing else; and what else can be asked for."""

from __future__ import annotations

import logging

import pytest

from ctc_ari import logs

logs.configure(level=logging.WARNING, readable=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    """What CI has no time for."""
    parser.addoption(
        "--both-transports", action="store_true", help="each integration test over WebSocket and over HTTP"
    )
