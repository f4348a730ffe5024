"""From what people typed to the address of a camera, with its secrets apart."""

import ipaddress
from dataclasses import dataclass, replace

from pydantic import SecretStr

from registry.cameras.sealing import Secrets, origin_of, secrets_of, shown_url, stored_url, with_target
from registry.errors import InvalidInput
from registry.streams import CameraSource, Credentials, SourcePolicy, parse_source
from registry.streams.addresses import resolve
from registry.streams.hiding import HIDDEN


@dataclass(frozen=True, slots=True)
class Typed:
    """What somebody typed; None was left as it was."""

    url: str | None
    username: str | None = None
    password: SecretStr | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """Where a camera is: the URL as it is stored and shown, and what is sealed."""

    source: CameraSource
    url: str
    secrets: Secrets

    @property
    def origin(self) -> str:
        """What the secrets are bound to."""
        return origin_of(self.url)


@dataclass(frozen=True, slots=True)
class Kept:
    """The address that a camera has so far."""

    url: str
    secrets: Secrets


def address_of(typed: Typed, policy: SourcePolicy, *, verify_tls: bool, before: Kept | None = None) -> Address:
    """The address that was typed, for a new camera or as a change of the one it had.

    A password never goes to another host, port or protocol than it was given for.
    Raises InvalidInput when it has to be given again, InvalidSource, AddressRefused.
    """
    is_same_url = before is not None and typed.url in {None, before.url, shown_url(before.url)}
    url = with_target(before.url, before.secrets) if before is not None and is_same_url else typed.url or ""
    source = parse_source(url, policy, verify_tls=verify_tls)
    if HIDDEN in source.target and not (before is not None and is_same_url and before.secrets.target):
        raise InvalidInput(
            "the URL has *** where a secret stood: write the secret out, or leave the URL as it was",
            details={"field": "url"},
        )
    _check_given_once(typed, source.credentials)
    is_same_place = before is not None and origin_of(stored_url(source)) == origin_of(before.url)
    known = before.secrets.credentials if before is not None else None
    is_given = source.credentials is not None or None not in {typed.username, typed.password}
    if known is not None and not is_same_place and not is_given:
        raise InvalidInput(
            "the camera has another address now: give its name and password again",
            hint="A password is never sent to another host, port or protocol than it was given for.",
            details={"field": "password"},
        )
    chosen = _credentials(typed, source.credentials or (known if is_same_place else None))
    if chosen is not None and not source.is_network:
        raise InvalidInput("a file or a device takes no name and password", details={"field": "username"})
    source = replace(source, credentials=chosen)
    return Address(source, stored_url(source), secrets_of(source))


def check_literal(source: CameraSource, policy: SourcePolicy) -> None:
    """Raises AddressRefused for an address in numbers that nothing would connect to; names are looked up later."""
    try:
        ipaddress.ip_address(source.host)
    except ValueError:
        return
    resolve(source.host, source.port, policy.networks)


def _check_given_once(typed: Typed, in_url: Credentials | None) -> None:
    if in_url is None:
        return
    for name, apart, own in (("name", typed.username, in_url.username), ("password", typed.password, in_url.password)):
        if apart is not None and own:
            raise InvalidInput(
                f"the URL has a {name}, and another {name} is given apart from it",
                hint="Take name and password out of the URL, or give none apart.",
                details={"field": "url"},
            )


def _credentials(typed: Typed, otherwise: Credentials | None) -> Credentials | None:
    """The name and password that count; empty ones are none."""
    username, password = typed.username, typed.password.get_secret_value() if typed.password else None
    if username is None and otherwise is not None:
        username = otherwise.username
    if typed.password is None and otherwise is not None:
        password = otherwise.password
    return Credentials(username or "", password or "") if username or password else None
