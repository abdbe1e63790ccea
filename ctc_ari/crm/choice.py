"""Which CRM the configuration means."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ctc_ari.calls.model import Agent
from ctc_ari.config import Config
from ctc_ari.crm.builtin import BuiltinCrm
from ctc_ari.crm.cache import Memory
from ctc_ari.crm.http import HttpCrm
from ctc_ari.crm.port import Crm
from ctc_ari.crm.zammad import ZammadCrm
from ctc_ari.directory import Directory
from ctc_ari.outbox import Encode
from ctc_ari.remote import Remote

__all__ = ["crm_of"]


def crm_of(
    config: Config,
    remote: Remote,
    directory: Directory,
    remember: Callable[[Agent], Awaitable[None]],
    encode: Encode,
    memory: Memory,
) -> Crm:
    """`remember` writes an agent into the directory, `encode` is what a webhook would be sent.

    `memory` keeps the CRM's last answers.
    """
    crm = config.crm
    if crm.kind == "http":
        return HttpCrm(crm.http, remote, directory, remember, encode, memory)
    if crm.kind == "zammad":
        return ZammadCrm(crm.zammad.url or "", remote, directory, config.asterisk.caller_id)
    return BuiltinCrm(directory)
