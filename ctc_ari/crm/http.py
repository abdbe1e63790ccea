"""A CRM with an HTTP API: asked who an agent and a contact are, told of finished calls.

An agent that the CRM names is written into our directory, so that all else (transfers, callers, sessions, the panel)
finds her there. What it answered last is kept beside that, so that a CRM that is down after a restart keeps nobody from
working.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import quote

import msgspec
import structlog

from ctc_ari.calls.commands import CallDesk
from ctc_ari.calls.model import Agent, Contact
from ctc_ari.calls.ports import CallStore
from ctc_ari.config import CrmHttp
from ctc_ari.config_rules import check_agent_fields
from ctc_ari.crm.answers import Document, decode, text_at
from ctc_ari.crm.cache import PATIENCE, Cache, Memory, Remembered
from ctc_ari.crm.calls import StoreWithContacts
from ctc_ari.directory import ContactRecord, Directory
from ctc_ari.errors import AgentNotFound, ConfigError, ContactNotFound, CrmUnreachable, CtcError
from ctc_ari.outbox import Attempt, Delivery, Encode, Send, Told, Webhook
from ctc_ari.remote import Remote

__all__ = ["CallsPush", "HttpCrm"]

log = structlog.get_logger(__name__)

#: What is pushed: a call's row in the log, which is final and complete.
PUSHED = ("call.logged",)
LONGEST_ID, LONGEST_NAME = 128, 80


class _AgentAnswer(msgspec.Struct, frozen=True):
    name: str
    extension: str | None


class HttpCrm:
    """Implements `Crm`."""

    def __init__(
        self,
        settings: CrmHttp,
        remote: Remote,
        directory: Directory,
        remember: Callable[[Agent], Awaitable[None]],
        encode: Encode,
        memory: Memory | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self._settings = settings
        self._encode = encode
        self._remote = remote
        self._directory = directory
        #: Writes an agent into the directory. Raises CtcError.
        self._remember = remember
        self._agents = Cache(
            self._ask_agent,
            fresh_seconds=settings.cache_seconds,
            patience=patience,
            remembered=None if memory is None else Remembered(memory, "agent", _AgentAnswer),
        )
        self._contacts = Cache(
            self._ask_contact,
            fresh_seconds=settings.cache_seconds,
            patience=patience,
            remembered=None if memory is None else Remembered(memory, "contact", Contact),
        )
        self._writing: set[asyncio.Task[None]] = set()
        #: What is asked -> what is wrong with it: one of them may work while the other does not.
        self._told: dict[str, str] = {}

    def close(self) -> None:
        """Wait for no answer any more."""
        self._agents.close()
        self._contacts.close()
        for task in self._writing:
            task.cancel()

    @property
    def told(self) -> Sequence[str] | None:
        """Finished calls, if it wants them."""
        return PUSHED if self._settings.calls_url is not None else None

    @property
    def has_contacts(self) -> bool:
        """If it is asked for them."""
        return self._settings.contact_url is not None

    def encode(self, happening: Told) -> str | None:
        """As a webhook has it."""
        return self._encode(happening)

    def sender(self, desk: CallDesk) -> Send:
        """A POST of each."""
        return CallsPush(self._settings, self._remote)

    def keeping(self, store: CallStore) -> CallStore:
        """With the CRM's contacts."""
        return StoreWithContacts(store, self.owner)

    async def agent(self, email: str, number: str | None = None) -> Agent:
        """As the CRM says, or said last. Raises AgentNotFound, CrmUnreachable."""
        if number is not None and self._settings.contact_url is not None:
            self._contacts.begin(number)
        if self._settings.agent_url is None:
            return self._directory.agent(email)
        known = self._known(email)
        try:
            answer = await self._agents.get(email.lower())
        except CrmUnreachable:
            if known is None:
                raise
            return known
        if answer is None:
            raise AgentNotFound
        agent = msgspec.structs.replace(
            known or Agent(email.lower()),
            extension=answer.extension,
            name=answer.name or (known.name if known else ""),
        )
        if known is None:
            #: Once for each agent: her session and her calls need her row.
            await self._write(agent)
        elif agent != known:
            self._in_background(self._write(agent))
        return agent

    async def contact(self, contact_id: str) -> ContactRecord:
        """A record that only the CRM has is not asked for: its id came from there. Raises as the directory does."""
        try:
            return await self._directory.contact(contact_id)
        except ContactNotFound:
            if not self.has_contacts:
                raise
            return ContactRecord(contact_id, "")

    async def owner(self, number: str) -> Contact | None:
        """Whose number that is, in E.164; None: nobody's, or nobody knows. Never raises."""
        if self._settings.contact_url is None or not number:
            return None
        try:
            return await self._contacts.get(number)
        except CrmUnreachable:
            return None

    def _known(self, email: str) -> Agent | None:
        try:
            return self._directory.agent(email)
        except AgentNotFound:
            return None

    async def _write(self, agent: Agent) -> None:
        try:
            await self._remember(agent)
        except CtcError as error:
            log.warning("agent of the CRM not written", email=agent.email, code=error.code)

    def _in_background(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _ask_agent(self, email: str) -> _AgentAnswer | None:
        url = (self._settings.agent_url or "").replace("{email}", quote(email, safe=""))
        document = await self._get(url, "agent")
        paths = self._settings.agent
        extension, name = text_at(document, paths.extension), (text_at(document, paths.name) or "")[:LONGEST_NAME]
        if extension is None and not name:
            return None
        try:
            check_agent_fields(Agent(email, name=name, extension=extension))
        except ConfigError as error:
            raise self._unusable("agent", error.message.partition(",")[0]) from None
        return _AgentAnswer(name, extension)

    async def _ask_contact(self, number: str) -> Contact | None:
        url = (self._settings.contact_url or "").replace("{number}", quote(number, safe=""))
        document = await self._get(url.replace("{digits}", number.removeprefix("+")), "contact")
        paths = msgspec.structs.asdict(self._settings.contact)
        found = {field: text_at(document, path) for field, path in paths.items() if path is not None}
        contact_id, page = found.get("id"), found.get("url")
        if contact_id is None or len(contact_id) > LONGEST_ID:
            return None
        #: Opened by browsers, so nothing that could be a script.
        if page is not None and not page.lower().startswith(("https://", "http://")):
            page = None
        return Contact(contact_id, found.get("name") or "", found.get("company"), found.get("email"), page)

    async def _get(self, url: str, what: str) -> Document:
        """The CRM's answer; None when there is nothing of the kind. Raises CrmUnreachable."""
        answer = await self._remote.request("GET", url, headers=_headers(self._settings))
        if answer.status in (404, 410, 204):
            return None
        if answer.error is not None or answer.status != 200:
            raise self._unusable(what, answer.error or f"it answered {answer.status}")
        try:
            document = decode(answer.body)
        except ValueError:
            raise self._unusable(what, "its answer is not JSON") from None
        self._told.pop(what, None)
        return document

    def _unusable(self, what: str, why: str) -> CrmUnreachable:
        """Told once until it answers again, without its address: that may hold what nobody should read."""
        known = why in self._told.values()
        self._told[what] = why
        if not known:
            log.warning("the CRM gives no answer that can be used; the last known one counts", asked=what, why=why)
        return CrmUnreachable()


class CallsPush:
    """Implements `Send`: a finished call, POSTed to the CRM."""

    def __init__(self, settings: CrmHttp, remote: Remote) -> None:
        self._settings = settings
        self._remote = remote

    async def __call__(self, webhook: Webhook, delivery: Delivery) -> Attempt:
        """`webhook-id` is the same at each attempt, so that the CRM keeps each call once."""
        headers = _headers(self._settings) | {"Content-Type": "application/json", "webhook-id": delivery.message_id}
        url, body = self._settings.calls_url or "", delivery.payload.encode()
        answer = await self._remote.request("POST", url, headers=headers, body=body)
        if answer.status is not None and 200 <= answer.status < 300:
            return Attempt(answer.status)
        return Attempt(answer.status, answer.error, answer.retry_after)


def _headers(settings: CrmHttp) -> dict[str, str]:
    accept = {"Accept": "application/json"}
    return accept if settings.authorization is None else accept | {settings.header: settings.authorization}
