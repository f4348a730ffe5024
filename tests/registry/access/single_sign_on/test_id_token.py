"""An ID token proves who somebody is, or nothing."""

import time
from typing import TYPE_CHECKING, Any

import pytest
from sqlmodel import select

from registry.access.single_sign_on import Refusal, SingleSignOn
from registry.errors import SingleSignOnFailed
from registry.records import Database, User
from registry.testing.oidc_provider import CLIENT_ID, OidcProvider, Signature

if TYPE_CHECKING:
    from tests.registry.access.single_sign_on.conftest import Visitor


@pytest.mark.parametrize(
    ("claims", "signature"),
    [
        ({"nonce": "of-another-attempt"}, "RS256"),
        ({"nonce": None}, "RS256"),
        ({"aud": "another-client"}, "RS256"),
        ({"aud": None}, "RS256"),
        ({"aud": [CLIENT_ID, "another-client"]}, "RS256"),  # two audiences, and not said for whom
        ({"azp": "another-client"}, "RS256"),
        ({"iss": "https://elsewhere.example"}, "RS256"),
        ({"iss": None}, "RS256"),
        ({"exp": 1}, "RS256"),
        ({"exp": None}, "RS256"),
        ({"exp": "tomorrow"}, "RS256"),
        ({"exp": float("nan")}, "RS256"),
        ({"iat": 32_503_680_000}, "RS256"),  # the year 3000
        ({"iat": None}, "RS256"),
        ({"sub": None}, "RS256"),
        ({"sub": ""}, "RS256"),
        ({"sub": 7}, "RS256"),
        ({"sub": "x" * 400}, "RS256"),
        ({"sub": "nul\0"}, "RS256"),
        ({"at_hash": "of-another-token"}, "RS256"),
        ({}, "none"),
        ({}, "HS256"),
        ({}, "stranger"),
        ({}, "edited"),
    ],
)
def test_an_id_token_that_proves_nothing_is_refused(
    visitor: "Visitor",
    quick: SingleSignOn,
    provider: OidcProvider,
    sqlite: Database,
    claims: dict[str, Any],
    signature: Signature,
) -> None:
    provider.claims, provider.signature = claims, signature
    with pytest.raises(SingleSignOnFailed) as raised:
        visitor.signs_in(quick)
    assert raised.value.details["refusal"] == Refusal.UNPROVEN
    with sqlite.read() as session:
        assert session.exec(select(User)).all() == []
    provider.claims, provider.signature = {}, "RS256"
    assert visitor.signs_in(quick).username == "wei"


@pytest.mark.parametrize("claims", [{"aud": [CLIENT_ID]}, {"aud": [CLIENT_ID, "b"], "azp": CLIENT_ID}])
def test_audiences_that_the_specification_allows_are_accepted(
    visitor: "Visitor", quick: SingleSignOn, provider: OidcProvider, claims: dict[str, Any]
) -> None:
    provider.claims = claims
    assert visitor.signs_in(quick).username == "wei"


@pytest.mark.parametrize("ahead_s", [-310, 50])
def test_clocks_may_differ_by_less_than_a_minute(
    visitor: "Visitor", quick: SingleSignOn, provider: OidcProvider, ahead_s: int
) -> None:
    issued_at = int(time.time()) + ahead_s
    provider.claims = {"iat": issued_at, "exp": issued_at + 300}
    assert visitor.signs_in(quick).username == "wei"
