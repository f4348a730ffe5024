"""The worker's side of an engine: asking it, and starting another when it is lost."""

import multiprocessing
import os
import socket
import struct
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Any

import structlog
import supervision as sv

from registry.errors import InvalidModel, ProcessFailed
from registry.models.types import ModelVersion
from registry.settings import Settings
from registry.worker import engine_child
from registry.worker.wire import Thresholds, UInt8, pack_images, read_found, unpack_word

ANSWER_MOST_S = 3.0
_LOAD_MOST_S = 600.0  # TensorRT builds for minutes
_BACK_OFF_S, _BACK_OFF_MOST_S, _STEADY_S = 0.0, 30.0, 30.0
_log = structlog.get_logger(__name__)


def engine_context() -> ForkServerContext:
    """Where engines come from: a process that has imported all they need, so that another one is there at once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([engine_child.__name__])
    return context


class Engine:
    """One version of a model in a process of its own; it answers one batch at a time."""

    def __init__(self, settings: Settings, version: ModelVersion) -> None:
        self.version = version
        self.restarts = 0
        self._settings = settings
        self._process: ForkServerProcess | None = None
        self._connection: Connection | None = None
        self._lock = threading.Lock()
        self._asking = threading.Lock()
        self._started_at = 0.0
        self._back_off_s = _BACK_OFF_S
        self._closing = threading.Event()
        self._reviving: threading.Thread | None = None

    def start(self) -> None:
        """Load the version and wait until it answers.

        Raises InvalidModel with what is wrong with it, ProcessFailed when loading it ended the process.
        """
        process, connection = self._spawn()
        word = _first_word(connection)
        if "ready" not in word:
            _end(process, connection)
            if problem := str(word.get("problem", ""))[:400]:
                raise InvalidModel(f"version {self.version.version} of {self.version.name} cannot run: {problem}")
            raise ProcessFailed(f"loading version {self.version.version} of {self.version.name} ended its process")
        with self._lock:
            self._process, self._connection, self._started_at = process, connection, time.monotonic()
        if self._closing.is_set():
            self.close()

    def detect(self, thresholds: Thresholds, images: Sequence[UInt8]) -> list[sv.Detections]:
        """What is in each image. Raises ProcessFailed while there is no process, and what the model raised."""
        with self._asking:
            return self._detect(thresholds, images)

    def _detect(self, thresholds: Thresholds, images: Sequence[UInt8]) -> list[sv.Detections]:
        with self._lock:
            connection = self._connection
        if connection is None:
            raise ProcessFailed(f"{self.version.reference} is being started again")
        try:
            connection.send_bytes(pack_images(images, thresholds))
            answered = connection.poll(ANSWER_MOST_S)
            word = unpack_word(connection.recv_bytes()) if answered else {}
        except (EOFError, OSError, ValueError, TypeError) as error:
            self._lost(f"its process ended ({type(error).__name__})")
            raise ProcessFailed(f"the process of {self.version.reference} ended") from error
        if not answered:
            self._lost(f"it did not answer within {ANSWER_MOST_S:g} s")
            raise ProcessFailed(f"{self.version.reference} did not answer within {ANSWER_MOST_S:g} s")
        if "problem" in word:
            raise InvalidModel(str(word["problem"])[:300])
        return read_found(word, len(images))

    @property
    def pid(self) -> int | None:
        """Its process, while there is one."""
        process = self._process
        return process.pid if process is not None else None

    def close(self) -> None:
        """End it."""
        self._closing.set()
        with self._lock:
            process, connection = self._process, self._connection
            self._process = self._connection = None
        if process is not None and connection is not None:
            _end(process, connection)

    def _spawn(self) -> tuple[ForkServerProcess, Connection]:
        context = engine_context()
        ours, theirs = context.Pipe()
        process = context.Process(
            target=engine_child.serve,
            args=(theirs, self._settings, self.version),
            name=f"engine {self.version.reference}",
            daemon=True,
        )
        process.start()
        theirs.close()  # else its end would never be seen
        _bound_waiting(ours)
        return process, ours

    def _lost(self, why: str) -> None:
        """End what is left, and begin to start another beside the cameras."""
        with self._lock:
            process, connection = self._process, self._connection
            self._process = self._connection = None
        if process is None or connection is None:
            return
        _log.error("engine lost", model=self.version.reference, why=why, restarts=self.restarts)
        _end(process, connection)
        if time.monotonic() - self._started_at > _STEADY_S:
            self._back_off_s = _BACK_OFF_S
        self._reviving = threading.Thread(target=self._revive, name="engine-start", daemon=True)
        self._reviving.start()

    def _revive(self) -> None:
        while not self._closing.wait(self._back_off_s):
            self._back_off_s = min(max(1.0, 2 * self._back_off_s), _BACK_OFF_MOST_S)
            self.restarts += 1
            try:
                self.start()
            except Exception as error:  # noqa: BLE001 - the edge of a thread: it is tried again
                _log.error("engine does not start", model=self.version.reference, exc_info=error)
            else:
                return


def _first_word(connection: Connection) -> dict[str, Any]:
    with suppress(EOFError, OSError, ValueError, TypeError):
        if connection.poll(_LOAD_MOST_S):
            return unpack_word(connection.recv_bytes())
    return {}


def _bound_waiting(connection: Connection) -> None:
    """Let no half-sent message hold up the thread that infers for all cameras."""
    limit = struct.pack("ll", int(ANSWER_MOST_S), 0)
    with socket.socket(fileno=os.dup(connection.fileno())) as pair:
        for option in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
            pair.setsockopt(socket.SOL_SOCKET, option, limit)


def _end(process: ForkServerProcess, connection: Connection) -> None:
    connection.close()
    process.kill()
    process.join(5)
