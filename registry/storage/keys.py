"""What a storage key may look like."""

from pathlib import PurePosixPath

from registry.errors import InvalidInput

LONGEST, LONGEST_PART = 512, 200  # bytes; file systems take names of 255, and drafts need some


def key_parts(key: str) -> tuple[str, ...]:
    """The parts of a key such as `results/ab12/image.jpg`. Raises InvalidInput for what is none."""
    parts = PurePosixPath(key).parts
    unsafe = "\\" in key or any(ord(letter) < 32 or 0xD800 <= ord(letter) < 0xE000 for letter in key)
    if not parts or "/".join(parts) != key or unsafe or len(key.encode(errors="replace")) > LONGEST:
        raise _none(key)
    if key.startswith("/") or any(part.startswith(".") or len(part.encode()) > LONGEST_PART for part in parts):
        raise _none(key)
    return parts


def _none(key: str) -> InvalidInput:
    return InvalidInput(
        f"{key[:80]!r} is not a storage key: at most {LONGEST} bytes, relative, with forward slashes, "
        "no control characters, no part that begins with a dot"
    )
