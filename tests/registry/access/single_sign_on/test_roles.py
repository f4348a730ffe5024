"""Groups become roles."""

from typing import Any

import pytest

from registry.access.single_sign_on.roles import Roles
from registry.records import Role
from registry.settings import Settings


@pytest.mark.parametrize(
    ("claims", "claim", "mapping", "default", "expected"),
    [
        ({"groups": ["staff", "admins"]}, "groups", "admins=admin,staff=user", "", Role.ADMIN),  # the list's order
        ({"groups": ["staff", "admins"]}, "groups", "staff=user,admins=admin", "", Role.USER),
        ({"groups": "staff"}, "groups", "staff=engineer", "", Role.ENGINEER),
        ({"groups": "staff-of-nothing"}, "groups", "staff=engineer", "", None),  # no part of a name
        ({"groups": []}, "groups", "staff=engineer", "operator", Role.OPERATOR),
        ({}, "groups", "staff=engineer", "", None),
        ({"groups": {"staff": True}}, "groups", "staff=engineer", "", None),
        ({"groups": [["staff"], None, 3]}, "groups", "staff=engineer", "", None),
        ({"realm_access": {"roles": ["lead"]}}, "realm_access.roles", "lead=engineer", "", Role.ENGINEER),
        ({"realm_access": ["lead"]}, "realm_access.roles", "lead=engineer", "", None),
        ({"https://x.org/roles": ["lead"]}, "https://x.org/roles", "lead=engineer", "", Role.ENGINEER),
        ({"groups": ["CN=lead"]}, "groups", " CN=lead = engineer ,", "", Role.ENGINEER),
    ],
)
def test_a_group_becomes_a_role(
    settings: Settings, claims: dict[str, Any], claim: str, mapping: str, default: str, expected: Role | None
) -> None:
    given = {"oidc_role_claim": claim, "oidc_roles": mapping, "oidc_default_role": default}
    assert Roles.of(settings.model_copy(update=given)).role(claims) == expected
