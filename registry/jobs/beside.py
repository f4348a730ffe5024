"""Work that cannot be interrupted, done beside a check that can call it off."""

import threading
from collections.abc import Callable
from typing import TypeVar

_LOOK_S = 0.25
T = TypeVar("T")


def beside(check: Callable[[], None], work: Callable[[], T]) -> T:
    """Do `work` in a thread that is left behind as soon as `check`, asked four times a second, raises.

    What is left behind ends with the process, a sandboxed child of it too. Raises what the work and `check` raise.
    """
    done: list[T] = []
    failed: list[BaseException] = []

    def go() -> None:
        try:
            done.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again by whoever waits
            failed.append(error)

    thread = threading.Thread(target=go, name="beside", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(_LOOK_S)
        check()
    if failed:
        raise failed[0]
    return done[0]
