"""The proof of who somebody is: an ID token, checked as OpenID Connect Core 1.0, section 3.1.3.7, asks for."""

import logging
from typing import Any

from authlib.oidc.core import CodeIDToken  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jws import JWSRegistry

from registry.access.single_sign_on.provider import Provider
from registry.access.single_sign_on.refusals import Refusal, refused

# Asymmetric ones alone: with HS256 the provider's public key, or our own secret, would sign.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
LEEWAY_S = 60

log = logging.getLogger(__name__)


def proven_claims(provider: Provider, tokens: dict[str, Any], nonce: str) -> dict[str, Any]:
    """The claims of the ID token among a provider's tokens. Raises SingleSignOnFailed, Unavailable."""
    try:
        found = _signed(provider, tokens.get("id_token"))
        issuer = provider.endpoints().issuer
        claims = CodeIDToken(
            found.claims,
            found.header,
            {
                "iss": {"essential": True, "value": issuer},
                "sub": {"essential": True},
                "aud": {"essential": True, "value": provider.client_id},
            },
            {"nonce": nonce, "client_id": provider.client_id, "access_token": tokens.get("access_token")},
        )
        claims.validate(leeway=LEEWAY_S)
    except (JoseError, ValueError, TypeError, AttributeError, RecursionError) as error:
        log.warning("an ID token was refused: %s: %.300r", type(error).__name__, str(error))
        raise refused(Refusal.UNPROVEN) from error
    return dict(claims)


def _signed(provider: Provider, token: object) -> jwt.Token:
    """The token by its signature; a key that is not known yet makes us ask for the keys once more."""
    if not isinstance(token, str):
        raise TypeError("the answer has no ID token")
    registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
    try:
        return jwt.decode(token, provider.keys(), registry=registry)
    except InvalidKeyIdError:
        return jwt.decode(token, provider.keys(anew=True), registry=registry)
