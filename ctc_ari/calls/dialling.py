"""Who and what can be rung, and how Asterisk is told: agents' devices, extensions, numbers, routes. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

from ctc_ari.calls.leg import Device
from ctc_ari.calls.model import Agent, Target
from ctc_ari.config import Asterisk, Inbound
from ctc_ari.errors import AgentNotFound, DeviceUnavailable, InvalidNumber, NumberBlocked

__all__ = ["Dialling", "FindAgent"]

#: By e-mail or extension; None: nobody.
FindAgent = Callable[[str], Agent | None]

_EXTENSION = re.compile(r"[0-9*#]{1,20}")
#: No number of any country is so short, but for emergency numbers, which are refused before this is looked at.
_LONGEST_EXTENSION = 6
_DIALLED = re.compile(r"\+?[0-9]{1,20}")


class Dialling:
    """Made from the configuration, what may be dialled, the spelling of numbers that are kept, and the directory."""

    def __init__(
        self,
        asterisk: Asterisk,
        inbound: Inbound,
        normalise: Callable[[str], str],
        spell: Callable[[str], str],
        find_agent: FindAgent,
    ) -> None:
        self._asterisk = asterisk
        self._normalise = normalise
        self._spell = spell
        self._find_agent = find_agent
        self._routes = {
            did: (route,) if isinstance(route, str) else tuple(route) for did, route in inbound.routes.items()
        }

    def trunk(self, number: str) -> str:
        """The dial string of a number in E.164."""
        return self._asterisk.trunk.replace("{number}", number.removeprefix("+")).replace("{e164}", number)

    def device(self, agent: Agent, device: Device) -> str:
        """The dial string of one of her devices. Raises DeviceUnavailable."""
        if device == "web":
            if not agent.extension:
                raise DeviceUnavailable("The agent has no extension, which her browser phone needs")
            return f"PJSIP/web-{agent.extension}"
        if agent.desk_endpoint:
            name = agent.desk_endpoint.removeprefix("PJSIP/")
        else:
            name = "ctc-phone" if agent.contact else (agent.extension or "")
        if not name:
            raise DeviceUnavailable("The agent has no desk phone; give her one with `ctc-ari agent set`")
        return f"PJSIP/{name}/{agent.contact}" if agent.contact else f"PJSIP/{name}"

    def devices(self, agent: Agent) -> tuple[str, ...]:
        """All her devices, the desk phone first; one that is not registered cannot be rung, which does no harm."""
        if not agent.email:
            return (self._extension(agent.extension or ""),)
        found: list[str] = []
        devices: tuple[Device, ...] = ("desk", "web")
        for device in devices:
            try:
                found.append(self.device(agent, device))
            except DeviceUnavailable:
                continue
        return tuple(found)

    def target(self, to: str) -> Target:
        """An agent's e-mail or extension, any other extension, or a number.

        Raises AgentNotFound, DeviceUnavailable, InvalidNumber, NumberBlocked.
        """
        agent = self._find_agent(to)
        if agent is not None:
            return Target(to, self.device(agent, agent.device), agent)
        if "@" in to:
            raise AgentNotFound
        try:
            number = self._normalise(to)
        except NumberBlocked:
            raise
        except InvalidNumber:
            if _EXTENSION.fullmatch(to) and len(to) <= _LONGEST_EXTENSION:
                return Target(to, self._extension(to), Agent("", extension=to))
            raise
        return Target(number, self.trunk(number), Agent("", name=number), outside=True)

    def route(self, did: str) -> tuple[str, ...]:
        """Who is rung for that DID, one after the other; nobody: it is none of ours."""
        return self._routes.get(did, ())

    def who(self, entry: str) -> Agent | None:
        """Whom an entry of a route means; None: an agent we do not know."""
        agent = self._find_agent(entry)
        if agent is None and _EXTENSION.fullmatch(entry):
            return Agent("", extension=entry)
        return agent

    def caller(self, number: str) -> str:
        """Who calls, in E.164 where that can be; as the carrier says where not; empty where that is withheld."""
        try:
            #: A caller from a country that is not called from here still has a number, and contacts.
            return self._spell(number)
        except InvalidNumber:
            return number if _DIALLED.fullmatch(number) else ""

    def _extension(self, extension: str) -> str:
        return self._asterisk.extensions.replace("{extension}", extension)
