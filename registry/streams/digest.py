"""The Authorization header of Basic and Digest (RFC 7617, RFC 7616) for one request."""

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass, field

from registry.streams.sources import Credentials

_PARAMETER = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')
_HASHES = {"md5": hashlib.md5, "sha-256": hashlib.sha256}


@dataclass(slots=True)
class Challenge:
    """What a server asked for in `WWW-Authenticate`; counts how often its nonce was used."""

    scheme: str
    parameters: dict[str, str] = field(default_factory=dict)
    uses: int = 0

    def answer(self, credentials: Credentials, method: str, uri: str, cnonce: str = "") -> str:
        """The value of the Authorization header for a request line's method and URI."""
        if self.scheme == "basic":
            text = f"{credentials.username}:{credentials.password}".encode()
            return f"Basic {base64.b64encode(text).decode('ascii')}"
        self.uses += 1
        return self._digest(credentials, method, uri, cnonce or secrets.token_hex(8))

    def _digest(self, credentials: Credentials, method: str, uri: str, cnonce: str) -> str:
        asked = self.parameters
        algorithm = asked.get("algorithm", "MD5")
        hashed = _HASHES[algorithm.lower().removesuffix("-sess")]

        def digest(text: str) -> str:
            return hashed(text.encode(), usedforsecurity=False).hexdigest()

        realm, nonce = asked.get("realm", ""), asked.get("nonce", "")
        secret = digest(f"{credentials.username}:{realm}:{credentials.password}")
        if algorithm.lower().endswith("-sess"):
            secret = digest(f"{secret}:{nonce}:{cnonce}")
        request = digest(f"{method}:{uri}")
        said = {"username": credentials.username, "realm": realm, "nonce": nonce, "uri": uri}
        quoted = ", ".join(f'{name}="{_quoted(value)}"' for name, value in said.items())
        if "auth" in [part.strip() for part in asked.get("qop", "").split(",")]:
            count = f"{self.uses:08x}"
            response = digest(f"{secret}:{nonce}:{count}:{cnonce}:auth:{request}")
            quoted += f', qop=auth, nc={count}, cnonce="{cnonce}"'
        else:
            response = digest(f"{secret}:{nonce}:{request}")
        quoted += f', response="{response}"'
        if "algorithm" in asked:
            quoted += f", algorithm={algorithm}"
        return f"Digest {quoted}" + (f', opaque="{_quoted(asked["opaque"])}"' if "opaque" in asked else "")


def read_challenges(headers: list[str]) -> Challenge | None:
    """The strongest challenge we can answer among the values of `WWW-Authenticate`; None if there is none."""
    found: list[tuple[int, Challenge]] = []
    for header in headers:
        scheme, _, rest = header.strip().partition(" ")
        parameters = {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(rest)}
        if scheme.lower() == "basic":
            found.append((0, Challenge("basic", parameters)))
        algorithm = parameters.get("algorithm", "MD5").lower()
        if scheme.lower() == "digest" and algorithm.removesuffix("-sess") in _HASHES:
            found.append((2 if algorithm.startswith("sha") else 1, Challenge("digest", parameters)))
    return max(found, key=lambda entry: entry[0])[1] if found else None


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "").replace("\n", "")
