"""Passwords: argon2id with bounded memory, equal time for known and unknown names."""

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from registry.errors import InvalidInput

MIN_LENGTH, MAX_LENGTH = 8, 128
COMMON_FILE = Path(__file__).with_name("common_passwords.txt")

# OWASP's second recommended argon2id setting: 19 MiB, 2 passes, 1 lane.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# Four threads bound the memory at 76 MiB. Threads of its own, because the allocator keeps what each one ever used.
_hashing = ThreadPoolExecutor(4, thread_name_prefix="argon2")


def check_new(password: str, username: str = "", shortest: int = MIN_LENGTH) -> None:
    """Raise InvalidInput unless the password may be chosen. There are no composition rules."""
    shortest = max(shortest, MIN_LENGTH)
    if not shortest <= len(password) <= MAX_LENGTH:
        raise InvalidInput(
            f"a password has {shortest} to {MAX_LENGTH} characters, this one has {len(password)}",
            hint="Choose one of that length; a few words make a good one.",
        )
    if password.casefold() in _common() or len(set(password)) < 3 or password.casefold() == username.casefold():
        raise InvalidInput("this password is among the first that are guessed", hint="Choose another, a longer one.")


def hash_password(password: str) -> str:
    """The argon2id hash with its own salt."""
    return _hashing.submit(_hasher.hash, _bytes(password)).result()


def matches(stored_hash: str | None, password: str) -> bool:
    """Whether the password belongs to the hash; None (an unknown name) takes the same time and answers False."""
    given = _bytes(password[: MAX_LENGTH + 1])
    try:
        _hashing.submit(_hasher.verify, stored_hash or _nobody(), given).result()
    except (VerificationError, InvalidHashError):
        return False
    return stored_hash is not None


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")  # half a character is a wrong password, not an error


@cache
def _nobody() -> str:
    return _hasher.hash("a password that nobody has")


@cache
def _common() -> frozenset[str]:
    return frozenset(COMMON_FILE.read_text(encoding="utf-8").split())
