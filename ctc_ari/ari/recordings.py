"""Recordings that Asterisk has finished, and their end."""

from __future__ import annotations

from urllib.parse import quote

import aiohttp

from ctc_ari.config import Node
from ctc_ari.errors import AsteriskUnreachable, CallFailed

__all__ = ["AriRecordings"]

TIMEOUT = aiohttp.ClientTimeout(total=5.0)


class AriRecordings:
    """Implements `ctc_ari.call_log.StoredRecordings` over HTTP, so that a command needs no event socket."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def remove(self, name: str) -> None:
        """`DELETE /recordings/stored/{name}`; one that is gone already is fine.

        Raises AsteriskUnreachable, and CallFailed when Asterisk cannot delete it.
        """
        url = f"{self._node.ari_url.rstrip('/')}/recordings/stored/{quote(name, safe='')}"
        authorization = aiohttp.encode_basic_auth(self._node.username, self._node.password)
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
