"""Which model each camera looks with: aliases followed, versions loaded once, taken over only when they work."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import structlog

from registry.errors import AliasNotFound, InvalidModel, RegistryError, Unavailable
from registry.models.types import ModelVersion
from registry.streams import Detector
from registry.worker.engine import Engine
from registry.worker.wire import Thresholds

FOLLOW_S = 0.8  # an alias that moved is seen within two seconds, with what MLflow takes to answer
_RETIRE_S = 5.0  # frames under way end with the model they began with
_RETRY_S = 15.0
_SHADOW_S = 5.0
_BOXES = {"detect", "segment", "pose"}
_log = structlog.get_logger(__name__)

Resolve = Callable[["Wish"], ModelVersion]
Swap = Callable[[str, Detector | None], None]


@dataclass(frozen=True, slots=True)
class Wish:
    """The model a camera is to look with, asked for on behalf of its owner; neither alias nor version: the champion."""

    owner_id: str
    model: str
    alias: str = ""
    version: str = ""
    thresholds: Thresholds = field(default_factory=Thresholds)
    in_shadow: bool = False  # whoever looks in the shadow does without when its alias is gone


@dataclass(frozen=True, slots=True)
class Seeing:
    """What a camera looks with now (`name/version`, or nothing), why it is not what was wished for, what it knows."""

    reference: str = ""
    problem: str = ""
    labels: tuple[str, ...] = ()


@dataclass(slots=True)
class _Line:
    cameras: set[str] = field(default_factory=set)
    engine: Engine | None = None
    detector: Detector | None = None
    problem: str = ""
    busy: bool = False
    look_at: float = 0.0  # not before
    refused: str = ""  # key of a version that could not be loaded
    retry_at: float = 0.0


class Detectors:
    """`resolve` names the version of a wish, `swap` gives a camera a detector; both may be slow, neither is waited for.

    Cameras that look with the same version share its engine.
    """

    def __init__(self, resolve: Resolve, make: Callable[[ModelVersion], Engine], swap: Swap) -> None:
        self._resolve, self._make, self._swap = resolve, make, swap
        self._lines: dict[Wish, _Line] = {}
        self._wishes: dict[str, Wish] = {}
        self._engines: dict[str, Engine] = {}
        self._detectors: dict[tuple[str, Thresholds], Detector] = {}  # one for all cameras, so that they go together
        self._retired: list[tuple[float, Engine]] = []
        self._loading: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="models")
        self._thread = threading.Thread(target=self._follow, name="models", daemon=True)
        self._thread.start()

    def want(self, camera_id: str, wish: Wish | None) -> None:
        """Have a camera look with a model from now on, or with none."""
        with self._lock:
            if self._wishes.get(camera_id) == wish:
                return
            self._leave(camera_id)
            if wish is None or not wish.model:
                self._swap(camera_id, None)
                return
            self._wishes[camera_id] = wish
            line = self._lines.setdefault(wish, _Line())
            line.cameras.add(camera_id)
            self._swap(camera_id, line.detector)
            self._look(wish, line)

    def forget(self, camera_id: str) -> None:
        """A camera runs here no longer."""
        with self._lock:
            self._leave(camera_id)

    def detector(self, camera_id: str) -> Detector | None:
        """What a camera looks with."""
        with self._lock:
            line = self._line_of(camera_id)
            return line.detector if line else None

    def seeing(self, camera_id: str) -> Seeing:
        """What a camera looks with, for people."""
        with self._lock:
            line = self._line_of(camera_id)
            if line is None:
                return Seeing()
            if line.engine is None:
                return Seeing(problem=line.problem)
            version = line.engine.version
            return Seeing(version.reference, line.problem, tuple(version.card.labels))

    def close(self) -> None:
        """End every engine."""
        self._ending.set()
        self._pool.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            engines = [*self._engines.values(), *(engine for _, engine in self._retired)]
        for engine in engines:
            engine.close()

    def _line_of(self, camera_id: str) -> _Line | None:
        wish = self._wishes.get(camera_id)
        return self._lines.get(wish) if wish else None

    def _leave(self, camera_id: str) -> None:
        wish = self._wishes.pop(camera_id, None)
        if wish is None:
            return
        line = self._lines[wish]
        line.cameras.discard(camera_id)
        if not line.cameras:
            del self._lines[wish]
            self._retire()

    def _follow(self) -> None:
        while not self._ending.wait(FOLLOW_S):
            with self._lock:
                for wish, line in self._lines.items():
                    self._look(wish, line)
                now = time.monotonic()
                due = [engine for at, engine in self._retired if at <= now]
                self._retired = [(at, engine) for at, engine in self._retired if at > now]
            for engine in due:
                engine.close()

    def _look(self, wish: Wish, line: _Line) -> None:
        now = time.monotonic()
        if not line.busy and now >= line.look_at and not self._ending.is_set():
            line.busy, line.look_at = True, now + (_SHADOW_S if wish.in_shadow else 0.0)
            self._pool.submit(self._renew, wish, line)

    def _renew(self, wish: Wish, line: _Line) -> None:
        """See where a wish leads by now, and take that over once it works."""
        try:
            version = self._resolve(wish)
            if line.engine is not None and line.engine.version.key == version.key:
                line.problem, line.refused = "", ""
            elif version.key != line.refused or time.monotonic() >= line.retry_at:
                self._take_over(wish, line, version)
        except Unavailable as error:  # nothing can have moved: what looks, goes on
            line.problem = "" if line.engine else error.message
        except AliasNotFound as error:  # somebody took the alias away, not the right to the model
            if wish.in_shadow:
                self._lose(line, "")
            else:
                line.problem = error.message
        except RegistryError as error:  # the model, the right to it or the account is gone
            self._lose(line, error.message)
        except Exception as error:  # noqa: BLE001 - the edge of a thread: the camera goes on with what it has
            _log.error("model not followed", model=wish.model, exc_info=error)
            line.problem = "an unexpected fault; the log has it"
        finally:
            line.busy = False

    def _take_over(self, wish: Wish, line: _Line, version: ModelVersion) -> None:
        try:
            engine = self._engine(version)
        except RegistryError as error:
            _log.error("model not taken over", model=version.reference, problem=error.message)
            line.problem, line.refused, line.retry_at = error.message, version.key, time.monotonic() + _RETRY_S
            return
        with self._lock:
            self._keep(engine)
            key, made = (version.key, wish.thresholds), partial(engine.detect, wish.thresholds)
            line.engine, line.problem, line.refused = engine, "", ""
            line.detector = self._detectors.setdefault(key, Detector(version.reference, made))
            for camera_id in line.cameras:
                self._swap(camera_id, line.detector)
            self._retire()
        _log.info("model taken over", model=version.reference, cameras=len(line.cameras))

    def _engine(self, version: ModelVersion) -> Engine:
        """The engine of a version; callers that arrive together start it once."""
        if version.card.task not in _BOXES:
            raise InvalidModel(f"{version.name} answers task {version.card.task}; a camera needs boxes of objects")
        with self._lock:
            loading = self._loading.setdefault(version.key, threading.Lock())
        with loading:
            with self._lock:
                found = self._engines.get(version.key)
            if found is not None:
                return found
            engine = self._make(version)
            engine.start()
            with self._lock:
                self._keep(engine)
            return engine

    def _keep(self, engine: Engine) -> None:
        """Hold on to an engine, also to one that was about to be let go."""
        self._retired = [(at, each) for at, each in self._retired if each is not engine]
        self._engines[engine.version.key] = engine

    def _lose(self, line: _Line, problem: str) -> None:
        with self._lock:
            line.engine, line.detector, line.problem, line.refused = None, None, problem, ""
            for camera_id in line.cameras:
                self._swap(camera_id, None)
            self._retire()

    def _retire(self) -> None:
        """Let go of engines that nobody looks with; they end a little later."""
        used = {line.engine.version.key for line in self._lines.values() if line.engine}
        for key in [key for key in self._engines if key not in used]:
            self._retired.append((time.monotonic() + _RETIRE_S, self._engines.pop(key)))
        self._detectors = {key: each for key, each in self._detectors.items() if key[0] in used}
