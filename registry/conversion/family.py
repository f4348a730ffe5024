"""A child with everything that came of it: how much memory all take, and the end of all."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import psutil

_END_S = 10.0
_PAUSE_S = 0.01


def takes_more(child: int, most: int) -> bool:
    """Whether a process and its descendants hold more bytes together; a page that several share counts once.

    The files that they map are left out where the kernel tells: those pages are given back when memory runs short.
    """
    everyone = [child, *(each.pid for each in _descendants(child))]
    return sum(map(_resident, everyone)) > most and sum(map(_held, everyone)) > most  # the second sum costs more


def end_all(child: int) -> None:
    """Kill a process group's leader, its group and all descendants, those that left the group first.

    The leader goes last: what is orphaned becomes its child, so that nobody is out of sight.
    """
    deadline = time.monotonic() + _END_S
    while (below := _descendants(child)) and time.monotonic() < deadline:
        for each in below:
            with suppress(psutil.Error):
                each.kill()
        time.sleep(_PAUSE_S)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)


def _descendants(child: int) -> list[psutil.Process]:
    """Those that are not dead yet."""
    try:
        return [each for each in psutil.Process(child).children(recursive=True) if _lives(each)]
    except psutil.Error:
        return []


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD))
    except psutil.Error:
        return False


def _held(process: int) -> int:
    try:
        told = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        told = ""
    own = [int(line.split()[1]) << 10 for line in told.splitlines() if line.startswith(("Pss_Anon:", "Pss_Shmem:"))]
    return sum(own) if own else _resident(process)


def _resident(process: int) -> int:
    try:
        return int(psutil.Process(process).memory_info().rss)
    except psutil.Error:
        return 0
