"""/api/v1/calls/{id}/transfers, /device and /supervisors: who else takes part in a call, and on which device."""

from __future__ import annotations

from typing import Annotated

import msgspec
from aiohttp import hdrs, web

from ctc_ari.calls.inputs import CancelTransfer, CompleteTransfer, Input, StopSupervising, Supervise, SwapTransfer
from ctc_ari.calls.leg import Device
from ctc_ari.calls.model import Call, Supervisor, SupervisorMode, Transfer, TransferMode
from ctc_ari.errors import NotAllowed, SupervisorNotFound, TransferNotFound, WrongState
from ctc_ari.http.answers import json_answer
from ctc_ari.http.bodies import read_body
from ctc_ari.http.calls import SupervisorView, supervisor_view, transfer_view, view
from ctc_ari.http.services import Services, authenticate, visible_call

__all__ = ["Transfers"]

PATH = "/api/v1/calls/{id}"
MODES = "listen, whisper or barge"


class NewTransfer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST …/transfers: `to` is an agent's e-mail, an extension, or a number."""

    to: Annotated[str, msgspec.Meta(min_length=1, max_length=254)]
    mode: TransferMode


class NewDevice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST …/device; `again` rings it though it has the call."""

    device: Device
    again: bool = False


class NewSupervisor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST …/supervisors: whose phone rings, and how she takes part."""

    email: Annotated[str, msgspec.Meta(min_length=1, max_length=254)]
    mode: SupervisorMode = "listen"


class NewMode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of PUT …/supervisors/{sid}."""

    mode: SupervisorMode


class Transfers:
    """The handlers. A transfer or a supervisor that is over stays over: repeating what ended it is harmless."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._transfer = msgspec.json.Decoder(NewTransfer)
        self._device = msgspec.json.Decoder(NewDevice)
        self._supervisor = msgspec.json.Decoder(NewSupervisor)
        self._mode = msgspec.json.Decoder(NewMode)

    def routes(self) -> list[web.RouteDef]:
        """Handing over, moving, listening in."""
        return [
            web.post(PATH + "/transfers", self.transfer),
            web.get(PATH + "/transfers/{tid}", self.show, allow_head=False),
            web.post(PATH + "/transfers/{tid}/complete", self.complete),
            web.post(PATH + "/transfers/{tid}/swap", self.swap),
            web.delete(PATH + "/transfers/{tid}", self.cancel),
            web.post(PATH + "/device", self.move),
            web.post(PATH + "/supervisors", self.supervise),
            web.put(PATH + "/supervisors/{sid}", self.change_mode),
            web.delete(PATH + "/supervisors/{sid}", self.stop_supervising),
        ]

    async def transfer(self, request: web.Request) -> web.Response:
        """201 with the transfer, once the target's channel is there; it then rings."""
        call = await visible_call(self._services, request)
        new = await read_body(request, self._transfer, "a transfer whose mode is blind or attended")
        call = await self._services.desk.transfer(call.id, new.to, new.mode)
        transfer = call.transfers[-1]
        place = f"{PATH.format(id=call.id)}/transfers/{transfer.id}"
        return json_answer(transfer_view(transfer), 201, ((hdrs.LOCATION, place),))

    async def show(self, request: web.Request) -> web.Response:
        """200 with the transfer, under way or over."""
        _, transfer = await self._transfer_of(request)
        return json_answer(transfer_view(transfer))

    async def complete(self, request: web.Request) -> web.Response:
        """The agent leaves; while the target still rings, the customer waits for it."""
        call, transfer = await self._transfer_of(request)
        return await self._decide(call, transfer, CompleteTransfer(), "completed")

    async def swap(self, request: web.Request) -> web.Response:
        """The agent talks with the other one of the two."""
        call, transfer = await self._transfer_of(request)
        return await self._decide(call, transfer, SwapTransfer(), "")

    async def cancel(self, request: web.Request) -> web.Response:
        """The target is released; the customer is back with the agent."""
        call, transfer = await self._transfer_of(request)
        return await self._decide(call, transfer, CancelTransfer(), "cancelled")

    async def move(self, request: web.Request) -> web.Response:
        """202 with the call while the other device rings; the call is there once it is answered."""
        call = await visible_call(self._services, request)
        new = await read_body(request, self._device, "a device, desk or web")
        return json_answer(view(await self._services.desk.move(call.id, new.device, again=new.again)), 202)

    async def supervise(self, request: web.Request) -> web.Response:
        """201 while the supervisor's phone rings."""
        call = await self._supervised_call(request)
        new = await read_body(request, self._supervisor, f"a supervisor who is to {MODES}")
        if not authenticate(self._services, request).may_act_for(new.email):
            raise NotAllowed
        agent = self._services.directory.agent(new.email)
        call, name = await self._services.desk.supervise(call.id, agent, new.mode)
        place = f"{PATH.format(id=call.id)}/supervisors/{name}"
        return json_answer(self._view(call, name, Supervisor(name, agent, new.mode, 0)), 201, ((hdrs.LOCATION, place),))

    async def change_mode(self, request: web.Request) -> web.Response:
        """From listening to whispering, say."""
        call = await self._supervised_call(request)
        new = await read_body(request, self._mode, f"a supervisor's mode, which is {MODES}")
        supervisor = _supervisor_of(call, request.match_info["sid"])
        await self._services.desk.control(call.id, Supervise(supervisor.id, supervisor.agent, "", new.mode))
        return web.Response(status=204)

    async def stop_supervising(self, request: web.Request) -> web.Response:
        """She leaves."""
        call = await self._supervised_call(request)
        supervisor = _supervisor_of(call, request.match_info["sid"])
        await self._services.desk.control(call.id, StopSupervising(supervisor.id))
        return web.Response(status=204)

    async def _transfer_of(self, request: web.Request) -> tuple[Call, Transfer]:
        call = await visible_call(self._services, request)
        for transfer in call.transfers:
            if transfer.id == request.match_info["tid"]:
                return call, transfer
        raise TransferNotFound

    async def _decide(self, call: Call, transfer: Transfer, wish: Input, outcome: str) -> web.Response:
        if transfer.state == outcome:
            return web.Response(status=204)
        if not transfer.open:
            raise WrongState("The transfer is over.")
        await self._services.desk.control(call.id, wish)
        return web.Response(status=204)

    async def _supervised_call(self, request: web.Request) -> Call:
        """Raises NotAllowed for everybody without that right."""
        call = await visible_call(self._services, request)
        if not authenticate(self._services, request).may_supervise:
            raise NotAllowed(
                "This needs a token with the right `supervise`; `ctc-ari token create` gives it with --right."
            )
        return call

    def _view(self, call: Call, name: str, otherwise: Supervisor) -> SupervisorView:
        return supervisor_view(call, next((known for known in call.supervisors if known.id == name), otherwise))


def _supervisor_of(call: Call, name: str) -> Supervisor:
    for supervisor in call.supervisors:
        if supervisor.id == name and call.live:
            return supervisor
    raise SupervisorNotFound
