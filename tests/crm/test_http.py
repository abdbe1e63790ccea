"""A CRM with an HTTP API, played by real servers: quick, slow, down, and wrong in every way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import unquote

import msgspec
import pytest
from aiohttp import web
from msgspec.structs import replace

from ctc_ari.calls.model import Agent, Contact, EndReason, Phase
from ctc_ari.calls.ports import Happening
from ctc_ari.config import CrmAgent, CrmContact, CrmHttp
from ctc_ari.crm import http as module
from ctc_ari.crm.http import HttpCrm
from ctc_ari.directory import ContactRecord
from ctc_ari.errors import AgentNotFound, ContactNotFound, CrmUnreachable, DatabaseUnreachable
from ctc_ari.http import encode_notice
from ctc_ari.outbox import Delivery, Webhook
from ctc_ari.remote import Remote
from tests.calls.builders import a_call_in
from tests.calls.fakes import FakeStore
from tests.http.fakes import ANNA, NUMBER, FakeDesk, FakeDirectory
from tests.receivers import Received, Receiver, receiver

SECRET = "Bearer s3cret-of-the-crm"
GRACE = Contact("4711", "Grace Hopper", email="grace@example.com", url="https://crm.example.com/4711")
EVIL_NUMBER = "+442079460666"
PEOPLE = {
    "anna@example.com": {"users": [{"phone": {"ext": "2001"}, "name": "Anna of the CRM"}]},
    "carol+x@example.com": {"users": [{"phone": {"ext": 2003}, "name": "Carol"}]},
    "nophone@example.com": {"users": [{"name": "No Phone"}]},
    "nobody@example.com": {"users": []},
    "evil@example.com": {"users": [{"phone": {"ext": "PJSIP/x"}, "name": "Evil"}]},
}


@dataclass
class Desk:
    """The CRM, what it stands in front of, and what was written of it."""

    there: Receiver
    crm: HttpCrm
    directory: FakeDirectory
    written: list[Agent] = field(default_factory=list)
    failure: Exception | None = None

    async def remember(self, agent: Agent) -> None:
        """As the directory would."""
        if self.failure is not None:
            raise self.failure
        self.written.append(agent)
        self.directory.agents[agent.email] = agent


def knows(request: Received) -> web.Response:
    """A CRM in good health."""
    path, _, query = request.path.partition("?")
    asked = unquote(query.partition("=")[2])
    if request.headers.get("Authorization") != SECRET:
        return web.Response(status=401)
    if path == "/users":
        return web.json_response(PEOPLE.get(asked)) if asked in PEOPLE else web.Response(status=404)
    if asked == NUMBER:
        grace = {
            "id": 4711,
            "full": "Grace Hopper",
            "mail": "grace@example.com",
            "page": "https://crm.example.com/4711",
        }
        return web.json_response({"person": grace})
    if asked == EVIL_NUMBER:
        return web.json_response({"person": {"id": "e", "full": "Evil", "page": "javascript:alert(1)"}})
    return web.json_response({"person": None})


@asynccontextmanager
async def desk(
    answer: Callable[[Received], web.Response] = knows, *, patience: float = 10.0, **changes: object
) -> AsyncIterator[Desk]:
    """A CRM with that behaviour, and our side of it, which is as patient as a test on a busy machine must be."""
    async with receiver(answer) as there, Remote(public_only=False, seconds=2.0) as remote:
        base = there.url.removesuffix("/hook")
        settings = msgspec.structs.replace(
            CrmHttp(
                agent_url=base + "/users?mail={email}",
                contact_url=base + "/people?phone={number}",
                calls_url=base + "/calls",
                authorization=SECRET,
                agent=CrmAgent(extension="users.0.phone.ext", name="users.0.name"),
                contact=CrmContact(id="person.id", name="person.full", email="person.mail", url="person.page"),
            ),
            **changes,
        )
        directory = FakeDirectory()

        async def remember(agent: Agent) -> None:
            await made.remember(agent)

        made = Desk(there, HttpCrm(settings, remote, directory, remember, encode_notice, patience=patience), directory)
        yield made
        made.crm.close()


# agents


async def test_an_agents_extension_and_name_are_the_crms_and_the_rest_is_ours() -> None:
    async with desk() as at:
        agent = await at.crm.agent("Anna@Example.com")
        assert agent == replace(ANNA, extension="2001", name="Anna of the CRM")
        await asyncio.sleep(0.01)
        assert at.written == [agent]
        assert await at.crm.agent(ANNA.email) == agent
        assert len(at.there.requests) == 1, "it is remembered"
        assert at.there.requests[0].path == "/users?mail=anna%40example.com"
        assert at.there.requests[0].headers["Authorization"] == SECRET


async def test_an_agent_whom_only_the_crm_knows_is_in_the_directory_before_she_is_rung() -> None:
    async with desk() as at:
        agent = await at.crm.agent("carol+x@example.com")
        assert agent == Agent("carol+x@example.com", "Carol", "2003")
        assert at.written == [agent]
        at.failure = DatabaseUnreachable()
        assert (await at.crm.agent("nophone@example.com")).extension is None


@pytest.mark.parametrize("email", ["nobody@example.com", "unknown@example.com", "boris@example.com"])
async def test_whom_the_crm_does_not_know_is_nobody(email: str) -> None:
    async with desk() as at:
        with pytest.raises(AgentNotFound):
            await at.crm.agent(email)


async def test_an_extension_that_cannot_be_one_is_not_dialled() -> None:
    async with desk() as at:
        with pytest.raises(CrmUnreachable):
            await at.crm.agent("evil@example.com")


async def test_without_a_url_agents_are_ours() -> None:
    async with desk(agent_url=None) as at:
        assert await at.crm.agent(ANNA.email) == ANNA
        assert at.there.requests == []


def _redirect(_: Received) -> web.Response:
    return web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"})


BROKEN: dict[str, Callable[[Received], web.Response]] = {
    "401": lambda _: web.Response(status=401),
    "403": lambda _: web.Response(status=403),
    "500": lambda _: web.Response(status=500, text="at /srv/crm/app.rb:7"),
    "redirect": _redirect,
    "html": lambda _: web.Response(text="<html>sign in</html>"),
    "empty": lambda _: web.Response(),
    "huge": lambda _: web.Response(body=b'{"x": "' + b"x" * 1_000_000 + b'"}'),
}


@pytest.mark.parametrize("kind", BROKEN)
async def test_a_broken_crm_leaves_what_was_known(kind: str) -> None:
    async with desk(BROKEN[kind]) as at:
        assert await at.crm.agent(ANNA.email) == ANNA
        assert await at.crm.owner(NUMBER) is None
        with pytest.raises(CrmUnreachable):
            await at.crm.agent("carol+x@example.com")
        assert at.written == []


async def test_a_crm_that_went_down_leaves_what_it_said_last() -> None:
    async with desk(cache_seconds=0) as at:
        agent, contact = await at.crm.agent(ANNA.email), await at.crm.owner(NUMBER)
        at.there.answer = BROKEN["500"]
        assert (await at.crm.agent(ANNA.email), await at.crm.owner(NUMBER)) == (agent, contact)
        assert contact == GRACE


async def test_a_slow_crm_is_waited_for_briefly_and_its_answer_is_there_for_the_next_click() -> None:
    asked, answered = asyncio.Event(), asyncio.Event()

    async def slowly(request: Received) -> web.StreamResponse:
        asked.set()
        await answered.wait()
        return knows(request)

    async with desk(patience=0.05) as at:
        at.there.answer = slowly
        assert await at.crm.agent(ANNA.email) == ANNA, "as far as we knew"
        await asyncio.wait_for(asked.wait(), 5)
        answered.set()
        for _ in range(100):
            await asyncio.sleep(0.01)
            if (agent := await at.crm.agent(ANNA.email)) != ANNA:
                break
        assert agent.extension == "2001"


async def test_what_is_wrong_is_logged_once_and_without_what_nobody_should_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines: list[str] = []

    class Log:
        def warning(self, event: str, **more: object) -> None:
            lines.append(f"{event} {more}")

    monkeypatch.setattr(module, "log", Log())
    async with desk(BROKEN["401"]) as at:
        await at.crm.agent(ANNA.email)
        await at.crm.owner(NUMBER)
    assert len(lines) == 1
    assert "401" in lines[0]
    for hidden in ("s3cret", "127.0.0.1", NUMBER, NUMBER[1:]):
        assert hidden not in lines[0]


async def test_a_question_that_fails_each_time_is_logged_once_though_the_other_is_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[object] = []

    class Log:
        def warning(self, event: str, **more: object) -> None:
            asked.append(more["asked"])

    monkeypatch.setattr(module, "log", Log())

    def answer(request: Received) -> web.Response:
        return web.Response(status=500) if request.path.startswith("/people") else knows(request)

    async with desk(answer, cache_seconds=0) as at:
        for _ in range(3):
            await at.crm.agent(ANNA.email)
            await at.crm.owner(NUMBER)
    assert asked == ["contact"]


# contacts


async def test_a_contact_is_found_by_number() -> None:
    async with desk() as at:
        assert await at.crm.owner(NUMBER) == GRACE
        assert await at.crm.owner("+442079460999") is None
        assert await at.crm.owner("") is None
        assert [request.path for request in at.there.requests] == [
            "/people?phone=%2B442079460123",
            "/people?phone=%2B442079460999",
        ]


async def test_a_link_that_is_a_script_is_left_out() -> None:
    async with desk() as at:
        assert await at.crm.owner(EVIL_NUMBER) == Contact("e", "Evil")


async def test_a_crm_that_wants_digits_gets_digits() -> None:
    async with desk() as at:
        changed = replace(at.crm._settings, contact_url=at.there.url.replace("/hook", "/people?phone={digits}"))
        at.crm._settings = changed
        await at.crm.owner(NUMBER)
        assert at.there.requests[0].path == "/people?phone=442079460123"


async def test_agent_and_contact_are_asked_for_at_the_same_time() -> None:
    both = asyncio.Event()
    paths: list[str] = []

    async def together(request: Received) -> web.StreamResponse:
        paths.append(request.path.partition("?")[0])
        if len(paths) == 2:
            both.set()
        await both.wait()
        return knows(request)

    async with desk() as at:
        at.there.answer = together
        assert (await at.crm.agent(ANNA.email, NUMBER)).extension == "2001"
        assert await at.crm.owner(NUMBER) == GRACE
    assert sorted(paths) == ["/people", "/users"]


async def test_a_record_that_only_the_crm_has_is_the_one_the_call_belongs_to() -> None:
    async with desk() as at:
        assert await at.crm.contact("c-1") == at.directory.contacts["c-1"]
        assert await at.crm.contact("crm-77") == ContactRecord("crm-77", "")
    async with desk(contact_url=None) as at:
        with pytest.raises(ContactNotFound):
            await at.crm.contact("crm-77")


async def test_the_calls_store_finds_the_crms_contacts() -> None:
    async with desk() as at:
        store = at.crm.keeping(FakeStore([]))
        call = replace(a_call_in(Phase.PLACING), number=NUMBER, contact=None)
        assert await store.add(call) == GRACE


# finished calls


async def test_a_finished_call_is_pushed_with_what_opens_the_crm() -> None:
    async with desk(lambda _: web.Response(status=201)) as at:
        assert at.crm.told == ("call.logged",)
        call = replace(a_call_in(Phase.ENDED), end_reason=EndReason.COMPLETED)
        payload = at.crm.encode(Happening(call, "call.ended", 1_750_000_000.0, 9))
        assert payload is not None
        send = at.crm.sender(FakeDesk())
        delivery = Delivery(id=1, webhook_id="crm", call_id=call.id, seq=9, type="call.ended", payload=payload)
        assert (await send(Webhook(id="crm", kind="crm", url=""), delivery)).delivered
        (request,) = at.there.requests
    assert (request.method, request.path, request.headers["Authorization"]) == ("POST", "/calls", SECRET)
    assert request.headers["webhook-id"] == delivery.message_id
    assert request.json["type"] == "call.ended"
    assert request.json["data"]["end_reason"] == "completed"


async def test_a_push_that_is_refused_is_tried_again() -> None:
    async with desk(lambda _: web.Response(status=503, headers={"Retry-After": "9"})) as at:
        delivery = Delivery(id=1, webhook_id="crm", call_id="c", seq=1, type="call.ended", payload="{}")
        attempt = await at.crm.sender(FakeDesk())(Webhook(id="crm", kind="crm", url=""), delivery)
    assert (attempt.delivered, attempt.status, attempt.retry_after) == (False, 503, 9.0)


async def test_without_a_url_nothing_is_pushed() -> None:
    async with desk(calls_url=None) as at:
        assert at.crm.told is None
