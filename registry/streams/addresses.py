"""Which network addresses a camera may have."""

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from registry.errors import AddressRefused, InvalidSource

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolver = Callable[[str, int], Iterable[str]]

_SERVICE = "a service that this platform works with"
PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
_HOST_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_](?:[a-z0-9_-]{0,62}))*\.?\Z")
_NUMBER = re.compile(r"(?:\d+|0x[0-9a-f]*)\Z")
_CARRIERS = tuple(  # IPv6 ranges that carry an IPv4 address inside, and the metadata service of one cloud
    ipaddress.ip_network(text)
    for text in (
        "::/96",
        "::ffff:0:0/96",
        "::ffff:0:0:0/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2002::/16",
        "2001::/32",
    )
)
_METADATA = {
    ipaddress.ip_address(text)
    for text in ("fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "100.100.100.200", "168.63.129.16")
}


@dataclass(frozen=True, slots=True)
class AllowedNetworks:
    """Where cameras may be: the administrator's networks, and never this platform's own `own_ports` on this host, nor
    the `services` it works with, (host, port) on any.

    `loopback` lets tests reach servers on this machine.
    """

    networks: tuple[IpNetwork, ...] = tuple(ipaddress.ip_network(text) for text in PRIVATE)
    own_ports: frozenset[int] = frozenset()
    loopback: bool = False
    services: frozenset[tuple[str, int]] = frozenset()

    @classmethod
    def parse(
        cls,
        texts: Iterable[str],
        own_ports: Iterable[int] = (),
        *,
        services: Iterable[tuple[str, int]] = (),
        loopback: bool = False,
    ) -> "AllowedNetworks":
        """From CIDR texts such as `10.20.0.0/16`. Raises InvalidSource naming the one that is none."""
        try:
            networks = tuple(ipaddress.ip_network(text) for text in texts)
        except ValueError as error:
            raise InvalidSource(f"a camera network must be a range such as 10.20.0.0/16: {error}") from error
        return cls(networks, frozenset(own_ports), loopback, frozenset(services))

    def refusal(self, address: IpAddress, port: int) -> str:
        """Why a camera may not be there; empty if it may."""
        if kind := _never(address):
            return kind
        if address.is_loopback:
            if not self.loopback:
                return "this machine itself"
        elif not any(address in network for network in self.networks):
            return "outside the networks that cameras may be in"
        if port in self.own_ports and _is_here(address):
            return "one of this platform's own ports"
        return ""


def resolve(host: str, port: int, allowed: AllowedNetworks, resolver: Resolver | None = None) -> str:
    """The address of a host to connect to, checked; connect by it and never by the name again.

    Raises AddressRefused when no address of the host may be used, InvalidSource for a host that is none, OSError
    when the name is not known.
    """
    literal = _literal(host)
    found = [literal] if literal else [ipaddress.ip_address(text) for text in (resolver or _look_up)(host, port)]
    taken = _of_services(port, allowed, resolver or _look_up)
    refusals = [_SERVICE if address in taken else allowed.refusal(address, port) for address in found]
    for address, refusal in zip(found, refusals, strict=True):
        if not refusal:
            return str(address)
    raise AddressRefused(f"{host} port {port} is {refusals[0] if refusals else 'without an address'}")


def _of_services(port: int, allowed: AllowedNetworks, resolver: Resolver) -> set[IpAddress]:
    """The addresses at which the services with that port are; a name that is not known now has none."""
    found: set[IpAddress] = set()
    for host in {host for host, service_port in allowed.services if service_port == port}:
        literal = _literal(host)
        with suppress(OSError):
            found |= {literal} if literal else {ipaddress.ip_address(text) for text in resolver(host, port)}
    return found


def check_host(host: str) -> str:
    """The host in lower case if it is a name or a plainly written address.

    Raises InvalidSource, also for addresses in decimal, octal or hexadecimal numbers.
    """
    lowered = host.lower()
    if _literal(lowered):
        return lowered
    if not _HOST_NAME.match(lowered) or _NUMBER.match(lowered.rstrip(".").rpartition(".")[2]):
        raise InvalidSource(f"{host[:80]!r} is neither a host name nor an address such as 192.168.1.20 or [fd00::20]")
    return lowered


def _literal(host: str) -> IpAddress | None:
    try:
        return ipaddress.ip_address(host) if "%" not in host else None
    except ValueError:
        return None


def _never(address: IpAddress) -> str:
    """What no administrator can allow."""
    if address in _METADATA or address.is_link_local:
        return "a link-local or metadata address"
    if address.is_multicast or address.is_unspecified or (address.is_reserved and address.version == 4):
        return "no address of one machine"
    carries = address.version == 6 and any(address in network for network in _CARRIERS) and not address.is_loopback
    return "an IPv6 address that stands for an IPv4 one" if carries else ""


def _is_here(address: IpAddress) -> bool:
    """Whether the address is one of this machine's: only those can be bound."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError:
            return False
        return True


def _look_up(host: str, port: int) -> Iterable[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found)
