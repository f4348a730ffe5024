"""Temporary files of this machine: what their disk says."""

from collections.abc import Iterator
from contextlib import contextmanager

from registry.errors import StorageUnavailable


@contextmanager
def room_for(what: str) -> Iterator[None]:
    """What the disk says meanwhile, as that it is full, becomes StorageUnavailable."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)[:200] or type(error).__name__
        raise StorageUnavailable(
            f"{what} could not be kept in temporary files here: {reason}",
            hint="Make room where temporary files lie (TMPDIR), or ask an administrator to.",
        ) from error
