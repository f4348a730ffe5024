"""Which worker this is, and whether another one of this machine has ended."""

import os
import secrets
import socket
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

_STARTED_FIELD = 19  # of /proc/PID/stat after the name: ticks after the machine's start


@dataclass(frozen=True, slots=True)
class Identity:
    """A worker's id: `host/place/process`. Only who shares the place, a boot and a namespace of processes, can tell
    by the process whether that worker lives."""

    host: str
    place: str
    process: str

    @classmethod
    def own(cls) -> "Identity":
        """This process."""
        return cls(socket.gethostname()[:60], _place(), "").beside(os.getpid())

    def beside(self, pid: int) -> "Identity":
        """Another process of the same place."""
        return replace(self, process=f"{pid}-{_started(pid) or '0'}")

    @property
    def id(self) -> str:
        """What it is called in the records."""
        return f"{self.host}/{self.place}/{self.process}"

    def knows_dead(self, worker_id: str) -> bool:
        """Whether that worker ran beside this one and has ended; False for one that cannot be judged from here."""
        head, _, process = worker_id.rpartition("/")
        if worker_id == self.id or head != f"{self.host}/{self.place}":
            return False
        pid, _, started = process.partition("-")
        return pid.isdecimal() and _started(int(pid)) != started


@cache
def _place() -> str:
    """The boot and the namespace in which process ids mean something; a random one where that cannot be told."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii")[:8]
        return f"{boot}-{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return secrets.token_hex(6)


def _started(pid: int) -> str:
    """When a process began; empty for one that does not run."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if after_name[0] in {"Z", "X"} else after_name[_STARTED_FIELD]
