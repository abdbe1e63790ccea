"""Who is rung, for a caller, for a transfer, for a call dialled on a phone: looked up, never done here."""

from __future__ import annotations

import structlog

from ctc_ari.calls.dialling import Dialling
from ctc_ari.calls.entry import Entry
from ctc_ari.calls.ids import new_call_id
from ctc_ari.calls.inputs import AgentFound, Input, NobodyFound, PhoneJoins, PhoneTransfers, SecondCall, StartTransfer
from ctc_ari.calls.leg import Leg, LegStage, Role
from ctc_ari.calls.model import Agent, Call, Phase, TransferMode
from ctc_ari.calls.ports import Arrived, Referred, Telephony
from ctc_ari.calls.roster import Roster
from ctc_ari.config import Asterisk
from ctc_ari.errors import AgentBusy, CtcError, WrongState

__all__ = ["Reception"]

log = structlog.get_logger(__name__)


class Reception:
    """Knows the routes, the agents, and who has a call."""

    def __init__(self, telephony: Telephony, dialling: Dialling, asterisk: Asterisk, roster: Roster) -> None:
        self._telephony = telephony
        self._dialling = dialling
        self._asterisk = asterisk
        self._roster = roster

    def caller(self, arrived: Arrived, now: float) -> Call | None:
        """The call of somebody who called a number of ours; None: it is in no route."""
        if not self._dialling.route(arrived.dialled):
            return None
        return Call(
            id=new_call_id(self._telephony.app, now),
            node=self._telephony.node,
            linkedid=arrived.channel,
            direction="inbound",
            agent=Agent(""),
            device="desk",
            number=self._dialling.caller(arrived.number),
            did=arrived.dialled,
            agent_leg=Leg("", ""),
            customer_leg=Leg(arrived.channel, "", LegStage.READY),
            agent_ring_timeout=self._asterisk.ring_timeout.agent,
            customer_ring_timeout=self._asterisk.ring_timeout.customer,
            max_seconds=self._asterisk.max_call_seconds,
            asterisk_started=self._telephony.started,
            created_at=now,
        )

    def next_agent(self, call: Call, position: int) -> AgentFound | NobodyFound:
        """The next in the call's route who has no other call."""
        route = self._dialling.route(call.did or "")
        busy = False
        for index in range(position, len(route)):
            agent = self._dialling.who(route[index])
            if agent is None:
                continue
            if self._roster.has_call(agent.email, but=call.id):
                busy = True
                continue
            endpoints = self._dialling.devices(agent)
            if endpoints:
                return AgentFound(agent, endpoints, index + 1)
        return NobodyFound(busy)

    def second_call(self, arrived: Arrived, now: float) -> tuple[Entry, SecondCall] | None:
        """A call dialled on the phone of somebody who talks: she consults; None: it is nothing we place."""
        for entry in self._roster:
            if entry.call.phase is Phase.TALKING and entry.call.agent_leg.endpoint == arrived.endpoint:
                try:
                    return entry, SecondCall(
                        arrived.channel, self.start_of_transfer(entry.call, arrived.dialled, "attended", now)
                    )
                except CtcError as error:
                    log.info("second call refused", call=entry.call.id, code=error.code)
                    return None
        return None

    def start_of_transfer(self, call: Call, to: str, mode: TransferMode, now: float) -> StartTransfer:
        """Raises AgentNotFound, AgentBusy, DeviceUnavailable, InvalidNumber, NumberBlocked, WrongState."""
        target = self._dialling.target(to)
        if target.agent.email and target.agent.email == call.agent.email:
            raise WrongState("The agent has the call already; name somebody else")
        if target.agent.email and self._roster.has_call(target.agent.email):
            raise AgentBusy("That agent is ringing or talking; choose another, or wait")
        timeouts = self._asterisk.ring_timeout
        seconds = timeouts.customer if target.outside else timeouts.agent
        return StartTransfer(mode, target, new_call_id(self._telephony.app, now), seconds)

    def referral(self, call: Call, role: Role, refer: Referred, now: float) -> Input:
        """What a phone asks for by its own keys."""
        if refer.other is not None and call.role_of(refer.other) in ("agent", "second"):
            return PhoneJoins(role)
        if refer.other is not None or refer.lost:
            return PhoneTransfers(role, refer.to)
        try:
            return PhoneTransfers(role, refer.to, self.start_of_transfer(call, refer.to, "blind", now))
        except CtcError as error:
            log.info("transfer by phone refused", call=call.id, code=error.code)
            return PhoneTransfers(role, refer.to)
