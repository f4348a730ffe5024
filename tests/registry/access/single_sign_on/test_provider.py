"""A provider that changes its keys, does not answer, or names addresses that it should not."""

from typing import TYPE_CHECKING, Any

import pytest

from registry.access.single_sign_on import SingleSignOn
from registry.errors import InvalidSetting, Unavailable
from registry.testing.oidc_provider import OidcProvider, Trouble

if TYPE_CHECKING:
    from tests.registry.access.single_sign_on.conftest import Make, Visitor


def test_the_providers_key_may_change(visitor: "Visitor", quick: SingleSignOn, provider: OidcProvider) -> None:
    visitor.signs_in(quick)
    visitor.signs_in(quick)
    assert provider.asked.count("/keys") == 1
    provider.rotate()
    assert visitor.signs_in(quick).username == "wei"
    assert provider.asked.count("/keys") == 2


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token", "/keys"])
@pytest.mark.parametrize("trouble", ["slow", "trickle", "error", "huge", "elsewhere", "text", "list"])
def test_a_provider_that_does_not_answer_is_unavailable(
    visitor: "Visitor", quick: SingleSignOn, provider: OidcProvider, path: str, trouble: Trouble
) -> None:
    provider.rotate()
    provider.trouble[path] = trouble
    with pytest.raises(Unavailable) as raised:
        visitor.signs_in(quick)
    assert "provider" in raised.value.message
    assert "/moved" not in provider.asked
    provider.trouble.clear()
    assert visitor.signs_in(quick).username == "wei"


def test_a_provider_that_is_not_there_is_unavailable(visitor: "Visitor", make_light: "Make") -> None:
    with pytest.raises(Unavailable):
        visitor.departs(make_light(oidc_issuer="http://127.0.0.1:9"))


@pytest.mark.parametrize(
    "discovery",
    [
        {"issuer": "https://elsewhere.example"},
        {"issuer": None},
        {"token_endpoint": "http://169.254.169.254/latest"},
        {"token_endpoint": "file:///etc/passwd"},
        {"token_endpoint": "http://localhost.example/token"},
        {"jwks_uri": "gopher://127.0.0.1"},
        {"jwks_uri": ["http://127.0.0.1/keys"]},
        {"jwks_uri": None},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "http://[::1"},
        {"token_endpoint_auth_methods_supported": ["private_key_jwt"]},
    ],
)
def test_a_discovery_document_with_unsafe_contents_is_not_used(
    visitor: "Visitor", quick: SingleSignOn, provider: OidcProvider, discovery: dict[str, Any]
) -> None:
    provider.discovery = discovery
    with pytest.raises(Unavailable):
        visitor.departs(quick)


@pytest.mark.parametrize(
    ("further", "said"),
    [
        ({"oidc_issuer": "http://sso.example.org"}, "NEXUSAI_OIDC_ISSUER"),
        ({"oidc_client_id": ""}, "NEXUSAI_OIDC_CLIENT_ID"),
        ({"oidc_roles": "staff"}, "NEXUSAI_OIDC_ROLES"),
        ({"oidc_roles": "staff=emperor"}, "NEXUSAI_OIDC_ROLES"),
        ({"oidc_roles": "=admin"}, "NEXUSAI_OIDC_ROLES"),
    ],
)
def test_settings_that_do_not_fit_together_are_named(make_light: "Make", further: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidSetting, match=said):
        make_light(**further)
