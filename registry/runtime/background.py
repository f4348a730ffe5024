"""Work that nobody waits for leaves the cores to requests: a version that is loaded beside the one that answers."""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")
_NICENESS = 5  # a third of a core where requests want all of them
_hurried: ContextVar[bool] = ContextVar("hurried", default=True)


@contextmanager
def unhurried() -> Iterator[None]:
    """What this thread does `aside` until the block ends gives way to others."""
    token = _hurried.set(False)
    try:
        yield
    finally:
        _hurried.reset(token)


def hurried() -> bool:
    """Whether somebody waits for what this thread does."""
    return _hurried.get()


def aside(work: Callable[[], T]) -> T:
    """The work's answer; where nobody waits for it, from a thread of lower priority. Raises what the work raises.

    In a thread of its own, because a priority that was lowered is not raised again without privileges. For work that
    leaves the interpreter free and starts no threads that outlive it: they would keep the priority.
    """
    if hurried():
        return work()
    with ThreadPoolExecutor(1, "aside", _give_way) as pool:
        return pool.submit(work).result()


def _give_way() -> None:
    thread = threading.get_native_id()
    with suppress(OSError, AttributeError):  # only Linux has priorities of threads
        os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + _NICENESS)
