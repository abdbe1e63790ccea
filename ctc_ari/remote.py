"""Requests to other people's servers: bounded in time and size, no redirects, and no way into our own network.

Addresses are looked at where a socket is made: whatever a name resolves to at that moment, and whichever of its
addresses is tried, is the one that is checked. No server passes under one address and is reached under another.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from types import TracebackType

import aiohttp
import msgspec
from aiohttp.abc import AbstractCookieJar
from aiohttp.typedefs import StrOrURL
from yarl import URL

from ctc_ari import __version__
from ctc_ari.outbox import is_public

__all__ = ["Remote", "RemoteAnswer", "retry_after"]

#: Seconds until a connection stands, and for a whole request.
CONNECT_SECONDS, REQUEST_SECONDS = 5.0, 10.0
#: Bytes of an answer that are read.
LARGEST_ANSWER = 256 * 1024
#: Seconds that a name's addresses count; they are looked at again at each connection.
DNS_SECONDS = 10
#: Seconds a receiver may ask to be left alone (RFC 9110, 10.2.3).
LONGEST_RETRY_AFTER = 3600.0


class RemoteAnswer(msgspec.Struct, frozen=True):
    """What came back; `error` says in a few words why there is nothing, or why it is not used."""

    status: int | None
    body: bytes = b""
    error: str | None = None
    #: Seconds.
    retry_after: float | None = None


class _NotPublic(OSError):
    """A private address; always in the same words, so that nobody maps our network with them."""


class Remote:
    """A client for servers that are not ours. `public_only`: to no private, loopback or link-local address."""

    def __init__(
        self, *, public_only: bool, seconds: float = REQUEST_SECONDS, largest_answer: int = LARGEST_ANSWER
    ) -> None:
        self._public_only = public_only
        self._timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=min(CONNECT_SECONDS, seconds))
        self._largest_answer = largest_answer
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Remote:
        """No proxy of the environment, no cookies, no decompression: nothing that a small answer could blow up."""
        connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=DNS_SECONDS, socket_factory=self._socket)
        jar: AbstractCookieJar = aiohttp.DummyCookieJar()
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=jar,
            timeout=self._timeout,
            auto_decompress=False,
            trust_env=False,
            headers={"User-Agent": f"ctc-ari/{__version__}", "Accept-Encoding": "identity"},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> RemoteAnswer:
        """One request. Never raises."""
        assert self._session is not None, "use `async with`"
        try:
            target: StrOrURL = URL(url, encoded=True)
            async with self._session.request(
                method, target, headers=headers, data=body, allow_redirects=False
            ) as answer:
                after = retry_after(answer.headers.get("Retry-After"))
                if answer.status in (301, 302, 303, 307, 308):
                    answer.close()
                    return RemoteAnswer(answer.status, error="redirects are not followed; give the final address")
                read = await self._read(answer)
                if read is None:
                    return RemoteAnswer(answer.status, error="the answer is too large", retry_after=after)
                return RemoteAnswer(answer.status, read, retry_after=after)
        except TimeoutError:
            return RemoteAnswer(None, error="no answer in time")
        except aiohttp.ClientConnectorCertificateError:
            return RemoteAnswer(None, error="the certificate is not valid for that address")
        except aiohttp.ClientSSLError:
            return RemoteAnswer(None, error="no TLS connection")
        except aiohttp.ClientConnectorDNSError:
            return RemoteAnswer(None, error="the name does not resolve")
        except aiohttp.ClientConnectorError as error:
            private = isinstance(error.os_error, _NotPublic)
            return RemoteAnswer(None, error=str(error.os_error) if private else "no connection")
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, aiohttp.ClientPayloadError):
            return RemoteAnswer(None, error="the connection was closed before all of the answer had come")
        except aiohttp.ClientResponseError:
            return RemoteAnswer(None, error="the answer is not HTTP")
        except aiohttp.InvalidURL:
            return RemoteAnswer(None, error="that is no address")
        except (aiohttp.ClientError, ValueError, OSError) as error:
            return RemoteAnswer(None, error=f"the request failed ({type(error).__name__})")

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes | None:
        """The body; None when it is too large, and then the connection is given up."""
        found = bytearray()
        async for part in answer.content.iter_any():
            found += part
            if len(found) > self._largest_answer:
                answer.close()
                return None
        return bytes(found)

    def _socket(self, info: tuple[int, int, int, str, tuple[object, ...]]) -> socket.socket:
        family, kind, protocol, _, address = info
        if self._public_only and not is_public(ipaddress.ip_address(str(address[0]).partition("%")[0])):
            raise _NotPublic("the address is private; `webhooks.allow_private: true` allows it")
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        return made


def retry_after(text: str | None) -> float | None:
    """Seconds; the form with a date is ignored, because clocks differ."""
    if text is None or not (text.isascii() and text.isdigit() and len(text) <= 9):
        return None
    return min(float(text), LONGEST_RETRY_AFTER)
