"""What programs prove themselves with: an access token or an API key, told apart by the key's mark."""

from typing import Protocol

from registry.access.actor import Actor
from registry.access.keys import MARK, Keys
from registry.access.tokens import Tokens


class Bearers(Protocol):
    """Checks what a program presents."""

    def actor(self, presented: str) -> Actor:
        """Who it speaks for. Raises NotSignedIn, SessionExpired."""

    def remembered(self, presented: str) -> Actor | None:
        """Who it spoke for within the last second; None is no verdict."""


class TokensOrKeys:
    """Access tokens and API keys alike."""

    def __init__(self, tokens: Tokens, keys: Keys) -> None:
        self._tokens = tokens
        self._keys = keys

    def actor(self, presented: str) -> Actor:
        """Who the token or key speaks for. Raises NotSignedIn, SessionExpired."""
        return self._of(presented).actor(presented)

    def remembered(self, presented: str) -> Actor | None:
        """Who it spoke for within the last second; None is no verdict."""
        return self._of(presented).remembered(presented)

    def _of(self, presented: str) -> Bearers:
        return self._keys if presented.startswith(MARK) else self._tokens
