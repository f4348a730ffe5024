"""What the records and people know a secret by, without the secret being told."""

import hashlib
from typing import Literal

Kind = Literal["browser", "api"]


def hash_secret(secret: str) -> str:
    """sha256 (hex) of a random 256-bit secret; such a secret needs no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def sign_in_id(kind: Kind, stored: str) -> str:
    """What a sign-in is called in lists: made from a session's hash or a token family, of no use as either."""
    return hashlib.sha256(f"{kind}:{stored}".encode()).hexdigest()[:32]
