"""The collection is what openapi.yaml describes, and the environment is what the demo prints."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from ctc_ari.demo import main, sample
from ctc_ari.http import documentation
from ctc_ari.http.documentation_page import METHODS
from tests.postman.collection import COLLECTION, ENVIRONMENT, FOLDER, read, requests

ITEMS = list(requests(read(COLLECTION)))
#: What a request's scripts expect.
STATUS = re.compile(r"pm\.response\.to\.have\.status\((\d+)\)")
VARIABLE = re.compile(r"\{\{([^}]+)\}\}")
PARAMETER = re.compile(r"/:(\w+)")


@pytest.fixture(scope="module")
def paths() -> dict[str, Any]:
    """What is described, by path and method."""
    text = (Path(documentation.__file__).parent / "openapi.yaml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text)["paths"])


def route(item: dict[str, Any]) -> tuple[str, str]:
    """Method and template, as openapi.yaml writes them."""
    path = "/" + "/".join(item["request"]["url"]["path"])
    return item["request"]["method"], PARAMETER.sub(r"/{\1}", path)


def script(item: dict[str, Any], when: str = "test") -> str:
    return "\n".join(line for event in item["event"] if event["listen"] == when for line in event["script"]["exec"])


def statuses(item: dict[str, Any]) -> set[str]:
    return set(STATUS.findall(script(item)))


def test_every_route_is_in_the_collection_and_succeeds_there(paths: dict[str, Any]) -> None:
    described = {(method.upper(), path) for path, item in paths.items() for method in METHODS if method in item}
    succeeds = {route(item) for item in ITEMS if any(status < "400" for status in statuses(item))}
    #: WebSockets: a collection can only be told so.
    sockets = {("GET", "/api/v1/events"), ("GET", "/sip")}
    refused = {route(item) for item in ITEMS if "400" in statuses(item)}
    assert described - succeeds - (sockets & refused) == set()


def test_no_route_is_invented_but_to_show_that_there_is_none(paths: dict[str, Any]) -> None:
    for item in ITEMS:
        method, path = route(item)
        if method.lower() not in paths.get(path, {}):
            assert statuses(item) == {"405" if path in paths else "404"}, item["name"]


def test_every_status_that_is_expected_is_described(paths: dict[str, Any]) -> None:
    for item in ITEMS:
        method, path = route(item)
        if operation := paths.get(path, {}).get(method.lower()):
            assert statuses(item), item["name"]
            assert statuses(item) <= set(operation["responses"]), item["name"]


def test_every_request_has_a_name_of_its_own_and_says_what_it_does() -> None:
    names = [item["name"] for item in ITEMS]
    assert len(set(names)) == len(names)
    for folder in read(COLLECTION)["item"]:
        assert folder["description"], folder["name"]
    for item in ITEMS:
        assert len(item["request"]["description"]) > 15, item["name"]
        url = item["request"]["url"]
        asked = "&".join(f"{each['key']}={each['value']}" for each in url.get("query", ()))
        assert url["raw"] == "{{base_url}}/" + "/".join(url["path"]) + (f"?{asked}" if asked else ""), item["name"]


def test_bodies_are_json_unless_that_is_what_is_refused() -> None:
    for item in ITEMS:
        body = item["request"].get("body")
        if body is None or "415" in statuses(item):
            continue
        text = re.sub(r"(?<=: )\{\{\w+\}\}(?=[,\n])", "null", body["raw"])
        msgspec.json.decode(text)
        assert {"key": "Content-Type", "value": "application/json"} in item["request"]["header"], item["name"]


def test_every_variable_is_declared_and_no_token_is_kept() -> None:
    declared = {each["key"] for each in read(COLLECTION)["variable"]}
    values = {each["key"]: each for each in read(ENVIRONMENT)["values"]}
    used = set(VARIABLE.findall(COLLECTION.read_text(encoding="utf-8")))
    assert {name for name in used if not name.startswith("$")} - declared - set(values) == set()
    assert declared & set(values) == set()
    assert (values["token"]["type"], values["token"]["value"]) == ("secret", "")
    assert not re.search(r"ctcs?_[0-9a-f]{12}_(?!wrong)", COLLECTION.read_text(encoding="utf-8"))


def test_the_environment_is_the_one_of_the_demo() -> None:
    values = {each["key"]: each["value"] for each in read(ENVIRONMENT)["values"]}
    does = {contact.numbers[0].number: contact.external["simulated"] for contact in sample.CONTACTS}
    port = inspect.signature(main.run).parameters["port"].default
    assert values["base_url"] == f"http://{main.HOST}:{port}"
    assert (values["agent_email"], values["offline_agent_email"]) == (sample.AGENT, sample.OWN_PHONE)
    assert does[values["customer_number"]].startswith("answers, asks")
    assert does[values["unanswered_number"]] == "never answers"


def test_the_lock_names_no_registry() -> None:
    assert '"resolved"' not in (FOLDER / "package-lock.json").read_text(encoding="utf-8")
