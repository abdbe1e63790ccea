"""schemathesis sends what the description allows and forbids, and compares the answers with it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from ctc_ari.calls.model import Agent
from ctc_ari.http.documentation import HERE
from tests.http.conftest import Server, World
from tests.http.fakes import ANNA, TOKEN, FakeDirectory, a_call


class OpenDirectory(FakeDirectory):
    """Any e-mail address is Anna's, so that random ones get as far as the desk."""

    def agent(self, email: str) -> Agent:
        """Always there."""
        return ANNA


schema = schemathesis.openapi.from_path(HERE / "openapi.yaml")


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    """The application in a thread of its own, because schemathesis waits for its answers."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    world = World(directory=OpenDirectory())
    world.desk.put(a_call("call-1"))
    server = Server(world.services())
    asyncio.run_coroutine_threadsafe(server.start_server(), loop).result(5)
    yield f"http://127.0.0.1:{server.port}"
    asyncio.run_coroutine_threadsafe(server.close(), loop).result(5)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    loop.close()


@schema.parametrize()
@settings(max_examples=15, deadline=None, database=None, suppress_health_check=list(HealthCheck))
def test_the_service_does_what_its_description_says(case: schemathesis.Case[Any], base_url: str) -> None:
    case.call_and_validate(
        base_url=base_url,
        headers={"Authorization": f"Bearer {TOKEN}"},
        allow_redirects=False,
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_headers_conformance,
            response_schema_conformance,
        ],
    )
