"""The headers every answer carries: what a browser may do with it, and which request it belongs to."""

import base64
import hashlib
import re
import secrets
from functools import cache
from pathlib import Path

from app.gate_rules import below

Headers = list[tuple[bytes, bytes]]

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)
_EVERYWHERE: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(self), microphone=(), geolocation=(), payment=(), usb=()"),
]
_TLS: Headers = [(b"strict-transport-security", b"max-age=31536000")]
_DATA_POLICY = b"default-src 'none'; frame-ancestors 'none'"
_MEDIA_POLICY = b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox"
_DOCS_POLICY = (
    b"default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    b"img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'self'"
)
# What somebody wrote into MLflow, such as a description, loads nothing from elsewhere: that would tell who looks.
_FOREIGN_POLICY = (
    b"frame-ancestors 'self'; object-src 'none'; base-uri 'self'; "
    b"img-src 'self' data: blob:; media-src 'self' data: blob:"
)
_PREFECT_POLICY = _FOREIGN_POLICY + b"; connect-src 'self'"  # its pages would tell a service elsewhere who looks


def request_id(headers: Headers) -> str:
    """The caller's X-Request-ID where it is harmless, else a new one."""
    given = next((value for name, value in headers if name == b"x-request-id"), b"")
    return given.decode() if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


def navigates(headers: Headers) -> bool:
    """Whether a browser shows the answer to these request headers as a page."""
    mode = next((value for name, value in headers if name == b"sec-fetch-mode"), b"")
    return mode == b"navigate" if mode else any(name == b"accept" and b"text/html" in value for name, value in headers)


def for_path(path: str, *, over_tls: bool) -> Headers:
    """The protective headers of an answer from this path."""
    headers = [*_EVERYWHERE, (b"content-security-policy", _policy(path))]
    if below(path, "/media"):
        headers.append((b"cache-control", b"private, max-age=300"))
    elif below(path, "/api", "/auth"):
        headers.append((b"cache-control", b"no-store"))  # tokens, keys and people's data: nobody keeps a copy
    return headers + _TLS if over_tls else headers


def _policy(path: str) -> bytes:
    if below(path, "/prefect"):
        return _PREFECT_POLICY
    if below(path, "/mlflow"):
        return _MEDIA_POLICY if "artifact" in path else _FOREIGN_POLICY
    if below(path, "/media", "/live"):
        return _MEDIA_POLICY
    if below(path, "/api/v1/docs"):
        return _DOCS_POLICY
    return _DATA_POLICY if below(path, "/api", "/auth", "/health", "/metrics") else page_policy()


@cache
def page_policy() -> bytes:
    """The policy of Streamlit's pages: our own origin, the inline script of its index.html by hash.

    `blob:` scripts are how Streamlit loads a component's JavaScript; styles are written by its CSS-in-JS.
    """
    hashes = " ".join(f"'sha256-{_hash(script)}'" for script in _INLINE_SCRIPT.findall(_index_html()))
    return (
        f"default-src 'self'; script-src 'self' blob: {hashes}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; "
        "worker-src 'self' blob:; frame-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; "
        "frame-ancestors 'self'"
    ).encode()


def _hash(script: bytes) -> str:
    return base64.b64encode(hashlib.sha256(script).digest()).decode()


def _index_html() -> bytes:
    from streamlit.file_util import get_static_dir

    return (Path(get_static_dir()) / "index.html").read_bytes()
