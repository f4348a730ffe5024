"""A small OpenID Connect provider on this machine: honest, unless a test tells it how to cheat."""

import base64
import contextlib
import hashlib
import hmac
import html
import json
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import httpx
from authlib.oauth2.rfc7636 import create_s256_code_challenge  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

CLIENT_ID, CLIENT_SECRET = "nexusai-client", "a secret of the client, shared with: nobody"
Signature = Literal["RS256", "none", "HS256", "stranger", "edited"]
Trouble = Literal["slow", "trickle", "error", "huge", "elsewhere", "text", "list"]


@dataclass
class OidcProvider:
    """What it knows and how it behaves; tests change the fields while it runs.

    `people` are the claims of whom one can sign in as. `claims` go over those of the next ID tokens, None takes one
    out. `trouble` maps a path (`/token`) to what is wrong with its answers.
    """

    url: str = ""
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    client_auth: str = "client_secret_basic"
    claims: dict[str, Any] = field(default_factory=dict)
    discovery: dict[str, Any] = field(default_factory=dict)
    signature: Signature = "RS256"
    trouble: dict[str, Trouble] = field(default_factory=dict)
    keys: list[RSAKey] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)  # the paths, in the order they were asked for
    closing: threading.Event = field(default_factory=threading.Event)
    _codes: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)

    def rotate(self) -> None:
        """Sign with a new key from now on, and publish only that."""
        self.keys = [RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256", "kid": secrets.token_hex(4)})]

    def document(self) -> dict[str, Any]:
        """The discovery document."""
        addresses = {"authorization_endpoint": "/authorize", "token_endpoint": "/token", "jwks_uri": "/keys"}
        return {
            "issuer": self.url,
            **{name: self.url + path for name, path in addresses.items()},
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid", "profile", "email", "groups"],
            "token_endpoint_auth_methods_supported": [self.client_auth],
            "code_challenge_methods_supported": ["S256"],
        } | self.discovery

    def authorize(self, query: dict[str, str]) -> str | list[str]:
        """Where the browser goes next: back to the client, or a choice of people (their links)."""
        complete = {"response_type": "code", "client_id": CLIENT_ID, "code_challenge_method": "S256"}
        good = all(query.get(name) == value for name, value in complete.items()) and query.get("code_challenge")
        if not good or "openid" not in query.get("scope", "").split():
            raise _Refused("invalid_request")
        person = query.get("person")
        if person is None:
            return [f"/authorize?{urlencode(query | {'person': name})}" for name in [*self.people, ""]]
        if person == "":
            answer = {"error": "access_denied", "error_description": "<b>not today</b>"}
        else:
            answer = {"code": secrets.token_urlsafe(24)}
            self._codes[answer["code"]] = person, query
        return f"{query['redirect_uri']}?{urlencode(answer | {'state': query.get('state', '')})}"

    def token(self, form: dict[str, str], basic: tuple[str, str] | None) -> dict[str, Any]:
        """The tokens for a code, once; the client and the PKCE verifier are checked."""
        given = (form.get("client_id", ""), form.get("client_secret", ""))
        by_post = self.client_auth == "client_secret_post"
        if (given if by_post else basic) != (CLIENT_ID, CLIENT_SECRET):
            raise _Refused("invalid_client")
        person, query = self._codes.pop(form.get("code", ""), ("", {}))
        verified = create_s256_code_challenge(form.get("code_verifier", "")) == query.get("code_challenge")
        if not person or not verified or form.get("redirect_uri") != query["redirect_uri"]:
            raise _Refused("invalid_grant")
        return {
            "access_token": secrets.token_urlsafe(16),
            "token_type": "Bearer",
            "id_token": self._sign(person, query),
        }

    def _sign(self, person: str, query: dict[str, str]) -> str:
        now = int(time.time())
        usual = {"iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": query.get("nonce")}
        claims = usual | {"sub": f"id-of-{person}"} | self.people[person] | self.claims
        claims = {name: value for name, value in claims.items() if value is not None}
        key = self.keys[0]
        if self.signature in {"none", "HS256"}:
            return _forged(self.signature, claims, key)
        if self.signature == "stranger":
            key = RSAKey.generate_key(2048, {"kid": str(key.kid)})
        token = jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key)
        if self.signature == "edited":
            head, _, tail = token.split(".")
            token = f"{head}.{_base64(json.dumps(claims | {'sub': 'somebody-else'}).encode())}.{tail}"
        return token


def come_back(address: str, person: str = "") -> str:
    """Play the browser: sign in as a person at an authorization address, or cancel; gives where it is sent next."""
    query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    answer = httpx.get(address, params=query | {"person": person}, timeout=60)
    return str(answer.headers["location"])


class _Refused(Exception):
    """An error answer of OAuth 2.0, by its code."""


def _forged(algorithm: str, claims: dict[str, Any], key: RSAKey) -> str:
    """A token that nobody signed, or that was signed with the provider's public key as if that were a secret."""
    head = _base64(json.dumps({"alg": algorithm, "kid": key.kid}).encode())
    text = f"{head}.{_base64(json.dumps(claims).encode())}"
    seal = hmac.new(key.as_pem(private=False), text.encode(), hashlib.sha256).digest() if algorithm != "none" else b""
    return f"{text}.{_base64(seal)}"


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


class _Handler(BaseHTTPRequestHandler):
    provider: OidcProvider

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Nothing is printed."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        if self._in_trouble(parts.path):
            return
        if parts.path == "/.well-known/openid-configuration":
            self._json(200, self.provider.document())
        elif parts.path == "/keys":
            self._json(200, dict(KeySet(list(self.provider.keys)).as_dict(private=False)))
        elif parts.path == "/authorize":
            self._authorize(query)
        else:
            self._answer(404, "text/plain", b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        if self._in_trouble("/token"):
            return
        form = {name: values[0] for name, values in parse_qs(body).items()}
        try:
            self._json(200, self.provider.token(form, self._basic()))
        except _Refused as error:
            self._json(400, {"error": str(error), "error_description": "<script>alert(1)</script>"})

    def _authorize(self, query: dict[str, str]) -> None:
        try:
            further = self.provider.authorize(query)
        except _Refused as error:
            self._json(400, {"error": str(error)})
            return
        if isinstance(further, str):
            self._redirect(further)
            return
        names = [f"Continue as {name}" for name in self.provider.people]
        links = zip(further, [*names, "Cancel"], strict=True)
        items = "".join(f'<p><a href="{html.escape(link)}">{html.escape(name)}</a></p>' for link, name in links)
        self._answer(200, "text/html", f"<title>Provider</title><h1>Who are you?</h1>{items}".encode())

    def _in_trouble(self, path: str) -> bool:
        """Whether a test ordered something else than the answer."""
        self.provider.asked.append(path)
        trouble = self.provider.trouble.get(path)
        if trouble == "slow":
            self.provider.closing.wait(30)
        elif trouble == "trickle":
            self._trickle()
        elif trouble == "error":
            self._json(500, {"error": "server_error"})
        elif trouble == "huge":
            self._json(200, {"padding": "x" * (2 << 20)})
        elif trouble == "elsewhere":
            self._redirect("/moved")
        elif trouble == "text":
            self._answer(200, "text/html", b"<html>an error page of a proxy")
        elif trouble == "list":
            self._answer(200, "application/json", b"[" * 100_000)
        return trouble is not None

    def _trickle(self) -> None:
        """An answer without end, a byte at a time."""
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            while not self.provider.closing.wait(0.05):
                self.wfile.write(b" ")

    def _basic(self) -> tuple[str, str] | None:
        scheme, _, proof = self.headers.get("authorization", "").partition(" ")
        if scheme != "Basic":
            return None
        name, _, secret = base64.b64decode(proof).decode("latin-1").partition(":")
        return unquote(name), unquote(secret)

    def _redirect(self, address: str) -> None:
        self.send_response(303)
        self.send_header("location", address)
        self.send_header("content-length", "0")
        self.end_headers()

    def _json(self, status: int, content: dict[str, Any]) -> None:
        self._answer(status, "application/json", json.dumps(content).encode())

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # whoever asked has heard enough
            self.wfile.write(body)


@contextlib.contextmanager
def oidc_provider(people: dict[str, dict[str, Any]]) -> Iterator[OidcProvider]:
    """A provider on a free loopback port until the block ends; `people` are the claims of each of them."""
    provider = OidcProvider(people=people)
    provider.rotate()
    handler = type("Handler", (_Handler,), {"provider": provider})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    provider.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        provider.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
