"""Somebody as the provider describes them, fit for our records."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from registry.access.names import checked_email, checked_full_name, checked_username
from registry.access.single_sign_on.refusals import Refusal, refused
from registry.errors import InvalidInput

LONGEST_NAME, _LONGEST_EMAIL, _LONGEST_FULL_NAME, _LONGEST_SUBJECT = 64, 254, 120, 400
_NAMES = ("preferred_username", "email", "name")


@dataclass(frozen=True, slots=True)
class Identity:
    """`subject` never changes and is nobody else's; all the rest is what somebody calls themselves."""

    subject: str
    username: str
    email: str
    full_name: str

    @classmethod
    def of(cls, issuer: str, claims: Mapping[str, Any]) -> Self:
        """The identity in proven claims. Raises SingleSignOnFailed."""
        sub = str(claims["sub"])
        subject = f"{issuer}|{sub}"
        if not (sub.isascii() and sub.isprintable() and len(subject) <= _LONGEST_SUBJECT):
            raise refused(Refusal.UNPROVEN)
        email = "" if claims.get("email_verified") is False else claims.get("email")
        names = (_usable(claims.get(name), LONGEST_NAME, checked_username) for name in _NAMES)
        return cls(
            subject=subject,
            username=next((name for name in names if name), "user"),
            email=_usable(email, _LONGEST_EMAIL + 1, checked_email),  # one more: half an address is none
            full_name=_usable(claims.get("name"), _LONGEST_FULL_NAME, checked_full_name),
        )


def is_username(text: str) -> bool:
    """Whether somebody may be called this."""
    return bool(_usable(text, LONGEST_NAME, checked_username))


def _usable(value: object, longest: int, checked: Callable[[str], str]) -> str:
    """A claim as one line of printable characters; empty for what our own people may not be called either."""
    text = value[: 4 * longest] if isinstance(value, str) else ""
    shown = "".join(letter for letter in text if letter.isprintable() or letter.isspace())
    try:
        return checked(" ".join(shown.split())[:longest].strip())
    except InvalidInput:
        return ""
