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

from registry.errors import InvalidModel, ProcessFailed, Unavailable
from registry.models.types import ModelVersion
from registry.settings import Settings
from registry.worker import engine_child
from registry.worker.wire import Thresholds, UInt8, pack_images, read_found, unpack_word

ANSWER_MOST_S = 3.0
HOLD_MOST_S = 3.0  # so long images wait for their turn and for a process that is being started again
_LOAD_MOST_S = 600.0  # TensorRT builds for minutes
_AT_ONCE = 4  # lost in a row without an answer between; then the model is at fault, and no image
_BACK_OFF_S, _BACK_OFF_MOST_S = 1.0, 30.0
_log = structlog.get_logger(__name__)


def engine_context() -> ForkServerContext:
    """Where engines come from: a process that has imported all they need, so that another one is there at once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([engine_child.__name__])
    return context


class Engine:
    """One version of a model in a process of its own; it answers one batch at a time.

    A process that is lost is followed by another at once; with growing pauses where none of the last ones answered.
    """

    def __init__(self, settings: Settings, version: ModelVersion) -> None:
        self.version = version
        self.restarts = 0
        self._settings = settings
        self._process: ForkServerProcess | None = None
        self._connection: Connection | None = None
        self._changed = threading.Condition()
        self._asking = threading.Lock()
        self._unanswered = 0  # losses in a row
        self._closing = threading.Event()

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
        with self._changed:
            self._process, self._connection = process, connection
            self._changed.notify_all()
        if self._closing.is_set():
            self.close()

    def detect(self, thresholds: Thresholds, images: Sequence[UInt8]) -> list[sv.Detections]:
        """What is in each image.

        Raises ProcessFailed where the process was lost over these images, Unavailable where there was none to ask for
        HOLD_MOST_S, and what the model raised.
        """
        by = time.monotonic() + HOLD_MOST_S
        if not self._asking.acquire(timeout=HOLD_MOST_S):
            raise Unavailable(f"{self.version.reference} is busy with what others asked")
        try:
            return self._detect(pack_images(images, thresholds), len(images), by)
        finally:
            self._asking.release()

    def _detect(self, message: bytes, images: int, by: float) -> list[sv.Detections]:
        connection = self._send(message, by)
        try:
            answered = connection.poll(ANSWER_MOST_S)
            word = unpack_word(connection.recv_bytes()) if answered else {}
        except (EOFError, OSError, ValueError, TypeError) as error:
            self._lost(connection, f"its process ended ({type(error).__name__})")
            raise ProcessFailed(f"the process of {self.version.reference} ended") from error
        if not answered:
            self._lost(connection, f"it did not answer within {ANSWER_MOST_S:g} s")
            raise ProcessFailed(f"{self.version.reference} did not answer within {ANSWER_MOST_S:g} s")
        self._unanswered = 0
        if "problem" in word:
            raise InvalidModel(str(word["problem"])[:300])
        return read_found(word, images)

    def _send(self, message: bytes, by: float) -> Connection:
        """Ask a process that is there: one that died before it had these images died of something else."""
        while True:
            connection = self._connected(by)
            try:
                connection.send_bytes(message)
            except (OSError, ValueError) as error:
                self._lost(connection, f"its process took nothing ({type(error).__name__})")
            else:
                return connection

    def _connected(self, by: float) -> Connection:
        with self._changed:
            self._changed.wait_for(
                lambda: self._connection is not None or self._closing.is_set(), by - time.monotonic()
            )
            if self._connection is None:
                raise Unavailable(f"{self.version.reference} is being started again")
            return self._connection

    @property
    def pid(self) -> int | None:
        """Its process, while there is one."""
        process = self._process
        return process.pid if process is not None else None

    def close(self) -> None:
        """End it."""
        self._closing.set()
        with self._changed:
            process, connection = self._process, self._connection
            self._process = self._connection = None
            self._changed.notify_all()
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

    def _lost(self, connection: Connection, why: str) -> None:
        """Begin to start another process, beside the cameras."""
        with self._changed:
            process = self._process
            if process is None or connection is not self._connection:
                return
            self._process = self._connection = None
        self._unanswered += 1
        _log.error("engine lost", model=self.version.reference, why=why, restarts=self.restarts)
        threading.Thread(target=self._revive, args=(process, connection), name="engine-start", daemon=True).start()

    def _revive(self, process: ForkServerProcess, connection: Connection) -> None:
        _end(process, connection)
        failed = max(0, self._unanswered - _AT_ONCE)
        while not self._closing.wait(_back_off_s(failed)):
            self.restarts += 1
            try:
                self.start()
            except Exception as error:  # noqa: BLE001 - the edge of a thread: it is tried again
                _log.error("engine does not start", model=self.version.reference, exc_info=error)
                failed += 1
            else:
                return


def _back_off_s(failed: int) -> float:
    return min(_BACK_OFF_S * 2.0 ** min(failed - 1, 9), _BACK_OFF_MOST_S) if failed else 0.0


def _first_word(connection: Connection) -> dict[str, Any]:
    with suppress(EOFError, OSError, ValueError, TypeError):
        if connection.poll(_LOAD_MOST_S):
            return unpack_word(connection.recv_bytes())
    return {}


def _bound_waiting(connection: Connection) -> None:
    """Let no half-sent message hold up the thread that asks for the cameras."""
    # for each of two writes: one that takes a part, one that takes nothing
    seconds, rest = divmod(ANSWER_MOST_S / 2, 1)
    limit = struct.pack("ll", int(seconds), int(rest * 1e6))
    with socket.socket(fileno=os.dup(connection.fileno())) as pair:
        for option in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
            pair.setsockopt(socket.SOL_SOCKET, option, limit)


def _end(process: ForkServerProcess, connection: Connection) -> None:
    connection.close()
    process.kill()
    process.join(5)
