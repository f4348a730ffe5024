"""A root file system of the child's own: the Python installation to read, one folder to write, nothing else."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from registry.conversion import kernel

_DEVICES = ("null", "zero", "random", "urandom")
_LOCKABLE = kernel.READ_ONLY | kernel.NO_SUID | kernel.NO_DEVICES | kernel.NO_EXEC


def enter(root: Path, readable: Iterable[Path], folder: Path) -> None:
    """Make `root`, an empty folder, the root of this process, showing `readable` and `folder` where they were.

    Needs a mount namespace of its own. Raises OSError when the kernel does not allow it; nothing has moved then.
    """
    kernel.mount("none", "/", None, kernel.RECURSIVE | kernel.PRIVATE)
    kernel.mount("tmpfs", str(root), "tmpfs", kernel.NO_SUID | kernel.NO_DEVICES, "size=1m,mode=755")
    _show_own_processes(root)
    for path in sorted(readable):
        _show(root, path, kernel.READ_ONLY | kernel.NO_SUID | kernel.NO_DEVICES)
    for name in _DEVICES:
        _show(root, Path("/dev", name), kernel.NO_SUID | kernel.NO_EXEC)
    _show(root, folder, kernel.NO_SUID | kernel.NO_DEVICES | kernel.NO_EXEC)
    os.chdir(root)
    kernel.pivot_root(".", ".")
    kernel.unmount(".", kernel.DETACH)
    kernel.mount("none", "/", None, kernel.REMOUNT | kernel.BIND | kernel.READ_ONLY)


def _show_own_processes(root: Path) -> None:
    """A /proc of the new process namespace. Inside a container the kernel may refuse it; most code does without."""
    target = root / "proc"
    target.mkdir()
    with suppress(OSError):
        flags = kernel.READ_ONLY | kernel.NO_SUID | kernel.NO_DEVICES | kernel.NO_EXEC
        kernel.mount("proc", str(target), "proc", flags)


def _show(root: Path, path: Path, flags: int) -> None:
    target = root / path.relative_to("/")
    if target.exists() or not path.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.parent == Path("/") and path.is_symlink():  # /lib is usr/lib
        target.symlink_to(path.readlink())
        return
    if path.is_dir():
        target.mkdir()
    else:
        target.touch()
    kernel.mount(str(path), str(target), None, kernel.BIND)
    # flags that the outside has set must be named again, or an unprivileged remount is refused
    kept = os.statvfs(target).f_flag & _LOCKABLE
    kernel.mount("none", str(target), None, kernel.REMOUNT | kernel.BIND | flags | kept)
