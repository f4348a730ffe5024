"""Web pages of other origins that may call the API: with a token or key, never with a cookie."""

from app.gate_headers import Headers
from app.gate_rules import below
from app.gate_visit import Visit
from registry.access.live import Live

_METHODS = b"GET, HEAD, POST, PUT, DELETE"
_SENT = b"Authorization, Content-Type, Idempotency-Key, X-API-Key, X-Request-ID"
_READ = (
    b"Content-Disposition, Idempotency-Replayed, Location, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, "
    b"Retry-After, X-Process-Time-MS, X-Request-ID"
)
_MAX_AGE_S = b"600"


class Cors:
    """Answers browsers that ask for a page of another origin; the origins are a live setting."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def preflight(self, visit: Visit) -> Headers | None:
        """What a browser is told before the request itself; None for a request that is no preflight of a known origin.

        Methods and headers are the same for all: the browser compares.
        """
        asks = visit.method == "OPTIONS" and visit.header(b"access-control-request-method")
        if not asks or not self._allows(visit):
            return None
        return [
            (b"access-control-allow-methods", _METHODS),
            (b"access-control-allow-headers", _SENT),
            (b"access-control-max-age", _MAX_AGE_S),
        ]

    def headers(self, visit: Visit) -> Headers:
        """What lets a page of a known origin read the answer, and keeps caches from handing it to another."""
        if not self._live.latest().cors_origins or not below(visit.path, "/api/v1"):
            return []
        varies = [(b"vary", b"Origin")]
        if not self._allows(visit) or (visit.cookie and not visit.bearer):
            return varies
        allowed = (b"access-control-allow-origin", visit.header(b"origin").encode("latin-1"))
        return [*varies, allowed, (b"access-control-expose-headers", _READ)]

    def _allows(self, visit: Visit) -> bool:
        return below(visit.path, "/api/v1") and visit.header(b"origin") in self._live.latest().cors_origins
