"""JSON from the provider's servers: bounded in size and time, and never by way of a redirect."""

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from registry.errors import Unavailable

MOST_BYTES = 1 << 20
TIMEOUT_S = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reply:
    """A status below 500 and the JSON object that came with it."""

    status: int
    content: dict[str, Any]


class Answers:
    """Asks the provider; every request has a connection of its own, so that no cookie outlives it."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._tls = httpx.create_ssl_context()

    def get(self, url: str) -> dict[str, Any]:
        """The JSON object at an address. Raises Unavailable."""
        reply = self._ask("GET", url, {}, "")
        if reply.status != httpx.codes.OK:
            raise unavailable(f"{url} answered {reply.status}")
        return reply.content

    def post(self, url: str, headers: Mapping[str, str], form: str) -> Reply:
        """The answer to a form. Raises Unavailable."""
        kind = {"content-type": "application/x-www-form-urlencoded"}
        return self._ask("POST", url, {**headers, **kind}, form)

    def _ask(self, method: str, url: str, headers: Mapping[str, str], body: str) -> Reply:
        # no compression: the bound on what is read is then one on what it unfolds to
        sent = {"accept": "application/json", "accept-encoding": "identity", **headers}
        try:
            with (
                httpx.Client(verify=self._tls, timeout=self._timeout_s, follow_redirects=False) as client,
                client.stream(method, url, headers=sent, content=body.encode()) as response,
            ):
                content = self._read(response)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise unavailable(f"{method} {url}: {type(error).__name__}: {error}") from error
        if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise unavailable(f"{method} {url} answered {response.status_code}")
        try:
            parsed = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise unavailable(f"{method} {url} answered {response.status_code} without JSON") from error
        if not isinstance(parsed, dict):
            raise unavailable(f"{method} {url} answered JSON that is no object")
        return Reply(response.status_code, parsed)

    def _read(self, response: httpx.Response) -> bytes:
        """The body, unless it is too large or trickles in for longer than the time that one wait may take."""
        until, content = time.monotonic() + self._timeout_s, bytearray()
        for part in response.iter_raw():
            content += part
            if len(content) > MOST_BYTES or time.monotonic() > until:
                raise unavailable(f"{response.url} answered too much or too slowly")
        return bytes(content)


def unavailable(reason: str) -> Unavailable:
    """What people are told; the reason is for the log."""
    log.warning("single sign-on: %.500r", reason)
    return Unavailable(
        "the single sign-on provider does not answer as it should",
        hint="Try again in a moment, or sign in with a password. The server's log has the reason.",
    )
