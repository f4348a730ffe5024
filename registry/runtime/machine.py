"""What a measured speed belongs to: the processor, the cores this process may use, the GPUs."""

import contextlib
import hashlib
import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil

_CPUINFO = Path("/proc/cpuinfo")
_MEMORY_BOUNDS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_QUERY = "name,compute_cap,driver_version,memory.total"
_ASK_S = 10.0


@dataclass(frozen=True, slots=True)
class Gpu:
    """One NVIDIA GPU, as its driver describes it."""

    name: str
    compute_capability: str
    driver: str
    memory_mib: int


def usable_cores() -> int:
    """The cores this process may use, which in a container can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def usable_memory() -> int:
    """Bytes of memory this process may use, which in a container can be less than the machine has."""
    bounds = [psutil.virtual_memory().total]
    for path in _MEMORY_BOUNDS:
        with contextlib.suppress(OSError, ValueError):  # none, or "max"
            bounds.append(int(path.read_text()))
    return min(bounds)


@cache
def processor() -> str:
    """The processor's name."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


@cache
def instructions() -> str:
    """The processor's instruction sets, as the system lists them; empty where it does not."""
    return _cpuinfo("flags", "Features")


@cache
def gpus() -> tuple[Gpu, ...]:
    """The NVIDIA GPUs that the driver shows to this process; none where there is no driver."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    try:
        asked = [tool, f"--query-gpu={_QUERY}", "--format=csv,noheader,nounits"]
        said = subprocess.run(asked, capture_output=True, text=True, timeout=_ASK_S, check=True).stdout  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return ()
    return read_gpus(said)


def read_gpus(said: str) -> tuple[Gpu, ...]:
    """The GPUs in nvidia-smi's answer: a line of name, compute capability, driver and MiB for each."""
    rows = [[part.strip() for part in line.split(",")] for line in said.splitlines() if line.strip()]
    return tuple(Gpu(row[0], row[1], row[2], int(row[3])) for row in rows if len(row) == 4 and row[3].isdecimal())


@cache
def host_key() -> str:
    """A name for machines of this kind, in letters, digits and dashes: the same hardware has the same key.

    Not the host's name: a container has another one at each start, and equal machines are tuned alike.
    """
    cards = [(each.name, each.compute_capability) for each in gpus()]
    cores = usable_cores()
    facts = repr((processor(), instructions(), platform.machine(), cores, cards))
    words = re.findall(r"[a-z0-9]+", f"{processor()} {cards[0][0] if cards else ''}".lower())
    return "-".join([*words[:6], f"{cores}c", hashlib.sha256(facts.encode()).hexdigest()[:8]])


def describe_host() -> str:
    """The machine in words."""
    cards = "".join(f", {each.name} (driver {each.driver})" for each in gpus())
    return f"{processor()}, {usable_cores()} cores{cards}"


def _cpuinfo(*names: str) -> str:
    if not _CPUINFO.is_file():
        return ""
    lines = _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(names)), "")
