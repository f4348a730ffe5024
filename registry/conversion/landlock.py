"""Landlock: the kernel's own list of what this process may still open (include/uapi/linux/landlock.h)."""

import ctypes
import os
from collections.abc import Iterable
from pathlib import Path

from registry.conversion.kernel import syscall

_CREATE, _ADD_RULE, _RESTRICT = 444, 445, 446  # the same on every architecture
_VERSION_QUERY, _BENEATH = 1, 1
_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_FILE, _TRUNCATE = 1 << 4, 1 << 5, 1 << 7, 1 << 8, 1 << 14
_LOOK = _READ_FILE | _READ_DIR
_CHANGE = _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_FILE
_TCP = 0b11  # bind, connect
_SCOPES = 0b11  # abstract sockets, signals to processes outside


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


def restrict(readable: Iterable[Path], folder: Path) -> None:
    """From now on: read what lies below `readable`, change what lies below `folder`, run and connect to nothing.

    Needs no_new_privs. Raises OSError where the kernel has no Landlock.
    """
    version = syscall(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION_QUERY))
    every = (1 << (13 + (version >= 2) + (version >= 3))) - 1
    rules = _Ruleset(every | (1 << 15 if version >= 5 else 0), _TCP if version >= 4 else 0, _SCOPES)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = syscall(_CREATE, ctypes.byref(rules), ctypes.c_size_t(size), ctypes.c_uint32(0))
    try:
        for path in readable:
            _allow(ruleset, path, _LOOK if path.is_dir() else _READ_FILE)
        _allow(ruleset, folder, _LOOK | _CHANGE | (_TRUNCATE if version >= 3 else 0))
        if Path("/dev/null").exists():
            _allow(ruleset, Path("/dev/null"), _READ_FILE | _WRITE_FILE)
        syscall(_RESTRICT, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        target = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        rule = _Beneath(rights, target)
        syscall(_ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(_BENEATH), ctypes.byref(rule), ctypes.c_uint32(0))
    finally:
        os.close(target)
