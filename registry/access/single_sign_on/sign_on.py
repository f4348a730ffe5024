"""Signing in by the provider, from the first redirect to the user."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from registry.access.people import People
from registry.access.single_sign_on.answers import TIMEOUT_S
from registry.access.single_sign_on.attempts import Attempt, Attempts
from registry.access.single_sign_on.id_token import proven_claims
from registry.access.single_sign_on.identity import Identity
from registry.access.single_sign_on.local_account import LocalAccounts
from registry.access.single_sign_on.provider import Provider
from registry.access.single_sign_on.refusals import Refusal, refused
from registry.access.single_sign_on.roles import Roles
from registry.records import Database, User
from registry.settings import Settings

_LONGEST_CODE = 4_096

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Departure:
    """Where the browser goes, and what it keeps until it comes back."""

    address: str
    sealed: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Arrival:
    """Who came back, and to which page they wanted."""

    user: User
    wanted: str


class SingleSignOn:
    """The authorization code flow with PKCE, at the provider that the settings name.

    Raises InvalidSetting when the settings do not fit together; the provider is asked when the first person comes.
    """

    def __init__(self, settings: Settings, database: Database, people: People, *, timeout_s: float = TIMEOUT_S) -> None:
        self._provider = Provider(settings, timeout_s)
        self._roles = Roles.of(settings)
        self._attempts = Attempts(settings)
        self._accounts = LocalAccounts(database, people)

    def begin(self, redirect_uri: str, wanted: str = "/") -> Departure:
        """Send somebody to the provider. Raises Unavailable."""
        attempt = Attempt(redirect_uri, wanted)
        return Departure(self._provider.authorization_url(attempt), self._attempts.seal(attempt))

    def finish(self, sealed: str, answer: Mapping[str, str], address: str = "") -> Arrival:
        """Who the provider's answer (the query of its redirect) is about. Raises SingleSignOnFailed, Unavailable."""
        attempt = self._attempts.open(sealed, answer.get("state", ""))
        if "error" in answer:
            log.info("the provider refused a sign-in: %.100r", answer["error"])
            raise refused(Refusal.CANCELLED if answer["error"] == "access_denied" else Refusal.UNPROVEN)
        code = answer.get("code", "")
        if not 0 < len(code) <= _LONGEST_CODE:
            raise refused(Refusal.UNPROVEN)
        if answer.get("iss", self._provider.endpoints().issuer) != self._provider.endpoints().issuer:  # RFC 9207
            raise refused(Refusal.UNPROVEN)
        claims = proven_claims(self._provider, self._provider.tokens(code, attempt), attempt.nonce)
        identity = Identity.of(self._provider.issuer, claims)
        return Arrival(self._accounts.sign_in(identity, self._roles.role(claims), address), attempt.wanted)
