"""openapi.yaml is what the service does, and /docs is a page one can read."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
import yaml
from aiohttp import web

from ctc_ari import __version__, calls, errors
from ctc_ari.calls.leg import Device
from ctc_ari.calls.model import CallState, Contact, EndedBy, EndReason, SupervisorMode, TransferMode, TransferState
from ctc_ari.erasure import Erased
from ctc_ari.http import application
from ctc_ari.http.agents import AgentChanges, AgentDetails, NewAgent
from ctc_ari.http.call_log import LogChanges
from ctc_ari.http.calls import CallView, NewCall, SupervisorView, TransferView
from ctc_ari.http.clicktocall import LENGTHS
from ctc_ari.http.contacts import ContactBody, ContactChanges, ContactView, NewContact
from ctc_ari.http.documentation import HERE
from ctc_ari.http.documentation_page import METHODS, resolve
from ctc_ari.http.erasures import NewErasure
from ctc_ari.http.events import Event, Notice, Snapshot
from ctc_ari.http.log_view import LogView
from ctc_ari.http.sessions import CurrentSessionView, NewSessionBody, SessionView
from ctc_ari.http.sip import TicketView
from ctc_ari.http.tokens import NewToken, TokenChanges, TokenView
from ctc_ari.http.webhooks import DeliveryView, NewWebhookBody, WebhookChanges, WebhookView, WebhookWithSecret
from ctc_ari.log.row import LogAgent
from tests.http.conftest import Wire, World


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    """The description with its references resolved."""
    document: dict[str, Any] = resolve(yaml.safe_load((HERE / "openapi.yaml").read_text(encoding="utf-8")))
    return document


def routes(app: web.Application) -> set[tuple[str, str]]:
    """Method and template of every route; HEAD comes with GET."""
    return {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }


def test_the_description_has_exactly_the_real_routes(openapi: dict[str, Any], world: World) -> None:
    described = {
        (method.upper(), path) for path, item in openapi["paths"].items() for method in METHODS if method in item
    }
    assert described == routes(application(world.services()))


def test_the_routes_of_this_version_are_pinned(world: World) -> None:
    assert routes(application(world.services())) == {
        ("GET", "/ClickToCallAPI"),
        ("POST", "/api/v1/sessions"),
        ("GET", "/api/v1/sessions/current"),
        ("DELETE", "/api/v1/sessions/current"),
        ("POST", "/api/v1/sip-tickets"),
        ("GET", "/sip"),
        ("GET", "/api/v1/events"),
        *(("GET", path) for path in ("/api/v1/contacts", "/api/v1/contacts/{id}")),
        ("POST", "/api/v1/contacts"),
        *((method, "/api/v1/contacts/{id}") for method in ("PUT", "PATCH", "DELETE")),
        ("GET", "/api/v1/call-log"),
        ("POST", "/api/v1/erasures"),
        *((method, "/api/v1/call-log/{id}") for method in ("GET", "PATCH")),
        *((method, "/api/v1/agents") for method in ("GET", "POST")),
        *((method, "/api/v1/agents/{email}") for method in ("GET", "PATCH", "DELETE")),
        *((method, "/api/v1/tokens") for method in ("GET", "POST")),
        *((method, "/api/v1/tokens/{token_id}") for method in ("GET", "PATCH", "DELETE")),
        ("POST", "/api/v1/tokens/{token_id}/rotate"),
        *((method, "/api/v1/webhooks") for method in ("GET", "POST")),
        *((method, "/api/v1/webhooks/{webhook_id}") for method in ("GET", "PATCH", "DELETE")),
        ("POST", "/api/v1/webhooks/{webhook_id}/rotate"),
        ("GET", "/api/v1/webhooks/{webhook_id}/deliveries"),
        ("POST", "/api/v1/webhooks/{webhook_id}/deliveries/{did}/replay"),
        ("GET", "/api/v1/calls"),
        ("POST", "/api/v1/calls"),
        ("GET", "/api/v1/calls/{id}"),
        ("DELETE", "/api/v1/calls/{id}"),
        *((method, f"/api/v1/calls/{{id}}/{wish}") for wish in WISHES for method in ("PUT", "DELETE")),
        ("POST", "/api/v1/calls/{id}/dtmf"),
        ("GET", "/api/v1/calls/{id}/recordings/{number}"),
        ("GET", "/panel/ctc-panel.js"),
        ("GET", "/panel/window"),
        ("GET", "/panel/window.css"),
        ("GET", "/panel/window.js"),
        ("POST", "/api/v1/calls/{id}/transfers"),
        ("GET", "/api/v1/calls/{id}/transfers/{tid}"),
        ("DELETE", "/api/v1/calls/{id}/transfers/{tid}"),
        ("POST", "/api/v1/calls/{id}/transfers/{tid}/complete"),
        ("POST", "/api/v1/calls/{id}/transfers/{tid}/swap"),
        ("POST", "/api/v1/calls/{id}/device"),
        ("POST", "/api/v1/calls/{id}/supervisors"),
        ("PUT", "/api/v1/calls/{id}/supervisors/{sid}"),
        ("DELETE", "/api/v1/calls/{id}/supervisors/{sid}"),
        ("GET", "/livez"),
        ("GET", "/readyz"),
        ("GET", "/metrics"),
        ("GET", "/"),
        ("GET", "/docs"),
        ("GET", "/openapi.yaml"),
    }


def test_the_described_call_is_the_one_that_is_sent(openapi: dict[str, Any]) -> None:
    call = openapi["components"]["schemas"]["Call"]
    assert list(call["properties"]) == call["required"] == list(CallView.__struct_fields__)
    assert set(call["properties"]["state"]["enum"]) == set(CallState)
    assert set(call["properties"]["end_reason"]["enum"]) == {None, *EndReason}
    assert set(call["properties"]["ended_by"]["enum"]) == {None, *get_args(EndedBy)}
    assert set(call["properties"]["device"]["enum"]) == set(get_args(Device))
    transfer = openapi["components"]["schemas"]["Transfer"]
    assert set(transfer["properties"]["state"]["enum"]) == set(get_args(TransferState))
    assert set(transfer["properties"]["mode"]["enum"]) == set(get_args(TransferMode))
    supervisor = openapi["components"]["schemas"]["Supervisor"]
    assert set(supervisor["properties"]["mode"]["enum"]) == set(get_args(SupervisorMode))


def test_the_described_new_call_is_the_one_that_is_read(openapi: dict[str, Any]) -> None:
    new = openapi["components"]["schemas"]["NewCall"]
    schemas: dict[str, Any] = msgspec.json.schema_components([NewCall])[1]["NewCall"]
    assert set(new["properties"]) == set(schemas["properties"])
    assert new["required"] == schemas["required"]
    assert new["properties"]["email"]["maxLength"] == schemas["properties"]["email"]["maxLength"]
    for name in ("to", "contact_id"):
        text = next(choice for choice in schemas["properties"][name]["anyOf"] if choice["type"] == "string")
        assert new["properties"][name]["maxLength"] == text["maxLength"]


@pytest.mark.parametrize(
    ("name", "struct"),
    [
        ("NewSession", NewSessionBody),
        ("Session", SessionView),
        ("CurrentSession", CurrentSessionView),
        ("SipTicket", TicketView),
        ("Event", Event),
        ("LogEntry", LogView),
        ("LogAgent", LogAgent),
        ("LogContact", Contact),
        ("Snapshot", Snapshot),
        ("Notice", Notice),
        ("Webhook", WebhookView),
        ("WebhookWithSecret", WebhookWithSecret),
        ("Delivery", DeliveryView),
        ("Transfer", TransferView),
        ("Supervisor", SupervisorView),
    ],
)
def test_the_described_sessions_and_messages_are_the_real_ones(
    openapi: dict[str, Any], name: str, struct: type[msgspec.Struct]
) -> None:
    described = openapi["components"]["schemas"][name]
    assert list(described["properties"]) == described["required"] == list(struct.__struct_fields__)


def test_every_event_that_is_announced_is_described(openapi: dict[str, Any]) -> None:
    sources = Path(calls.__file__).parent.glob("*.py")
    announced = {
        event
        for source in sources
        for event in re.findall(r'"(call\.[a-z_]*[a-z])"', source.read_text(encoding="utf-8"))
    }
    assert announced == set(openapi["components"]["schemas"]["Event"]["properties"]["type"]["enum"])


def test_the_described_parameters_are_the_ones_that_are_read(openapi: dict[str, Any]) -> None:
    described = openapi["paths"]["/ClickToCallAPI"]["get"]["parameters"]
    assert {parameter["name"] for parameter in described} | {"token"} == set(LENGTHS)
    for parameter in described:
        assert parameter["schema"].get("maxLength", LENGTHS[parameter["name"]]) == LENGTHS[parameter["name"]]


def test_every_code_that_can_occur_is_described() -> None:
    text = (HERE / "openapi.yaml").read_text(encoding="utf-8")
    abstract = {"conflict", "unprocessable", "unavailable", "config", "setup", "wrong_state", "not_found"}
    codes = {
        error.code for error in vars(errors).values() if isinstance(error, type) and issubclass(error, errors.CtcError)
    }
    assert {code for code in codes - abstract if code not in text} == set()


def test_the_description_has_this_version(openapi: dict[str, Any]) -> None:
    assert openapi["info"]["version"] == __version__


#: What an agent may switch on and off during a call.
WISHES = ("mute", "hold", "recording")


@pytest.mark.parametrize(
    ("name", "struct", "shown"),
    [
        ("Contact", ContactView, True),
        ("ContactBody", ContactBody, False),
        ("NewContact", NewContact, False),
        ("ContactChanges", ContactChanges, False),
        ("LogChanges", LogChanges, False),
        ("NewErasure", NewErasure, False),
        ("Erased", Erased, True),
        ("AgentDetails", AgentDetails, True),
        ("NewAgent", NewAgent, False),
        ("AgentChanges", AgentChanges, False),
        ("Token", TokenView, True),
        ("NewToken", NewToken, False),
        ("TokenChanges", TokenChanges, False),
        ("NewWebhook", NewWebhookBody, False),
        ("WebhookChanges", WebhookChanges, False),
    ],
)
def test_the_described_records_are_the_real_ones(
    openapi: dict[str, Any], name: str, struct: type[msgspec.Struct], shown: bool
) -> None:
    """What is shown has every key; of what is read, only what has no default is required."""
    described = openapi["components"]["schemas"][name]
    read = msgspec.json.schema_components([struct])[1][struct.__name__]
    assert set(described["properties"]) == set(struct.__struct_fields__)
    assert set(described.get("required", [])) == set(struct.__struct_fields__ if shown else read["required"])


async def test_the_description_is_served(wire: Wire) -> None:
    answer = await wire.request("GET", "/openapi.yaml")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/yaml")
    assert answer.body == (HERE / "openapi.yaml").read_bytes()


def plain(text: str) -> str:
    """Without line breaks and Markdown."""
    return " ".join(text.replace("`", "").split())


class Page(HTMLParser):
    """What the tests want to know about a page; complains about tags that do not match."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in ("meta", "br"):
            self.open.append(tag)
        values = dict(attrs)
        assert not [name for name in values if name.startswith("on") or name == "style"]
        self.ids += [values["id"] or ""] if "id" in values else []
        self.links += [values["href"] or ""] if "href" in values else []

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


async def test_the_page_shows_every_operation_without_anything_from_elsewhere(
    wire: Wire, openapi: dict[str, Any]
) -> None:
    answer = await wire.request("GET", "/docs")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    page = Page(answer.body.decode())
    assert page.open == []
    assert not page.tags & {"script", "link", "img", "iframe", "form"}
    assert [link for link in page.links if not link.startswith("#")] == ["openapi.yaml"]
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert len(set(page.ids)) == len(page.ids)
    for path, item in openapi["paths"].items():
        for operation in (item[method] for method in METHODS if method in item):
            assert operation["operationId"] in page.ids
            assert path in page.text
            for status, response in operation["responses"].items():
                assert status in page.text
                assert plain(response["description"]) in plain(page.text)
    assert "<code>duplicate" not in page.text
    assert "&#34;status&#34;: &#34;success&#34;" in answer.body.decode()
    assert not re.search(r"\{[{%]|Undefined|&amp;amp;", answer.body.decode())


async def test_the_pages_policy_allows_its_own_style_only(wire: Wire) -> None:
    policy = (await wire.request("GET", "/docs")).headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


async def test_the_root_leads_to_the_page(wire: Wire) -> None:
    answer = await wire.request("GET", "/")
    assert (answer.status, answer.headers["Location"]) == (302, "docs")
    assert answer.json == {"service": f"ctc_ari {__version__}", "docs": "docs", "openapi": "openapi.yaml"}
