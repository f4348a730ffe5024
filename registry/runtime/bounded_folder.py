"""A folder of things that can be made again, which grows to a size and no further."""

import contextlib
import shutil
import time
from pathlib import Path

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
    for each in folder.glob("*/*"):
        with contextlib.suppress(OSError):  # another process makes room, too
            used = each.stat().st_mtime
            if not each.name.startswith(DRAFT):
                found.append((used, _size(each), each))
            elif now - used > _DRAFT_SECONDS:
                _remove(each)
    total = sum(size for _, size, _ in found)
    for _, size, each in sorted(found):
        if total <= KEPT_BYTES:
            break
        if each != but:
            _remove(each)
            total -= size


def _size(kept: Path) -> int:
    files = kept.iterdir() if kept.is_dir() else (kept,)
    return sum(file.stat().st_size for file in files)


def _remove(kept: Path) -> None:
    if kept.is_dir():
        shutil.rmtree(kept, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            kept.unlink()
