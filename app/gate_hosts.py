"""Which host names and origins the platform answers to."""

import ipaddress
import socket
from urllib.parse import urlsplit

import psutil

from registry.settings import Settings

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_EVERYWHERE = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - compared with, not bound to


def split_host(host: str) -> tuple[str, str]:
    """Name (lower case, no final dot) and port of a Host header; empty strings for one that is malformed."""
    try:
        parts = urlsplit(f"//{host}")
        port = "" if parts.port is None else str(parts.port)
    except ValueError:
        return "", ""
    if parts.username is not None or parts.path or parts.query or parts.fragment or not parts.hostname:
        return "", ""
    return parts.hostname.lower().rstrip("."), port


class Hosts:
    """The host names of one platform: loopback, the address it listens on and what the settings add."""

    def __init__(self, settings: Settings) -> None:
        self._names = {*_LOOPBACK, settings.host.lower(), *(_plain(name) for name in settings.allowed_hosts)}
        self._names -= _EVERYWHERE
        if settings.host in _EVERYWHERE:
            self._names |= _own_names()

    def answers_to(self, host: str) -> bool:
        """Whether a Host header names this platform. A setting `*.example.com` covers every name below it."""
        name, _ = split_host(host)
        if not name:
            return False
        return name in self._names or any(
            pattern.startswith("*.") and name.endswith(pattern[1:]) for pattern in self._names
        )


def same_origin(origin: str, host: str, scheme: str) -> bool:
    """Whether an Origin header names the host the request was sent to.

    The scheme is not compared: behind a TLS proxy ours is http and the browser's https.
    """
    parts = urlsplit(origin)
    if parts.scheme not in {"http", "https"}:
        return False
    here, there = split_host(host), split_host(parts.netloc)
    standard = {"", "443" if parts.scheme == "https" or scheme in {"https", "wss"} else "80"}
    same_port = here[1] == there[1] or {here[1], there[1]} <= standard
    return bool(here[0]) and here[0] == there[0] and same_port


def _plain(name: str) -> str:
    wildcard = name.startswith("*.")
    return name.lower().rstrip(".") if wildcard else split_host(name)[0]


def _own_names() -> set[str]:
    names = {socket.gethostname().lower(), socket.getfqdn().lower()}
    for addresses in psutil.net_if_addrs().values():
        for address in addresses:
            literal = address.address.split("%")[0]
            try:
                names.add(str(ipaddress.ip_address(literal)))
            except ValueError:  # a link-layer address
                continue
    return names
