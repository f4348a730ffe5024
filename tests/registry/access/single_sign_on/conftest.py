"""Single sign-on against a provider that answers over HTTP, and a browser that goes there."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from registry.access.people import People
from registry.access.sessions import Sessions
from registry.access.single_sign_on import SingleSignOn
from registry.access.single_sign_on.sign_on import Departure
from registry.access.tokens import Tokens
from registry.records import Database, User
from registry.settings import Settings
from registry.testing.oidc_provider import CLIENT_ID, CLIENT_SECRET, OidcProvider, come_back, oidc_provider

CALLBACK = "http://127.0.0.1:8501/auth/oidc/callback"
ADDRESS = "203.0.113.7"
WEI: dict[str, Any] = {"preferred_username": "wei", "email": "wei@example.org", "name": "Wei Li", "groups": ["staff"]}

Make = Callable[..., SingleSignOn]


class Visitor:
    """A browser before the platform's button."""

    def departs(self, single_sign_on: SingleSignOn, wanted: str = "/") -> Departure:
        """Press it."""
        return single_sign_on.begin(CALLBACK, wanted)

    def query(self, departure: Departure) -> dict[str, str]:
        """What the provider is told by way of the browser."""
        return _query(departure.address)

    def answer(self, departure: Departure, person: str = "wei") -> dict[str, str]:
        """What the provider has the browser bring back for a person."""
        back = come_back(departure.address, person)
        assert back.startswith(CALLBACK)
        return _query(back)

    def signs_in(self, single_sign_on: SingleSignOn, person: str = "wei") -> User:
        """All of it."""
        departure = self.departs(single_sign_on)
        return single_sign_on.finish(departure.sealed, self.answer(departure, person), ADDRESS).user


def _query(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


@pytest.fixture
def visitor() -> Visitor:
    return Visitor()


@pytest.fixture(scope="module")
def running() -> Iterator[OidcProvider]:
    with oidc_provider({}) as provider:
        yield provider


@pytest.fixture
def provider(running: OidcProvider) -> OidcProvider:
    """The provider as it is when nobody cheats."""
    fresh = OidcProvider()
    running.people = {"wei": dict(WEI)}
    running.client_auth, running.signature = fresh.client_auth, fresh.signature
    for changed in (running.claims, running.discovery, running.trouble):
        changed.clear()
    running.asked.clear()
    return running


def _maker(database: Database, settings: Settings, provider: OidcProvider) -> Make:
    """Makes single sign-on over a database, with further settings."""
    own = settings.model_dump(exclude_unset=True)
    own |= {"oidc_issuer": provider.url, "oidc_client_id": CLIENT_ID, "oidc_client_secret": CLIENT_SECRET}
    own |= {"oidc_roles": "admins=admin,staff=operator"}
    people = People(database, Sessions(database, settings), Tokens(database, settings))

    def make(timeout_s: float = 5.0, **further: str) -> SingleSignOn:
        return SingleSignOn(Settings(**(own | further)), database, people, timeout_s=timeout_s)

    return make


@pytest.fixture
def make(database: Database, settings: Settings, provider: OidcProvider) -> Make:
    return _maker(database, settings, provider)


@pytest.fixture
def make_light(sqlite: Database, settings: Settings, provider: OidcProvider) -> Make:
    """Over SQLite alone, for what hardly reaches the records."""
    return _maker(sqlite, settings, provider)


@pytest.fixture
def quick(make_light: Make) -> SingleSignOn:
    """One that does not wait for long."""
    return make_light(timeout_s=0.5)
