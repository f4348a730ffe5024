"""Which of the provider's groups is which role."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from registry.errors import InvalidSetting
from registry.records import Role
from registry.settings import Settings


@dataclass(frozen=True, slots=True)
class Roles:
    """Groups and their roles, the first match wins; `otherwise` is for people in none of them."""

    claim: str
    groups: tuple[tuple[str, Role], ...]
    otherwise: Role | None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The mapping of the settings. Raises InvalidSetting."""
        pairs = [_pair(part) for part in settings.oidc_roles.split(",") if part.strip()]
        default = settings.oidc_default_role
        return cls(settings.oidc_role_claim, tuple(pairs), Role(default) if default else None)

    def role(self, claims: Mapping[str, Any]) -> Role | None:
        """The role of somebody with these claims; None turns them away."""
        named = _at(claims, self.claim)
        theirs = {named} if isinstance(named, str) else set()
        if isinstance(named, list):
            theirs = {each for each in named if isinstance(each, str)}
        return next((role for group, role in self.groups if group in theirs), self.otherwise)


def _at(claims: Mapping[str, Any], claim: str) -> object:
    """The claim of that very name, or else the one at the end of its dots (`realm_access.roles`)."""
    if claim in claims:
        return claims[claim]
    found: object = claims
    for part in claim.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _pair(part: str) -> tuple[str, Role]:
    group, _, role = part.rpartition("=")
    try:
        if group.strip():
            return group.strip(), Role(role.strip())
    except ValueError:
        pass
    raise InvalidSetting(
        f"NEXUSAI_OIDC_ROLES: expected group=role with a role of {', '.join(Role)}, got {part.strip()!r}",
        details={"setting": "oidc_roles"},
    )
