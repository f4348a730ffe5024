"""Hot swap: an alias that moved is answered with its old version until the new one is loaded, warm and checked."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from registry.errors import RegistryError, Unavailable
from registry.models.resolving import STALE_SECONDS, Asked, Resolved
from registry.models.types import ModelVersion
from registry.runtime.metrics import EngineMetrics

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Line:
    """What one alias of a model is answered with, and what became of its last move.

    `wanted` is where the alias points; it differs from `current` while a swap is under way, and for as long as
    `problem` says why there was none. `used_at` is when somebody last wanted an answer: a move that is only seen after
    a silence is `awaited`, as nobody knows for how long the alias has not been that of `current`.
    """

    current: ModelVersion
    wanted: ModelVersion
    asked_at: float
    used_at: float
    awaited: threading.Thread | None = None
    before: ModelVersion | None = None
    problem: str = ""


class Swaps:
    """The lines of this process. `prove(version)` loads a version, warms it and tries it on a recent input."""

    def __init__(
        self,
        prove: Callable[[ModelVersion], object],
        metrics: EngineMetrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._prove, self._metrics, self._clock = prove, metrics, clock
        self._lock = threading.Lock()
        self._lines: dict[tuple[str, str], Line] = {}
        self._threads: list[threading.Thread] = []

    def at_hand(self, asked: Asked, resolved: Resolved) -> ModelVersion | None:
        """The version to answer with; None where a swap has to be awaited first.

        A move that is seen for the first time starts a swap beside the requests.
        """
        if asked.version is not None:
            return resolved.version
        with self._lock:
            line = self._line(asked, resolved)
            if line is None:
                return resolved.version
            silent = line.used_at + STALE_SECONDS < (now := self._clock())
            line.used_at = now
            if resolved.at > line.asked_at and resolved.version.key != line.wanted.key:
                thread = self._begin(line, resolved)
                line.awaited = thread if silent else line.awaited
            return None if line.awaited is not None and line.awaited.is_alive() else line.current

    def version(self, asked: Asked, resolved: Resolved) -> ModelVersion:
        """As `at_hand`, after what has to be awaited."""
        while (found := self.at_hand(asked, resolved)) is None:
            with self._lock:
                line = self._lines.get(_line_of(asked))
                awaited = line.awaited if line else None
            if awaited is not None:
                awaited.join()
        return found

    def _line(self, asked: Asked, resolved: Resolved) -> Line | None:
        """The line of an alias, if it is that model's: another one may have come in its name, and have one already."""
        line = self._lines.get(_line_of(asked))
        if line is None or line.current.model_created_at == resolved.version.model_created_at:
            return line
        if resolved.at > line.asked_at:  # else somebody's old news of the model before, which is none of this line's
            del self._lines[_line_of(asked)]
        return None

    def _begin(self, line: Line, resolved: Resolved) -> threading.Thread:
        line.wanted, line.asked_at, line.problem = resolved.version, resolved.at, ""
        self._threads = [each for each in self._threads if each.is_alive()]
        thread = threading.Thread(target=self._swap, args=(line, resolved.version), name="swap", daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def answered(self, asked: Asked, resolved: Resolved) -> None:
        """Open a line with a version that was loaded for its first request."""
        if asked.version is None:
            with self._lock:
                line = Line(resolved.version, resolved.version, resolved.at, self._clock())
                self._lines.setdefault(_line_of(asked), line)

    def take_over(self, model: str, alias: str, proven: ModelVersion, at: float) -> None:
        """Answer an alias with a version that was proven before the alias was moved to it here."""
        with self._lock:
            line = self._lines.get((model, alias))
            if line is not None and line.current.model_created_at != proven.model_created_at:
                del self._lines[model, alias]
            elif line is not None:
                line.wanted, line.asked_at = proven, at
                self._switch(line, proven)

    def lines(self) -> dict[tuple[str, str], Line]:
        """Every line by model and alias; an empty alias is a request that named none."""
        with self._lock:
            return dict(self._lines)

    def settle(self) -> None:
        """Wait until no swap is under way."""
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join()

    def _swap(self, line: Line, wanted: ModelVersion) -> None:
        try:
            self._prove(wanted)
        except Exception as error:  # noqa: BLE001 - a thread's edge: whatever is wrong, the old version answers
            self._stay(line, wanted, error)
            return
        with self._lock:
            if line.wanted is wanted:  # it has not moved on meanwhile
                self._switch(line, wanted)

    def _stay(self, line: Line, wanted: ModelVersion, error: Exception) -> None:
        problem = error.message if isinstance(error, RegistryError) else "something went wrong here when it was tried"
        _log.error("swap_failed", model=wanted.name, version=wanted.version, problem=problem, exc_info=error)
        self._metrics.swaps.labels(wanted.name, "failed").inc()
        with self._lock:
            if line.wanted is not wanted:
                return
            line.problem = problem
            if isinstance(error, Unavailable):  # not the version's fault: the next look at the alias tries again
                line.wanted = line.current

    def _switch(self, line: Line, version: ModelVersion) -> None:
        if line.current.key != version.key:
            line.before = line.current
        line.current, line.problem = version, ""
        self._metrics.swaps.labels(version.name, "done").inc()


def _line_of(asked: Asked) -> tuple[str, str]:
    return asked.model, asked.alias or ""
