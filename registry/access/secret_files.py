"""Secrets the platform makes for itself, one file each, readable by the owner alone."""

import os
import secrets
from pathlib import Path


def read_or_make(path: Path) -> bytes:
    """The 256-bit secret stored at `path`, made on first use; processes that race agree on one."""
    if not path.exists():
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(32))
        try:
            os.link(draft, path)  # atomic, and refuses to replace
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_bytes()
