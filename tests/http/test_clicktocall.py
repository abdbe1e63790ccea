"""GET /ClickToCallAPI over a real socket: every status of the contract, in its order."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from ctc_ari.calls.commands import PlaceCall
from ctc_ari.calls.model import Contact
from ctc_ari.errors import (
    AgentBusy,
    AgentOffline,
    AsteriskUnreachable,
    CallFailed,
    CtcError,
    DatabaseUnreachable,
    DeviceUnavailable,
    LimitReached,
)
from tests.http.conftest import RIGHT, Answer, Wire, World
from tests.http.fakes import ANNA, ANNAS_TOKEN, BORIS, NEWCOMER, NUMBER, PLUS, TOKEN

MISSING = "API mandatory parameters are missing"


def query(**values: str | None) -> str:
    """The right query with some parameters changed, or gone when None."""
    parameters: dict[str, str | None] = {"phone_number": NUMBER, "email": ANNA.email, "token": TOKEN}
    parameters.update(values)
    return "&".join(f"{name}={quote(value)}" for name, value in parameters.items() if value is not None)


def assert_error(answer: Answer, status: int, message: str, code: str) -> None:
    """The click's error shape, exactly."""
    assert (answer.status, answer.json) == (status, {"status": "error", "message": message, "code": code})
    assert answer.headers["Content-Type"] == "application/json"


# 200


async def test_a_click_rings_the_agent(wire: Wire, world: World) -> None:
    answer = await wire.click()
    assert answer.status == 200
    assert answer.body == b'{"status":"success","message":"Call initiated successfully","call_id":"call-1"}'
    assert world.desk.commands == [PlaceCall(ANNA, NUMBER)]


async def test_a_second_click_is_the_same_call(wire: Wire, world: World) -> None:
    await wire.click()
    world.desk.duplicate = True
    answer = await wire.click()
    assert answer.status == 200
    assert answer.json["duplicate"] is True
    assert answer.json["call_id"] == "call-1"
    assert len(world.desk.commands) == 1


@pytest.mark.parametrize(
    "spelling",
    [
        "+442079460123",
        "%2B442079460123",
        "%20+442079460123",
        "(+44)2079460123",
        "020+7946+0123",
        "%20020%207946%200123%20",
    ],
)
async def test_a_number_in_any_spelling(wire: Wire, world: World, spelling: str) -> None:
    answer = await wire.click(f"phone_number={spelling}&email={ANNA.email}&token={TOKEN}")
    assert answer.status == 200
    assert world.desk.commands[0].number == NUMBER


async def test_an_unencoded_plus_in_an_email_is_a_plus(wire: Wire, world: World) -> None:
    answer = await wire.click(f"phone_number=02079460123&email={PLUS.email}&token={TOKEN}")
    assert answer.status == 200
    assert world.desk.commands[0].agent == PLUS


async def test_email_in_other_case(wire: Wire, world: World) -> None:
    assert (await wire.click(query(email="ANNA@Example.com"))).status == 200


async def test_token_in_the_header(wire: Wire, world: World) -> None:
    assert (await wire.click(query(token=None), f"Authorization: bearer {TOKEN}")).status == 200


async def test_the_same_token_twice_is_one_token(wire: Wire) -> None:
    assert (await wire.click(RIGHT, f"Authorization: Bearer {TOKEN}")).status == 200


async def test_a_proxys_basic_authorization_is_not_a_token(wire: Wire) -> None:
    assert (await wire.click(RIGHT, "Authorization: Basic dXNlcjpwYXNz")).status == 200


async def test_contact_and_device_are_passed_on(wire: Wire, world: World) -> None:
    assert (await wire.click(query(contact_id="c-1", device="web"))).status == 200
    assert world.desk.commands == [PlaceCall(ANNA, NUMBER, "web", Contact("c-1", "Example Ltd"))]


async def test_a_contact_that_is_not_known_here_rings_all_the_same(wire: Wire, world: World) -> None:
    assert (await wire.click(query(contact_id="crm-77"))).status == 200
    assert world.desk.commands[0].contact is None


async def test_empty_optional_parameters_and_unknown_ones_are_ignored(wire: Wire, world: World) -> None:
    assert (await wire.click(query(contact_id="", device="", utm="x") + "&name=M%FCller&&=&utm=y&z")).status == 200
    assert world.desk.commands == [PlaceCall(ANNA, NUMBER)]


@pytest.mark.parametrize("destination", ["document", "empty"])
async def test_a_followed_link_and_a_fetch_ring(wire: Wire, destination: str) -> None:
    assert (await wire.click(RIGHT, f"Sec-Fetch-Dest: {destination}")).status == 200


# 405


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "FOO", "get"]
)
@pytest.mark.parametrize("parameters", [RIGHT, ""])
async def test_any_other_method_is_refused_first(wire: Wire, world: World, method: str, parameters: str) -> None:
    answer = await wire.click(parameters, method=method)
    assert_error(answer, 405, "Invalid request method", "method_not_allowed")
    assert answer.headers["Allow"] == "GET"
    assert world.desk.commands == []


async def test_head_is_refused_without_a_body(wire: Wire, world: World) -> None:
    answer = await wire.click(method="HEAD")
    assert (answer.status, answer.headers["Allow"], answer.body) == (405, "GET", b"")
    assert world.desk.commands == []


# 400


@pytest.mark.parametrize("name", ["phone_number", "email", "token"])
@pytest.mark.parametrize("value", [None, "", "  ", "\t\n"])
async def test_missing_empty_and_blank_parameters(wire: Wire, world: World, name: str, value: str | None) -> None:
    assert_error(await wire.click(query(**{name: value})), 400, MISSING, f"missing_{name}")
    assert world.desk.commands == []


async def test_no_query_at_all(wire: Wire) -> None:
    assert_error(await wire.request("GET", "/ClickToCallAPI"), 400, MISSING, "missing_phone_number")


@pytest.mark.parametrize("name", ["phone_number", "email", "token"])
@pytest.mark.parametrize("again", ["same", ""])
async def test_repeated_parameters(wire: Wire, world: World, name: str, again: str) -> None:
    value = {"phone_number": quote(NUMBER), "email": ANNA.email, "token": TOKEN}[name] if again else ""
    assert_error(await wire.click(f"{RIGHT}&{name}={value}"), 400, MISSING, f"repeated_{name}")
    assert world.desk.commands == []


async def test_repeated_device(wire: Wire) -> None:
    message = "The parameter device is given more than once."
    assert_error(await wire.click(RIGHT + "&device=web&device=desk"), 400, message, "repeated_device")


async def test_two_different_tokens_are_a_repeated_token(wire: Wire) -> None:
    answer = await wire.click(RIGHT, f"Authorization: Bearer {ANNAS_TOKEN}")
    assert_error(answer, 400, MISSING, "repeated_token")


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("email", "anna%FF@example.com"),
        ("email", "anna%00@example.com"),
        ("email", "a" * 300),
        ("token", "ctc_%0ax"),
        ("token", "x" * 300),
        ("phone_number", "%C3%28"),
        ("phone_number", "1" * 65),
        ("contact_id", "c%00"),
        ("contact_id", "c" * 129),
        ("device", "desk%7F"),
    ],
)
async def test_unreadable_parameters(wire: Wire, world: World, name: str, raw: str) -> None:
    rest = "&".join(pair for pair in RIGHT.split("&") if not pair.startswith(name))
    answer = await wire.click(f"{rest}&{name}={raw}")
    assert (answer.status, answer.json["code"]) == (400, f"malformed_{name}")
    assert world.desk.commands == []


async def test_an_unreadable_token_in_the_header(wire: Wire) -> None:
    answer = await wire.click(query(token=None), f"Authorization: Bearer {'x' * 300}")
    assert (answer.status, answer.json["code"]) == (400, "malformed_token")


async def test_an_encoded_letter_in_the_path_changes_nothing(wire: Wire) -> None:
    assert (await wire.request("GET", f"/ClickToCall%41PI?{RIGHT}")).status == 200
    assert_error(await wire.request("POST", "/ClickToCall%41PI"), 405, "Invalid request method", "method_not_allowed")


async def test_bytes_that_are_not_utf8(wire: Wire) -> None:
    answer = await wire.request("GET", f"/ClickToCallAPI?{RIGHT}&contact_id=".encode() + b"\xff\xfe")
    assert (answer.status, answer.json["code"]) == (400, "malformed")


async def test_device_that_does_not_exist(wire: Wire) -> None:
    message = "The parameter device must be desk or web."
    assert_error(await wire.click(query(device="toaster")), 400, message, "invalid_device")


@pytest.mark.parametrize(
    "line",
    [
        "Sec-Purpose: prefetch",
        "Sec-Purpose: prefetch;prerender",
        "Purpose: Prefetch",
        "X-Purpose: preview",
        "X-Moz: prefetch",
        *(
            f"Sec-Fetch-Dest: {what}"
            for what in ("image", "script", "style", "iframe", "frame", "object", "font", "IMAGE")
        ),
    ],
)
async def test_prefetched_and_embedded_requests_ring_nothing(wire: Wire, world: World, line: str) -> None:
    answer = await wire.click(RIGHT, line)
    assert (answer.status, answer.json["code"]) == (400, "embedded_request")
    assert world.desk.commands == []


async def test_a_number_that_cannot_be_dialled(wire: Wire) -> None:
    message = "That is not a number that can be dialled."
    assert_error(await wire.click(query(phone_number="abc")), 400, message, "invalid_number")


async def test_a_blocked_number(wire: Wire) -> None:
    answer = await wire.click(query(phone_number="+449098790123"))
    assert_error(answer, 400, "Calls to that number are not allowed here.", "number_blocked")


# 401


async def test_every_bad_token_gets_the_same_answer(wire: Wire, world: World) -> None:
    unknown = await wire.click(query(token="ctc_0a1b2c3d4e5f_nonsense"))
    no_token_at_all = await wire.click(query(token="x"))
    not_for_boris = await wire.click(query(token=ANNAS_TOKEN, email=BORIS.email))
    not_for_nobody = await wire.click(query(token=ANNAS_TOKEN, email="nobody@example.com"))
    assert_error(unknown, 401, "Unauthorized due to invalid token", "unauthorized")
    assert unknown.headers["WWW-Authenticate"] == "Bearer"
    for other in (no_token_at_all, not_for_boris, not_for_nobody):
        assert (other.status, other.body) == (unknown.status, unknown.body)
        assert {**other.headers, "Date": ""} == {**unknown.headers, "Date": ""}
    assert world.desk.commands == []


async def test_a_bound_token_rings_its_own_agent(wire: Wire) -> None:
    assert (await wire.click(query(token=ANNAS_TOKEN))).status == 200


# 404


@pytest.mark.parametrize(
    ("email", "code"),
    [("nobody@example.com", "agent_not_found"), ("nobody", "agent_not_found"), (NEWCOMER.email, "no_extension")],
)
async def test_no_such_agent_or_no_extension(wire: Wire, email: str, code: str) -> None:
    assert_error(await wire.click(query(email=email)), 404, "No data found", code)


# the order


async def test_what_is_checked_first_is_told_first(wire: Wire) -> None:
    everything_wrong = {"phone_number": "abc", "email": "nobody@example.com", "token": "x"}
    assert (await wire.click(query(**everything_wrong), method="POST")).status == 405
    assert (await wire.click(query(**everything_wrong | {"email": ""}))).json["code"] == "missing_email"
    assert (await wire.click(query(**everything_wrong))).json["code"] == "unauthorized"
    assert (await wire.click(query(**everything_wrong | {"token": TOKEN}))).json["code"] == "invalid_number"
    answer = await wire.click(query(**everything_wrong | {"token": TOKEN, "phone_number": NUMBER}))
    assert answer.json["code"] == "agent_not_found"


# 429 and 500


@pytest.mark.parametrize(("seconds", "header"), [(0.0, "1"), (0.2, "1"), (1.0, "1"), (2.1, "3"), (60, "60")])
async def test_a_limit(wire: Wire, world: World, seconds: float, header: str) -> None:
    world.desk.failure = LimitReached(retry_after=seconds)
    answer = await wire.click()
    assert_error(answer, 429, "Too many requests", "limit_reached")
    assert answer.headers["Retry-After"] == header


@pytest.mark.parametrize(
    "failure",
    [AgentBusy, AgentOffline, DeviceUnavailable, CallFailed, AsteriskUnreachable, DatabaseUnreachable],
)
async def test_a_call_that_could_not_be_started(wire: Wire, world: World, failure: type[CtcError]) -> None:
    world.desk.failure = failure()
    assert_error(await wire.click(), 500, "Internal server error", failure.code)


async def test_an_unexpected_failure_tells_nothing(wire: Wire, world: World) -> None:
    world.desk.failure = RuntimeError("postgresql://ctc:secret@db/ctc")
    assert_error(await wire.click(), 500, "Internal server error", "internal_error")
