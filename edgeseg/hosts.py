"""Which names a server on this machine may be addressed by: the defence against DNS rebinding."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?", re.ASCII)


def host_name(header: str) -> str | None:
    """Return the name or address in a ``Host`` header, in lower case; None if it is malformed."""
    match = _HOST.fullmatch(header.strip())
    return match[1].strip("[]").rstrip(".").lower() if match else None


def is_trusted_host(header: str, names: Iterable[str]) -> bool:
    """Whether a request with this ``Host`` header may be answered.

    Trusted are loopback names, the given names ("*.example.com" stands for all names below
    example.com, "*" for every name), and IP addresses: a page of another site can bring a browser
    to send a name of its own to this server, but never an address.
    """
    host = host_name(header)
    if not host:
        return False
    if host == "localhost" or host.endswith(".localhost") or _is_address(host):
        return True
    return any(_matches(host, name.lower().rstrip(".")) for name in names)


def _matches(host: str, name: str) -> bool:
    return name == "*" or host == name or (name.startswith("*.") and host.endswith(name[1:]))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
