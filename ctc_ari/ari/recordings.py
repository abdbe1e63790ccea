"""Recordings that Asterisk has finished, and their end."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

import aiohttp

from ctc_ari.config import Node
from ctc_ari.errors import AsteriskUnreachable, CallFailed

__all__ = ["AriRecordings"]

TIMEOUT = aiohttp.ClientTimeout(total=5.0)


class AriRecordings:
    """Implements `ctc_ari.call_log.StoredRecordings` over HTTP, so that a command needs no event socket."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._nodes = {node.name: node for node in nodes}

    async def remove(self, node: str, name: str) -> None:
        """`DELETE /recordings/stored/{name}`; one that is gone already is fine.

        Raises AsteriskUnreachable, and CallFailed when Asterisk cannot delete it, or is not known here any more: what
        it has must not pass for deleted.
        """
        there = self._nodes.get(node)
        if there is None:
            raise CallFailed(f"The recording is on the Asterisk `{node}`, which asterisk.nodes no longer names.")
        url = f"{there.ari_url.rstrip('/')}/recordings/stored/{quote(name, safe='')}"
        authorization = aiohttp.encode_basic_auth(there.username, there.password)
        try:
            async with (
                aiohttp.ClientSession(headers={"Authorization": authorization}, timeout=TIMEOUT) as session,
                session.delete(url) as answer,
            ):
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise AsteriskUnreachable from error
        if status == 401:
            raise AsteriskUnreachable("Asterisk refuses the user name or password of asterisk.nodes.")
        if status >= 300 and status != 404:
            raise CallFailed(f"Asterisk answered {status} when a recording was to be deleted.")
