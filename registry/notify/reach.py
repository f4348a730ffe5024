"""Where notifications may be sent, and connections that go to the address that was checked."""

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from registry.access.live import LiveSettings
from registry.cameras.policy import own_ports
from registry.errors import AddressRefused
from registry.settings import Settings
from registry.streams.addresses import AllowedNetworks, IpAddress, resolve

_PORTS = {"http": 80, "https": 443, "mqtt": 1883, "mqtts": 8883, "smtp": 587, "smtps": 465}


@dataclass(frozen=True, slots=True)
class Reach(AllowedNetworks):
    """Public addresses, and the networks that an administrator allows; never metadata or this platform's own ports."""

    def refusal(self, address: IpAddress, port: int) -> str:
        """Why nothing may be sent there; empty if it may."""
        listed = any(address in network for network in self.networks)
        networks = (ipaddress.ip_network(address),) if listed or address.is_global else ()
        found = AllowedNetworks(networks, self.own_ports, loopback=listed).refusal(address, port)
        return "outside the networks that notifications may be sent to" if found.startswith("outside") else found

    def checked(self, host: str, port: int) -> str:
        """The address of a host to connect to. Raises AddressRefused, OSError for a name that is not known."""
        try:
            return resolve(host, port, self)
        except AddressRefused as error:
            hint = "An administrator sets the networks of receivers in the settings (notification_networks)."
            raise AddressRefused(error.message, hint=hint) from error

    def connect(self, host: str, port: int, timeout_s: float) -> socket.socket:
        """A connection to the checked address. Raises AddressRefused, OSError."""
        return socket.create_connection((self.checked(host, port), port), timeout=timeout_s)


def endpoint(url: str) -> tuple[str, int]:
    """The host of a receiver's address, and its port, the protocol's own where none is given."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or _PORTS[parts.scheme]


def check_literal(url: str, reach: Reach) -> None:
    """Raises AddressRefused for an address in numbers that nothing would be sent to; names are looked up later."""
    host, port = endpoint(url)
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return
    reach.checked(host, port)


def reach_of(settings: Settings, live: LiveSettings) -> Reach:
    """What the administrator's settings allow."""
    networks = tuple(ipaddress.ip_network(text) for text in live.notification_networks)
    return Reach(networks, own_ports(settings))
