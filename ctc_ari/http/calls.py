"""/api/v1/calls: place, see and hang up calls."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable
from typing import Annotated, Literal

import msgspec
import structlog
from aiohttp import hdrs, web

from ctc_ari.calls.commands import PlaceCall, Placed
from ctc_ari.calls.leg import Device, LegStage
from ctc_ari.calls.model import (
    Agent,
    Call,
    CallState,
    Contact,
    EndedBy,
    EndReason,
    Supervisor,
    SupervisorMode,
    Transfer,
    TransferMode,
    TransferState,
)
from ctc_ari.directory import Principal
from ctc_ari.errors import (
    BadRequest,
    ContactNotFound,
    CtcError,
    NoExtension,
    NotAllowed,
)
from ctc_ari.http.answers import json_answer
from ctc_ari.http.bodies import read_body
from ctc_ari.http.moments import moment, moment_or_none
from ctc_ari.http.services import LONGEST_ID, Services, authenticate, is_plain, visible_call

__all__ = [
    "AgentView",
    "CallList",
    "CallView",
    "Calls",
    "NewCall",
    "SupervisorView",
    "TransferView",
    "supervisor_view",
    "transfer_view",
    "view",
]

PATH = "/api/v1/calls"
LONGEST_KEY = 255
REPLAYED = ("Idempotent-Replayed", "true")

log = structlog.get_logger("ctc_ari.http")


class NewCall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST: `to` is the number; `contact_id` alone means that contact's first number."""

    email: Annotated[str, msgspec.Meta(min_length=1, max_length=254)]
    to: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None
    contact_id: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_ID)] | None = None
    device: Device | None = None


class AgentView(msgspec.Struct, frozen=True):
    """An agent as a call shows her."""

    email: str
    name: str
    extension: str | None


class TransferView(msgspec.Struct, frozen=True):
    """One attempt to hand the customer over."""

    id: str
    mode: TransferMode
    #: As it was asked for: e-mail, extension, or number.
    to: str
    #: Who answers there, when that is an agent.
    agent: AgentView | None
    state: TransferState
    #: Why it failed.
    reason: str | None
    #: Whom the agent talks with during a consultation.
    talking_with: str
    by: str
    started_at: str
    ended_at: str | None
    #: The call that came of it.
    call_id: str | None


class SupervisorView(msgspec.Struct, frozen=True):
    """Somebody who listens to a call."""

    id: str
    agent: AgentView
    mode: SupervisorMode
    #: Her phone still rings, or she has taken part since it was answered.
    state: Literal["ringing", "joined"]


class CallView(msgspec.Struct, frozen=True):
    """A call as the contract shows it; every key is always there."""

    id: str
    direction: str
    state: CallState
    agent: AgentView
    device: Device
    contact: Contact | None
    number: str
    muted: bool
    held: bool
    recording: bool
    #: Where each recording can be fetched once it has ended.
    recordings: list[str]
    #: The one under way, else the last one.
    transfer: TransferView | None
    transferred_from: str | None
    #: The device that is being rung to take the call over.
    moving_to: Device | None
    supervisors: list[SupervisorView]
    #: Inbound: the number that was called, whose phones rang, and whether nobody talked to the caller.
    did: str | None
    rung: list[str]
    missed: bool
    created_at: str
    agent_answered_at: str | None
    answered_at: str | None
    ended_at: str | None
    end_reason: EndReason | None
    ended_by: EndedBy | None


class CallList(msgspec.Struct, frozen=True):
    """The body of GET /calls."""

    calls: list[CallView]


def view(call: Call) -> CallView:
    """What the outside sees of a call: no channel, no endpoint, no node."""
    return CallView(
        id=call.id,
        direction=call.direction,
        state=call.state,
        agent=_agent_view(call.agent),
        device=call.device,
        contact=call.contact,
        number=call.number,
        muted=call.muted,
        held=call.on_hold,
        recording=call.recording == "on",
        recordings=[f"{PATH}/{call.id}/recordings/{number}" for number in range(1, call.recordings + 1)],
        transfer=transfer_view(call.transfer) if call.transfer else None,
        transferred_from=call.transferred_from,
        moving_to=call.moving_to,
        supervisors=[supervisor_view(call, supervisor) for supervisor in call.supervisors] if call.live else [],
        did=call.did,
        rung=list(call.rung),
        missed=call.missed,
        created_at=moment(call.created_at),
        agent_answered_at=moment_or_none(call.agent_answered_at),
        answered_at=moment_or_none(call.answered_at),
        ended_at=moment_or_none(call.ended_at),
        end_reason=call.end_reason,
        ended_by=call.ended_by,
    )


def _agent_view(agent: Agent) -> AgentView:
    return AgentView(agent.email, agent.name, agent.extension)


def transfer_view(transfer: Transfer) -> TransferView:
    """What the outside sees of a transfer."""
    return TransferView(
        id=transfer.id,
        mode=transfer.mode,
        to=transfer.target.to,
        agent=_agent_view(transfer.target.agent) if transfer.target.agent.email else None,
        state=transfer.state,
        reason=transfer.reason,
        talking_with=transfer.with_,
        by=transfer.by,
        started_at=moment(transfer.started_at),
        ended_at=moment_or_none(transfer.ended_at),
        call_id=transfer.successor if transfer.state == "completed" else None,
    )


def supervisor_view(call: Call, supervisor: Supervisor) -> SupervisorView:
    """What the outside sees of a supervisor."""
    joined = call.leg(f"supervisor:{supervisor.id}").stage is LegStage.UP
    state: Literal["ringing", "joined"] = "joined" if joined else "ringing"
    return SupervisorView(supervisor.id, _agent_view(supervisor.agent), supervisor.mode, state)


class Calls:
    """The handlers. A token bound to named agents sees their calls only; the others do not exist for it."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._decoder = msgspec.json.Decoder(NewCall)

    def routes(self) -> list[web.RouteDef]:
        """Beginning, seeing and ending a call."""
        return [
            web.get(PATH, self.list_live),
            web.post(PATH, self.create),
            web.get(PATH + "/{id}", self.show),
            web.delete(PATH + "/{id}", self.hang_up),
        ]

    async def list_live(self, request: web.Request) -> web.Response:
        """200 with the live calls this token may see, oldest first."""
        principal = authenticate(self._services, request)
        calls = self._services.desk.live()
        return json_answer(CallList([view(call) for call in calls if principal.may_act_for(call.agent.email)]))

    async def show(self, request: web.Request) -> web.Response:
        """200 with one call, live or ended."""
        return json_answer(view(await visible_call(self._services, request)))

    async def hang_up(self, request: web.Request) -> web.Response:
        """204, also when the call has ended already."""
        call = await visible_call(self._services, request)
        await self._services.desk.hang_up(call.id)
        return web.Response(status=204)

    async def create(self, request: web.Request) -> web.Response:
        """201 with the call whose agent phone is being rung; 200 when that call was there already."""
        principal = authenticate(self._services, request)
        new = await self._read(request)
        if not principal.may_act_for(new.email):
            raise NotAllowed
        key = _idempotency_key(request)
        if key is None:
            return _placed(await self._place(new))
        return await self._place_once(new, principal, key)

    async def _read(self, request: web.Request) -> NewCall:
        """The body; see `read_body`."""
        new = await read_body(request, self._decoder, "a new call")
        if new.to is None and new.contact_id is None:
            raise BadRequest("The body is not a new call: `to` or `contact_id` is needed.")
        if not new.email.isprintable() or not (new.contact_id or "-").isprintable():
            raise BadRequest("The body is not a new call: `email` or `contact_id` holds unreadable characters.")
        return new

    async def _place(self, new: NewCall) -> Placed:
        services = self._services
        contact: Contact | None = None
        spelling = new.to
        if new.contact_id is not None:
            record = await services.people.contact(new.contact_id)
            contact = record.shown
            if spelling is None:
                if not record.numbers:
                    raise ContactNotFound
                spelling = record.numbers[0]
        # A stored number passes the same policy as a typed one.
        number = services.normalise(spelling or "")
        agent = await services.people.agent(new.email, number)
        if not agent.extension:
            raise NoExtension
        return await services.desk.place(PlaceCall(agent, number, new.device, contact))

    async def _place_once(self, new: NewCall, principal: Principal, key: str) -> web.Response:
        """The same key leads to the same call for 24 hours, whatever became of the first answer."""
        services, owner = self._services, principal.token_id
        known = await services.keys.reserve(owner, key, _digest(new))
        if known is not None:
            return _created(await services.desk.find(known), 201, REPLAYED)
        try:
            placed = await self._place(new)
        except CtcError:
            # Only a refusal that we know frees the key: after anything else a phone may be ringing.
            await _quietly(services.keys.release(owner, key), "idempotency key not released")
            raise
        await _quietly(services.keys.settle(owner, key, placed.call.id), "idempotency key not settled")
        return _placed(placed)


async def _quietly(work: Awaitable[None], event: str) -> None:
    """What happened to the call counts; a database that went away meanwhile must not turn it into another answer."""
    try:
        await work
    except CtcError as error:
        log.warning(event, code=error.code)


def _placed(placed: Placed) -> web.Response:
    return _created(placed.call, 200 if placed.duplicate else 201)


def _created(call: Call, status: int, *headers: tuple[str, str]) -> web.Response:
    return json_answer(view(call), status, ((hdrs.LOCATION, f"{PATH}/{call.id}"), *headers))


def _idempotency_key(request: web.Request) -> str | None:
    keys = request.headers.getall("Idempotency-Key", ())
    if not keys:
        return None
    if len(keys) > 1 or not keys[0].isascii() or not is_plain(keys[0], LONGEST_KEY):
        raise BadRequest(f"Idempotency-Key must be given once, as 1 to {LONGEST_KEY} printable ASCII characters.")
    return keys[0]


def _digest(new: NewCall) -> bytes:
    """The request's meaning, so that white space or the order of keys makes no difference."""
    return hashlib.sha256(msgspec.json.encode(new)).digest()
