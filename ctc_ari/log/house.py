"""Who is behind which channel: what CEL and CDR cannot tell."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ctc_ari.calls.model import Agent
from ctc_ari.errors import CtcError
from ctc_ari.log.row import House

__all__ = ["house_of", "trunk_endpoint"]


#: Of all phones with an address of their own (`asterisk-config/pjsip.conf`).
_SHARED = "ctc-phone"


def house_of(agents: Iterable[Agent], trunk: str, spell: Callable[[str], str]) -> House:
    """`trunk` is the dial string of the configuration; `spell` raises CtcError for what is no number."""
    known: dict[str, Agent] = {}
    for agent in agents:
        if agent.extension:
            known.setdefault(f"web-{agent.extension}", agent)
            known.setdefault(agent.extension, agent)
        if agent.contact:
            #: Her own phone, though others are reached through the same endpoint.
            known.setdefault(f"{(agent.desk_endpoint or _SHARED).removeprefix('PJSIP/')}/{agent.contact}", agent)
        if agent.desk_endpoint:
            known[agent.desk_endpoint.removeprefix("PJSIP/")] = agent

    def spelled(number: str) -> str:
        if number in known:
            return number
        try:
            return spell(number)
        except CtcError:
            return number

    return House(trunk_endpoint(trunk), known.get, spelled)


def trunk_endpoint(trunk: str) -> str:
    """`trunk` of `PJSIP/{number}@trunk` and of `PJSIP/trunk/sip:{number}@192.0.2.1`."""
    name = trunk.partition("/")[2]
    return name.partition("/")[0] if "/" in name else name.rpartition("@")[2]
