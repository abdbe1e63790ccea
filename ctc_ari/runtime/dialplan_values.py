"""What the dialplan is filled with: our numbers as carriers write them, and the phones behind each of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import phonenumbers

from ctc_ari.config import AgentSeed, Config

__all__ = ["ari_only_transfers", "dialplan_values"]

#: Seconds beyond the ringing in which the service has connected a waiting caller or given him back.
_SPARE = 10


def ari_only_transfers(version: tuple[int, int, int]) -> bool:
    """Whether this Asterisk knows PJSIP_TRANSFER_HANDLING, by which a phone's transfer key is left to the service.

    New in 20.13, 21.8 and 22.3 (CHANGES of these releases).
    """
    return version >= {20: (20, 13, 0), 21: (21, 8, 0)}.get(version[0], (22, 3, 0))


def dialplan_values(config: Config) -> dict[str, Any]:
    """The routes of `inbound.routes` and the spellings of their numbers, for `extensions.conf`."""
    seconds = config.asterisk.ring_timeout.agent
    region = config.numbers.default_region
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region, None)
    return {
        "app": config.asterisk.app,
        "seconds": seconds,
        "country_code": phonenumbers.country_code_for_region(region),
        "national_prefix": (metadata.national_prefix if metadata else None) or "",
        "spellings": _spellings(config),
        "routes": [
            {
                "number": number,
                "patience": seconds * (1 if isinstance(route, str) else len(route)) + _SPARE,
                "rings": list(_rings(config, [route] if isinstance(route, str) else route)),
            }
            for number, route in config.inbound.routes.items()
        ],
    }


def _spellings(config: Config) -> dict[str, str]:
    """How a carrier may write our numbers where no general rule tells: without `+`, and nationally -> E.164."""
    routed = {number: phonenumbers.parse(number) for number in config.inbound.routes}
    spellings = {number.removeprefix("+"): number for number in routed}
    region = config.numbers.default_region
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region, None)
    for number, parsed in routed.items():
        if parsed.country_code == phonenumbers.country_code_for_region(region):
            national = phonenumbers.national_significant_number(parsed)
            for prefix in (metadata.national_prefix if metadata else None, ""):
                # What one number is in full another one may be nationally: the full one is meant.
                spellings.setdefault(f"{prefix or ''}{national}", number)
    return spellings


def _rings(config: Config, route: list[str]) -> Iterator[dict[str, str | None]]:
    """What is rung one after another. Agents whom only the database knows cannot be rung from here."""
    agents = {agent.email.lower(): agent for agent in config.agents}
    extensions = {agent.extension: agent for agent in config.agents if agent.extension}
    for target in route:
        agent = agents.get(target.lower()) if "@" in target else extensions.get(target)
        if agent is not None:
            yield from _phones_of(agent)
        elif "@" not in target:
            yield {"desk": config.asterisk.extensions.replace("{extension}", target), "web": None}


def _phones_of(agent: AgentSeed) -> Iterator[dict[str, str | None]]:
    """Her desk phone as the service dials it, and her browser, if she has an extension."""
    name = agent.desk_endpoint or ("ctc-phone" if agent.contact else agent.extension)
    if name:
        desk = f"PJSIP/{name.removeprefix('PJSIP/')}"
        yield {
            "desk": f"{desk}/{agent.contact}" if agent.contact else desk,
            "web": f"PJSIP/web-{agent.extension}" if agent.extension else None,
        }
