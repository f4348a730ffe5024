"""A seccomp filter: no sockets, no programs, nothing that changes or looks into other processes, or hides from ours."""

import ctypes
import os
import struct
from errno import EPERM

from registry.conversion.kernel import SECCOMP, prctl

# Numbers of x86_64 and aarch64 (asm/unistd_64.h, asm-generic/unistd.h); None where an architecture has no such call.
_REFUSED: dict[str, tuple[int | None, int | None]] = {
    "socket": (41, 198),
    "connect": (42, 203),
    "execve": (59, 221),
    "execveat": (322, 281),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "mount_setattr": (442, 442),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "kexec_load": (246, 104),
    "open_by_handle_at": (304, 265),
    "pidfd_getfd": (438, 438),
    # a process that has left our group would outlive it; memory that no process has mapped is counted by no limit
    "setsid": (112, 157),
    "setpgid": (109, 154),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "mknod": (133, None),
    "mknodat": (259, 33),
}
_ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000 | EPERM
_LOAD, _EQUAL, _AT_LEAST, _ANSWER = 0x20, 0x15, 0x35, 0x06
_X32 = 0x40000000  # x86_64 knows every call a second time, under these numbers
_FILTER_MODE = 2


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def refuse_calls() -> None:
    """Install the filter; it holds for every thread and child from now on. Needs no_new_privs.

    Raises OSError where the kernel has no seccomp, or for an architecture whose numbers are not known here.
    """
    code = _program(os.uname().machine)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    prctl(SECCOMP, _FILTER_MODE, ctypes.byref(program))


def _program(machine: str) -> bytes:
    if machine not in _ARCHITECTURES:
        raise OSError(f"no system call numbers known for {machine}")
    audit, column = _ARCHITECTURES[machine]
    refused = [numbers[column] for numbers in _REFUSED.values() if numbers[column] is not None]
    steps = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, audit), (_ANSWER, 0, 0, _KILL), (_LOAD, 0, 0, 0)]
    steps.append((_AT_LEAST, len(refused) + 1, 0, _X32))
    steps += [(_EQUAL, len(refused) - place, 0, number or 0) for place, number in enumerate(refused)]
    steps += [(_ANSWER, 0, 0, _ALLOW), (_ANSWER, 0, 0, _REFUSE)]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
