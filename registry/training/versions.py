"""A dataset's version: a hash of its content."""

import hashlib
from pathlib import Path

_SHOWN = 12


def dataset_version(path: Path) -> str:
    """Twelve hex digits of the SHA-256 over a file, or over the names and bytes of all files in a folder."""
    digest = hashlib.sha256()
    files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    for file in files:
        digest.update(file.relative_to(path).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:_SHOWN]
