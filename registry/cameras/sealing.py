"""A camera's name, password and secret path, encrypted for one camera at one address."""

import base64
import binascii
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from urllib.parse import quote

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from registry.access.secret_files import read_or_make
from registry.errors import InvalidSetting, SecretsUnreadable
from registry.records import CameraRecord
from registry.settings import Settings
from registry.streams import CameraSource, Credentials, SourceKind
from registry.streams.hiding import hide_secrets

_NONCE = 12  # bytes, as AES-GCM wants them


@dataclass(frozen=True, slots=True)
class Secrets:
    """What is not shown of a camera. `target` is the path with query where something in it may be a secret."""

    credentials: Credentials | None = None
    target: str = field(default="", repr=False)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to seal."""
        return self.credentials is None and not self.target


class Seals:
    """Seals and opens with the key of this platform: a file in its home, or the setting that hosts share."""

    def __init__(self, settings: Settings) -> None:
        given = settings.camera_key.get_secret_value()
        if given and len(given) < 32:
            raise InvalidSetting("NEXUSAI_CAMERA_KEY: a key has at least 32 characters")
        raw = given.encode() if given else read_or_make(settings.secrets_dir / "cameras.key")
        self._cipher = AESGCM(hashlib.sha256(b"cameras " + raw).digest())

    def seal(self, camera_id: str, origin: str, kept: Secrets) -> str:
        """Encrypted text for the record of that camera, of use with that origin only; empty for nothing."""
        if kept.is_empty:
            return ""
        known = kept.credentials
        plain = {
            "username": known.username if known else "",
            "password": known.password if known else "",
            "has_credentials": known is not None,
            "target": kept.target,
        }
        nonce = secrets.token_bytes(_NONCE)
        sealed = self._cipher.encrypt(nonce, json.dumps(plain).encode(), _bound(camera_id, origin))
        return base64.b64encode(nonce + sealed).decode()

    def open(self, camera_id: str, origin: str, sealed: str) -> Secrets:
        """What was sealed. Raises SecretsUnreadable for another camera, address or key than it was sealed with."""
        if not sealed:
            return Secrets()
        try:
            raw = base64.b64decode(sealed, validate=True)
            plain = json.loads(self._cipher.decrypt(raw[:_NONCE], raw[_NONCE:], _bound(camera_id, origin)))
        except (InvalidTag, binascii.Error, ValueError) as error:
            raise SecretsUnreadable(
                "the stored name and password of the camera cannot be read: they belong to another key or address"
            ) from error
        known = Credentials(plain["username"], plain["password"]) if plain["has_credentials"] else None
        return Secrets(known, plain["target"])

    def open_record(self, record: CameraRecord) -> Secrets:
        """What is sealed in a camera's record. Raises SecretsUnreadable."""
        return self.open(record.id, origin_of(record.url), record.sealed)


def secrets_of(source: CameraSource) -> Secrets:
    """What of a parsed source has to be sealed."""
    has_secret_path = source.is_network and not source.shown.endswith(source.target)
    return Secrets(source.credentials, source.target if has_secret_path else "")


def stored_url(source: CameraSource) -> str:
    """The URL as the record has it: fit to be shown, and to be parsed again."""
    if source.path is None or source.kind is SourceKind.DEVICE:
        return source.shown
    return f"file://{quote(str(source.path))}"


def shown_url(url: str) -> str:
    """A stored URL as people may see it: one that was stored by an older release may still have secrets in it."""
    head, slashes, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    if not slashes or head == SourceKind.FILE:
        return url
    return f"{head}://{authority}" + hide_secrets(slash + path)


def with_target(url: str, kept: Secrets) -> str:
    """A stored URL with its secret path in it; not to be shown."""
    if not kept.target:
        return url
    head, _, rest = url.partition("://")
    return f"{head}://{rest.partition('/')[0]}{kept.target}"


def origin_of(url: str) -> str:
    """scheme://host:port of a shown URL; the scheme alone for files and devices. Another origin, another password."""
    head, slashes, rest = url.partition("://")
    return f"{head}://{rest.partition('/')[0]}" if slashes else head.partition(":")[0]


def _bound(camera_id: str, origin: str) -> bytes:
    return json.dumps([camera_id, origin]).encode()
