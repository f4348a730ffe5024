"""The steps of a model's way in, and what became of each."""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

from registry.errors import RegistryError, StorageUnavailable

RECEIVE, SCAN, CONVERT, VERIFY, REGISTER = "receive", "scan", "convert", "verify", "register"
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
WAITING, RUNNING, DONE, SKIPPED, FAILED = "waiting", "running", "done", "skipped", "failed"


@dataclass(frozen=True, slots=True)
class Step:
    """One step; `state` is waiting, running, done, skipped or failed."""

    name: str
    state: str = WAITING
    detail: str = ""

    def to_dict(self) -> dict[str, str]:
        """As the HTTP contract has it."""
        return asdict(self)


Watch = Callable[[tuple[Step, ...]], None]


def nobody(_steps: tuple[Step, ...]) -> None:
    """A watcher for a way in that nobody looks at."""


def telling(told: Callable[[str], None]) -> Watch:
    """A watcher that says in a line whenever a step begins, is somewhat further, or ends."""

    def watch(steps: tuple[Step, ...]) -> None:
        changed = next(step for step in reversed(steps) if step.state != WAITING)
        told(": ".join(filter(None, (f"{changed.name} {changed.state}", changed.detail))))

    return watch


class Journey:
    """The steps in their order; `watch` is told whenever one of them changes.

    `warning` says what was asked for and not done although the file came in, empty for nothing.
    """

    def __init__(self, watch: Watch = nobody) -> None:
        self.steps = tuple(Step(name) for name in (RECEIVE, SCAN, CONVERT, VERIFY, REGISTER))
        self.watch = watch
        self.warning = ""

    @contextmanager
    def step(self, name: str) -> Iterator[dict[str, Any]]:
        """Run one step; its detail is the text put under `detail`, or why it failed.

        Whatever is raised in it is raised again, a full disk as StorageUnavailable.
        """
        self._set(name, RUNNING, "")
        said: dict[str, Any] = {"detail": ""}
        try:
            yield said
        except RegistryError as error:
            self._set(name, FAILED, error.message)
            raise
        except BaseException as error:
            if isinstance(error, OSError) and error.errno in _FULL:
                full = StorageUnavailable("the disk of this platform is full", hint="Ask an administrator for space.")
                self._set(name, FAILED, full.message)
                raise full from error
            self._set(name, FAILED, "something went wrong here")
            raise
        self._set(name, DONE, str(said["detail"]))

    def note(self, name: str, detail: str) -> None:
        """How far a running step is."""
        self._set(name, RUNNING, detail)

    def hold(self, name: str, why: str) -> None:
        """A step that does not begin yet."""
        self._set(name, WAITING, why)

    def skip(self, name: str, why: str) -> None:
        """A step that is not needed."""
        self._set(name, SKIPPED, why)

    def _set(self, name: str, state: str, detail: str) -> None:
        self.steps = tuple(
            replace(each, state=state, detail=detail) if each.name == name else each for each in self.steps
        )
        self.watch(self.steps)
