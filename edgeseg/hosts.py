"""Which hosts and origins a server answers: the defence against DNS rebinding and forged forms."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

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


def is_loopback(host: str) -> bool:
    """Whether a server that listens on this name or address is reached from its machine alone."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    return _is_address(host) and ipaddress.ip_address(host).is_loopback


def is_own_origin(headers: Mapping[str, str], host: str) -> bool:
    """Whether a request for a host comes from a page of that host, or from no page at all.

    Browsers send ``Sec-Fetch-Site`` to loopback addresses and over TLS, and ``Origin`` always.
    ``headers`` have names in lower case.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    if origin is None:
        return True
    try:
        return urlsplit(origin).netloc.lower() == host.strip().lower()
    except ValueError:
        return False


def _matches(host: str, name: str) -> bool:
    return name == "*" or host == name or (name.startswith("*.") and host.endswith(name[1:]))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
