"""Where a redirect may lead: never to another scheme than the web's, never from outside into this network."""

import ipaddress
import socket

import httpx

from registry.errors import DownloadFailed


def check_scheme(url: str) -> None:
    """Raise DownloadFailed unless a URL is one of the web."""
    if httpx.URL(url).scheme not in ("http", "https"):
        raise DownloadFailed(f"{url[:80]!r} is no http(s) address")


def next_url(current: httpx.URL, location: str, first: httpx.URL) -> httpx.URL:
    """The address a redirect names. Raises DownloadFailed for one that leaves the web, drops TLS or leads inward."""
    try:
        target = current.join(location)
    except httpx.InvalidURL as error:
        raise DownloadFailed(f"{current.host} redirects to what is no address") from error
    if not location or target.scheme not in ("http", "https"):
        raise DownloadFailed(f"{current.host} redirects to {target.scheme or 'nowhere'}")
    if current.scheme == "https" and target.scheme == "http":
        raise DownloadFailed(f"{current.host} redirects from https to http")
    if _inward(target.host) and not _inward(first.host):
        raise DownloadFailed(f"{current.host} redirects into this network, to {target.host[:80]}")
    return target


def _inward(host: str) -> bool:
    """Whether a host is this machine or in a private network; one that only a proxy can resolve is not."""
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        return False
    return any(not ipaddress.ip_address(address.partition("%")[0]).is_global for address in found)
