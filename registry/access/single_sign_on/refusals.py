"""Why a sign-in by the provider comes to nothing, in a word for addresses and a sentence for people."""

from enum import StrEnum

from registry.errors import SingleSignOnFailed


class Refusal(StrEnum):
    """The word that travels in an address; it says nothing that a stranger could use."""

    EXPIRED = "expired"
    CANCELLED = "cancelled"
    UNPROVEN = "unproven"
    NO_ROLE = "no-role"
    SWITCHED_OFF = "switched-off"


_AGAIN = "Start the sign-in again."

REFUSALS: dict[Refusal, tuple[str, str]] = {
    Refusal.EXPIRED: ("this sign-in was not started in this browser, or more than ten minutes ago", _AGAIN),
    Refusal.CANCELLED: ("the sign-in was cancelled at the provider", _AGAIN),
    Refusal.UNPROVEN: ("the provider's answer does not prove who you are", ""),
    Refusal.NO_ROLE: (
        "the provider knows you, but none of your groups has a role here",
        "Ask an administrator to add one of your groups to NEXUSAI_OIDC_ROLES.",
    ),
    Refusal.SWITCHED_OFF: ("your account here is switched off", "Ask an administrator to switch it on."),
}


def refused(refusal: Refusal) -> SingleSignOnFailed:
    """The error of a refusal; `details["refusal"]` has its word."""
    message, hint = REFUSALS[refusal]
    return SingleSignOnFailed(message, hint=hint, details={"refusal": str(refusal)})
