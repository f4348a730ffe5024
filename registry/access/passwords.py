"""Passwords: argon2id with bounded memory, equal time for known and unknown names."""

import threading
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from registry.errors import InvalidInput

MIN_LENGTH, MAX_LENGTH = 8, 128
COMMON_FILE = Path(__file__).with_name("common_passwords.txt")

# OWASP's second recommended argon2id setting: 19 MiB, 2 passes, 1 lane.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_slots = threading.BoundedSemaphore(4)  # four at a time bound the memory at 76 MiB


def check_new(password: str, username: str = "") -> None:
    """Raise InvalidInput unless the password may be chosen. There are no composition rules."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise InvalidInput(f"a password has {MIN_LENGTH} to {MAX_LENGTH} characters, this one has {len(password)}")
    if password.casefold() in _common() or len(set(password)) < 3 or password.casefold() == username.casefold():
        raise InvalidInput("this password is among the first that are guessed", hint="Choose another, a longer one.")


def hash_password(password: str) -> str:
    """The argon2id hash with its own salt."""
    with _slots:
        return _hasher.hash(password)


def matches(stored_hash: str | None, password: str) -> bool:
    """Whether the password belongs to the hash; None (an unknown name) takes the same time and answers False."""
    with _slots:
        try:
            _hasher.verify(stored_hash or _nobody(), password[: MAX_LENGTH + 1])
        except (VerificationError, InvalidHashError):
            return False
    return stored_hash is not None


@cache
def _nobody() -> str:
    return _hasher.hash("a password that nobody has")


@cache
def _common() -> frozenset[str]:
    return frozenset(COMMON_FILE.read_text(encoding="utf-8").split())
