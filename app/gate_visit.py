"""One request as the gate sees it: its headers, the proofs it carries, where it comes from."""

from dataclasses import dataclass, field, replace

from starlette.types import Scope

from app import gate_headers
from app.gate_headers import Headers
from registry.access import Actor
from registry.access.actor import ANONYMOUS
from registry.access.browsers import browser_hash
from registry.access.fingerprints import hash_secret, sign_in_id
from registry.settings import Settings

OWN_PREFIX = b"x-nexusai-"  # headers only the gate writes
USER_HEADER, BINDING_HEADER, ADDRESS_HEADER = b"x-nexusai-user", b"x-nexusai-session", b"x-nexusai-address"
BROWSER_HEADER = b"x-nexusai-browser"
_LONGEST_PROOF = 4_096


def cookie_name(settings: Settings) -> str:
    """The session cookie's name; `__Host-` makes browsers insist on Secure, path / and no domain."""
    return "__Host-nexusai_session" if settings.secure_cookies else "nexusai_session"


def browser_cookie_name(settings: Settings) -> str:
    """The name of the cookie by which a browser is known after its session has ended."""
    return "__Host-nexusai_browser" if settings.secure_cookies else "nexusai_browser"


@dataclass(frozen=True, slots=True)
class CookieNames:
    """The cookies that only the gate and `/auth` see."""

    session: str
    browser: str

    @classmethod
    def of(cls, settings: Settings) -> "CookieNames":
        """As the settings have them."""
        return cls(cookie_name(settings), browser_cookie_name(settings))


@dataclass(frozen=True, slots=True)
class Identity:
    """Who sends a request. `binding` names the browser session without giving it away; empty for everything else."""

    actor: Actor
    cookie: str = field(default="", repr=False)

    @property
    def binding(self) -> str:
        """What ties Streamlit's sessions and uploads to one browser session: the id of that sign-in."""
        return sign_in_id("browser", hash_secret(self.cookie)) if self.cookie else ""


@dataclass(frozen=True, slots=True)
class Visit:
    """The parts of a request the gate decides on; `cookie` and `bearer` are claims, not yet proven."""

    method: str
    path: str
    headers: Headers = field(repr=False)
    request_id: str
    address: str
    cookie: str = field(repr=False)
    bearer: str = field(repr=False)
    browser: str = ""  # the hash of the browser's own cookie
    query: bytes = b""

    @classmethod
    def of(cls, scope: Scope, cookies: CookieNames) -> "Visit":
        """Read a request or handshake. Headers arrive in lower case from an ASGI server."""
        headers: Headers = list(scope["headers"])
        client = scope.get("client")
        return cls(
            method=scope.get("method", "WEBSOCKET"),
            path=scope["path"],
            headers=headers,
            request_id=gate_headers.request_id(headers),
            address=client[0] if client else "",
            cookie=_cookie(headers, cookies.session),
            bearer=_bearer(headers),
            browser=browser_hash(_cookie(headers, cookies.browser)),
            query=scope.get("query_string", b""),
        )

    def header(self, name: bytes) -> str:
        """The first value of a header, or an empty string."""
        return next((value.decode("latin-1") for key, value in self.headers if key == name), "")

    def anonymous(self) -> Identity:
        """Nobody, at this visit's address."""
        return Identity(replace(ANONYMOUS, address=self.address))

    @property
    def navigates(self) -> bool:
        """Whether a browser shows the answer as a page."""
        return gate_headers.navigates(self.headers)

    def inner_scope(self, scope: Scope, identity: Identity, cookies: CookieNames, *, tell_streamlit: bool) -> Scope:
        """A copy of the scope for the application: our headers replaced, our cookies removed, the actor added."""
        headers = [(key, value) for key, value in self.headers if not key.startswith(OWN_PREFIX)]
        headers = [(key, value) for key, value in headers if key != b"x-api-key"]
        if not self.path.startswith("/auth/"):
            headers = without_cookies(headers, {cookies.session, cookies.browser})
        if tell_streamlit:
            told = [(ADDRESS_HEADER, self.address.encode("latin-1")), (BROWSER_HEADER, self.browser.encode())]
            headers = _for_streamlit(headers, identity) + told
        known = {"actor": identity.actor, "browser": self.browser, "request_id": self.request_id}
        state = {**scope.get("state", {}), **known}
        return {**scope, "headers": headers, "state": state}


def _for_streamlit(headers: Headers, identity: Identity) -> Headers:
    if identity.binding:
        added = [(USER_HEADER, identity.actor.id.encode()), (BINDING_HEADER, identity.binding.encode())]
        return headers + added
    return [(key, _no_resumption(value) if key == b"sec-websocket-protocol" else value) for key, value in headers]


def _no_resumption(protocols: bytes) -> bytes:
    """Streamlit's third protocol names the session to resume; whoever is not signed in has none to come back to."""
    return b",".join(protocols.split(b",")[:2])


def _cookie(headers: Headers, name: str) -> str:
    for key, value in headers:
        if key == b"cookie":
            for part in value.decode("latin-1").split(";"):
                found, _, content = part.strip().partition("=")
                if found == name and 0 < len(content) <= _LONGEST_PROOF:
                    return content
    return ""


def _bearer(headers: Headers) -> str:
    for key, value in headers:
        if key == b"x-api-key":
            return value.decode("latin-1").strip()
        if key == b"authorization":
            scheme, _, token = value.decode("latin-1").partition(" ")
            return token.strip() if scheme.lower() == "bearer" else ""
    return ""


def without_cookies(headers: Headers, names: set[str]) -> Headers:
    """The headers with some cookies taken out, for whoever must not see them."""
    kept: Headers = []
    for key, value in headers:
        if key == b"cookie":
            parts = [part.strip() for part in value.decode("latin-1").split(";")]
            rest = "; ".join(part for part in parts if part.partition("=")[0] not in names)
            if rest:
                kept.append((key, rest.encode("latin-1")))
        else:
            kept.append((key, value))
    return kept
