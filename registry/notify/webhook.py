"""Webhooks: JSON over HTTP, signed, to the checked address."""

import hashlib
import hmac
import json
import time
from urllib.parse import urlsplit

import httpx

from registry.errors import AddressRefused, InvalidSource
from registry.notify.reach import endpoint
from registry.notify.sending import Address, Letter, NotDelivered, Surroundings

_TIMEOUT_S = 10.0
_NEVER = {400, 410, 413, 415, 422}  # this one is refused; others may pass
SIGNATURE, TIMESTAMP, ID = "X-NexusAI-Signature", "X-NexusAI-Timestamp", "X-NexusAI-Id"


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """`sha256=…` over the timestamp, a dot and the body; receivers compare it and refuse old timestamps."""
    return "sha256=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


class WebhookSender:
    """POSTs; 2xx is delivered. Redirects are not followed."""

    def __init__(self, address: Address, around: Surroundings) -> None:
        self._address = address
        self._around = around

    def send(self, letter: Letter) -> str:
        """Deliver one; nothing to tell of it. Raises NotDelivered."""
        parts = urlsplit(self._address.url)
        host, port = endpoint(self._address.url)
        try:
            checked = self._around.reach().checked(host, port)
        except (AddressRefused, InvalidSource) as error:
            raise NotDelivered(error.message) from error
        except OSError as error:
            raise NotDelivered(f"the name {host} has no address") from error
        body = json.dumps({"id": letter.letter_id, **letter.payload}, ensure_ascii=False).encode()
        at = str(int(time.time()))
        literal = f"[{checked}]" if ":" in checked else checked
        target = f"{parts.scheme}://{literal}:{port}{parts.path or '/'}" + (f"?{parts.query}" if parts.query else "")
        headers = {
            "Host": parts.netloc.rpartition("@")[2],
            "Content-Type": "application/json",
            "User-Agent": "NexusAI",
            ID: letter.letter_id,
            TIMESTAMP: at,
            SIGNATURE: sign(self._address.secret, at, body),
        }
        self._post(target, host, headers, body)
        return ""

    def tend(self) -> None:
        """Nothing is held open."""

    def forget(self) -> None:
        """Nothing is left there that could be taken away."""

    def close(self) -> None:
        """Nothing is held open."""

    def _post(self, target: str, host: str, headers: dict[str, str], body: bytes) -> None:
        try:
            with (
                httpx.Client(timeout=_TIMEOUT_S, follow_redirects=False, trust_env=False) as client,
                client.stream(
                    "POST", target, headers=headers, content=body, extensions={"sni_hostname": host}
                ) as answer,
            ):
                status = answer.status_code
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NotDelivered(f"nothing answers at {host}: {type(error).__name__}") from error
        if not 200 <= status < 300:
            raise NotDelivered(f"{host} answered {status}", refused=status in _NEVER)
