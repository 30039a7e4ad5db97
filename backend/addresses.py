"""Which addresses the server connects to on somebody else's behalf: public ones alone."""

from __future__ import annotations

import ipaddress

# All that is assigned as global unicast (RFC 4291): what stands for an address of IPv4, be it
# mapped, compatible or translated, lies outside, but for 6to4 and Teredo.
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# Protocol assignments, of which only parts are in ipaddress everywhere, and public addresses at
# which a cloud answers its own machines.
_NOT_PUBLIC = tuple(map(ipaddress.IPv4Network, ("192.0.0.0/24", "168.63.129.16/32")))


def is_public(text: str) -> bool:
    """Whether a text is an IP address of the public internet.

    Private, loopback, link-local, shared, multicast and reserved ones are not, nor are those of
    IPv6 that stand for an address of IPv4.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        stands_for_ipv4 = address.sixtofour is not None or address.teredo is not None
        if address not in _GLOBAL_UNICAST or stands_for_ipv4:
            return False
    elif any(address in network for network in _NOT_PUBLIC):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved
