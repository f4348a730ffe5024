"""A folder of things that can be made again, which grows to a size and no further."""

import contextlib
import os
import shutil
import time
from itertools import chain
from pathlib import Path

from registry.storage.walk import entries_in

KEPT_BYTES = 16 << 30
DRAFT = ".draft-"  # how a thing's name begins while it is written
_DRAFT_SECONDS = 86_400.0  # a draft as old as that was left by a process that died


def make_room(folder: Path, but: Path) -> None:
    """Remove the `folder/*/*` that were not used for longest, beyond KEPT_BYTES, and old drafts; never `but`.

    A thing, a file or a folder of files, was used when it was touched last. A process that has one of them open or
    mapped keeps it until it lets go.
    """
    now = time.time()
    found: list[tuple[float, int, Path]] = []
    kinds = [kind for kind, _ in entries_in(folder) if kind.is_dir()]
    for each, about in chain.from_iterable(map(entries_in, kinds)):
        if not each.name.startswith(DRAFT):
            found.append((about.st_mtime, _size(each, about), each))
        elif now - about.st_mtime > _DRAFT_SECONDS:
            _remove(each)
    total = sum(size for _, size, _ in found)
    for _, size, each in sorted(found):
        if total <= KEPT_BYTES:
            break
        if each != but:
            _remove(each)
            total -= size


def _size(kept: Path, about: os.stat_result) -> int:
    return sum(each.st_size for _, each in entries_in(kept)) if kept.is_dir() else about.st_size


def _remove(kept: Path) -> None:
    if kept.is_dir():
        shutil.rmtree(kept, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            kept.unlink()
