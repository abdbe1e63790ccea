"""Which IP addresses are on the internet, so that nobody has the service ask what only its own network may."""

from __future__ import annotations

import ipaddress
from typing import TypeAlias

__all__ = ["IpAddress", "is_public"]

IpAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

#: IPv6 prefixes behind which an IPv4 address stands: NAT64 (RFC 6052) in its last 32 bits.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
#: All that is in use on the internet (RFC 4291, 2.4), so that no forgotten kind of private address passes, but for what
#: documents are written with (RFC 9637), which Python learned late.
_GLOBAL_UNICAST, _DOCUMENTATION = ipaddress.ip_network("2000::/3"), ipaddress.ip_network("3fff::/20")


def is_public(address: IpAddress) -> bool:
    """Whether an address is on the internet: not private, loopback, link-local or reserved, nor a way round to one."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(inner)
        if address not in _GLOBAL_UNICAST or address in _DOCUMENTATION:
            return False
    return address.is_global and not address.is_multicast
