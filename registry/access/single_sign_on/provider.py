"""The OpenID Connect provider: what its discovery document says, its keys, and tokens for a code."""

import ipaddress
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from authlib.oauth2.auth import ClientAuth  # type: ignore[import-untyped]
from authlib.oauth2.rfc6749.parameters import (  # type: ignore[import-untyped]
    prepare_grant_uri,
    prepare_token_request,
)
from authlib.oauth2.rfc7636 import create_s256_code_challenge  # type: ignore[import-untyped]
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from registry.access.single_sign_on.answers import Answers, unavailable
from registry.access.single_sign_on.attempts import Attempt
from registry.access.single_sign_on.refusals import Refusal, refused
from registry.errors import InvalidSetting
from registry.settings import Settings

_FRESH_S = 900.0  # how long the discovery document and the keys are believed without asking again
_DISCOVERY = "/.well-known/openid-configuration"
_SCOPES = ("openid", "profile", "email")
_CLIENT_AUTH = ("client_secret_basic", "client_secret_post")


@dataclass(frozen=True, slots=True)
class Endpoints:
    """What we use of a discovery document (OpenID Connect Discovery 1.0, section 3)."""

    issuer: str
    authorization: str
    token: str
    keys: str
    client_auth: str
    scope: str


class Provider:
    """One provider, asked when it is needed and remembered for a quarter of an hour."""

    def __init__(self, settings: Settings, timeout_s: float) -> None:
        self.issuer, self.client_id = settings.oidc_issuer, settings.oidc_client_id
        self._secret = settings.oidc_client_secret.get_secret_value()
        self._role_scope = settings.oidc_role_claim.split(".")[0]
        self._answers = Answers(timeout_s)
        self._endpoints: tuple[float, Endpoints] | None = None
        self._keys: tuple[float, KeySet] | None = None
        if not _may_be_asked(self.issuer, self.issuer):
            raise InvalidSetting("NEXUSAI_OIDC_ISSUER: expected an https:// URL, or http:// of this machine itself")
        if not self.client_id:
            raise InvalidSetting("NEXUSAI_OIDC_CLIENT_ID is needed beside NEXUSAI_OIDC_ISSUER")

    def endpoints(self) -> Endpoints:
        """The provider's addresses. Raises Unavailable."""
        if self._endpoints is None or self._endpoints[0] < time.monotonic():
            document = self._answers.get(self.issuer + _DISCOVERY)
            self._endpoints = time.monotonic() + _FRESH_S, self._understood(document)
        return self._endpoints[1]

    def authorization_url(self, attempt: Attempt) -> str:
        """Where the browser is sent to sign in (with PKCE, RFC 7636). Raises Unavailable."""
        there = self.endpoints()
        url: str = prepare_grant_uri(
            there.authorization,
            client_id=self.client_id,
            response_type="code",
            redirect_uri=attempt.redirect_uri,
            scope=there.scope,
            state=attempt.state,
            nonce=attempt.nonce,
            code_challenge=create_s256_code_challenge(attempt.verifier),
            code_challenge_method="S256",
        )
        return url

    def tokens(self, code: str, attempt: Attempt) -> dict[str, Any]:
        """What the provider gives for a code. Raises SingleSignOnFailed, Unavailable."""
        there = self.endpoints()
        form = prepare_token_request(
            "authorization_code", redirect_uri=attempt.redirect_uri, code=code, code_verifier=attempt.verifier
        )
        client = ClientAuth(self.client_id, self._secret, there.client_auth)
        url, headers, body = client.prepare("POST", there.token, {}, form)
        reply = self._answers.post(url, headers, body)
        if reply.status == 200:
            return reply.content
        if reply.content.get("error") == "invalid_client":
            raise unavailable("the provider does not accept NEXUSAI_OIDC_CLIENT_ID and NEXUSAI_OIDC_CLIENT_SECRET")
        raise refused(Refusal.UNPROVEN)

    def keys(self, *, anew: bool = False) -> KeySet:
        """The keys that ID tokens are signed with; `anew` asks for them even if they are known. Raises Unavailable."""
        if anew or self._keys is None or self._keys[0] < time.monotonic():
            document = self._answers.get(self.endpoints().keys)
            try:
                found = KeySet.import_key_set(document)  # type: ignore[arg-type]  # checked by the library
            except (JoseError, KeyError, TypeError, ValueError, AttributeError) as error:
                raise unavailable(f"the provider's keys cannot be read: {error}") from error
            self._keys = time.monotonic() + _FRESH_S, found
        return self._keys[1]

    def _understood(self, document: dict[str, Any]) -> Endpoints:
        """The parts we need. Raises Unavailable for a document of another issuer, or with unsafe addresses."""
        issuer = document.get("issuer")
        if not isinstance(issuer, str) or issuer.removesuffix("/") != self.issuer:
            raise unavailable(f"the discovery document is of the issuer {issuer!r}")
        addresses = [document.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
        wrong = [each for each in addresses if not _may_be_asked(each, self.issuer)]
        if wrong:
            raise unavailable(f"the discovery document names an address that is not https: {wrong[0]!r}")
        authorization, token, keys = (str(each) for each in addresses)
        return Endpoints(issuer, authorization, token, keys, self._client_auth(document), self._scope(document))

    def _client_auth(self, document: dict[str, Any]) -> str:
        if not self._secret:
            return "none"
        offered = document.get("token_endpoint_auth_methods_supported") or _CLIENT_AUTH
        for method in _CLIENT_AUTH:
            if method in offered:
                return method
        raise unavailable(f"the provider takes the client's secret in no way we know, but {offered!r}")

    def _scope(self, document: dict[str, Any]) -> str:
        """Some providers put groups into the ID token only when a scope of that name is asked for."""
        offered = document.get("scopes_supported") or ()
        extra = [self._role_scope] if self._role_scope in offered and self._role_scope not in _SCOPES else []
        return " ".join([*_SCOPES, *extra])


def _may_be_asked(url: object, issuer: str) -> bool:
    """Whether it is an https address; http is for an issuer on this machine, and for nobody else's sake."""
    if not isinstance(url, str):
        return False
    try:
        there, scheme = urlsplit(url), urlsplit(issuer).scheme
    except ValueError:
        return False
    if there.scheme == "https":
        return bool(there.hostname)
    return there.scheme == scheme == "http" and _is_loopback(there.hostname or "")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
