"""The child's first steps: shut every door the kernel offers, then hand over to the module that does the work.

Started as a script by `registry.conversion.sandbox`, alone in its process. The first line it prints says which doors
are shut; it is written before anything foreign is opened.
"""

import contextlib
import importlib
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PACKAGE.parent))  # -I keeps the caller's folder away: name our own

from registry.conversion import kernel, landlock, own_root, seccomp  # noqa: E402
from registry.conversion.doors import NOT_ISOLATED, RESULT, Doors  # noqa: E402
from registry.deferred import defer_scipy  # noqa: E402
from registry.errors import InvalidModel, RegistryError  # noqa: E402

_FIRST_UID, _UIDS = 61_184, 4_096  # the range that systemd, too, takes for users that exist only while they run
_SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/etc/ld.so.cache", "/sys/devices/system/cpu")
_FACTS = ("/proc/cpuinfo", "/proc/meminfo", "/proc/stat")


def main(order: dict[str, Any]) -> int:
    """Shut the doors, say which, do the work; the exit status."""
    kernel.prctl(kernel.PARENT_DEATH_SIGNAL, signal.SIGKILL)
    kernel.prctl(kernel.CHILD_SUBREAPER, 1)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")  # of all on this machine, us first
    folder = Path(order["folder"])
    doors = _shut(folder, Path(order["root"]))
    sys.stdout.write(json.dumps(doors.to_dict()) + "\n")
    sys.stdout.flush()
    if order["strict"] and not doors.isolated:
        return NOT_ISOLATED
    for name, most in order["bounds"].items():
        resource.setrlimit(getattr(resource, name), (most, most))
    return _work(order["module"], folder)


def _work(module: str, folder: Path) -> int:
    defer_scipy()
    try:
        answer = {"answer": importlib.import_module(module).work(folder)}
    except RegistryError as error:
        answer = error.to_dict()
    except MemoryError:
        return 1  # there may be none left to say more with
    except Exception as error:  # noqa: BLE001 - the edge of this process: what foreign code raises is its answer
        first = (str(error).strip().splitlines() or [""])[0]
        answer = InvalidModel(f"{type(error).__name__}: {first[:300]}").to_dict()
    (folder / RESULT).write_text(json.dumps(answer), encoding="utf-8")
    return 0


def _shut(folder: Path, root: Path) -> Doors:
    """Every door that can be shut here; what cannot is noted, and is open."""
    notes: list[str] = []
    uid = _FIRST_UID + os.getpid() % _UIDS
    spaces = _leave_namespaces(uid, notes)
    if os.geteuid() == 0:
        _give(folder, uid)
    paths = [path for path in map(Path, (*_prefixes(), str(PACKAGE), *_SYSTEM, *_FACTS)) if path.exists()]
    rooted = spaces and _tried(notes, "own root", lambda: own_root.enter(root, paths, folder))
    other_user = _become(uid, folder) if os.geteuid() == 0 else False
    if os.geteuid() == 0:  # without capabilities root writes to its own folders alone
        _give(folder, 0)
    os.chdir(folder)
    _tried(notes, "capabilities", kernel.drop_capabilities)
    kernel.prctl(kernel.NO_NEW_PRIVILEGES, 1)
    seen = [*paths, Path("/dev/urandom"), *([Path("/proc")] if rooted else [])]  # a /proc of its own
    locked = _tried(notes, "landlock", lambda: landlock.restrict(seen, folder))
    filtered = _tried(notes, "seccomp", seccomp.refuse_calls)
    return Doors(
        own_network=spaces, no_sockets=filtered, own_root=rooted, landlock=locked, other_user=other_user, notes=notes
    )


def _leave_namespaces(uid: int, notes: list[str]) -> bool:
    """New network, mounts, processes and IPC; without root inside a user namespace.

    The rest runs in a fork, with or without them: this process stays to see the end of all that comes of it.
    """
    flags = kernel.NEW_MOUNTS | kernel.NEW_NETWORK | kernel.NEW_PIDS | kernel.NEW_IPC | kernel.NEW_UTS
    outside = os.geteuid(), os.getegid()
    left = _tried(notes, "namespaces", lambda: kernel.unshare(flags | (kernel.NEW_USER if outside[0] else 0)))
    if left and outside[0]:
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{uid} {outside[0]} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{uid} {outside[1]} 1", encoding="ascii")
    child = os.fork()
    if child:
        os._exit(_outlive(child))
    kernel.prctl(kernel.PARENT_DEATH_SIGNAL, signal.SIGKILL)
    return left


def _outlive(child: int) -> int:
    """Wait for a child, then end what it left behind: orphans became ours. The child's exit status."""
    pid, status = os.wait()
    while pid != child:
        pid, status = os.wait()
    with contextlib.suppress(ChildProcessError):
        while True:
            for orphan in _children():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(orphan, signal.SIGKILL)
            os.wait()
    return os.waitstatus_to_exitcode(status) & 0xFF


def _children() -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = entry.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[:2]
            if int(parent) == os.getpid() and state != "Z":
                found.append(int(entry.parent.name))
    return found


def _give(folder: Path, uid: int) -> None:
    for path in (folder, *folder.iterdir()):
        os.chown(path, uid, uid, follow_symlinks=False)


def _become(uid: int, folder: Path) -> bool:
    """Another user, where that one can still read Python and the folder."""
    os.setgroups([])
    os.setegid(uid)
    os.seteuid(uid)
    reachable = all(os.access(path, os.R_OK | os.X_OK, effective_ids=True) for path in (sys.base_prefix, folder))
    os.seteuid(0)
    os.setegid(0)
    if not reachable:
        return False
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    kernel.prctl(kernel.PARENT_DEATH_SIGNAL, signal.SIGKILL)  # a change of user clears it
    return True


def _prefixes() -> list[str]:
    return [prefix for prefix in {sys.prefix, sys.base_prefix} if not prefix.startswith("/usr")]


def _tried(notes: list[str], what: str, step: Any) -> bool:
    try:
        step()
    except (OSError, AttributeError) as error:
        notes.append(f"{what}: {error}")
        return False
    return True


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main(json.loads(sys.argv[1])))
