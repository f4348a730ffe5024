"""What brings the bytes of one source to its decoder."""

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import IO, Protocol

from registry.streams.addresses import AllowedNetworks
from registry.streams.loss import SourceLost
from registry.streams.sources import CameraSource


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What has come from a source so far; `last_at` is on the monotonic clock, 0.0 before the first byte."""

    bytes: int = 0
    pictures: int = 0
    last_at: float = 0.0


class ArrivalCounter:
    """Counts what comes; written by one thread, read by any."""

    def __init__(self) -> None:
        self._now = Arrivals()
        self._lock = Lock()

    def add(self, size: int, pictures: int) -> None:
        """So many bytes came; so many pictures have come by now."""
        with self._lock:
            self._now = Arrivals(self._now.bytes + size, pictures, time.monotonic())

    def read(self) -> Arrivals:
        """The figures now."""
        return self._now


class NetworkFeed:
    """What the feeds of network cameras have in common: one connection, one thread, what came, why it ended."""

    def __init__(self, source: CameraSource, networks: AllowedNetworks, answer_s: float = 2.0) -> None:
        self._source = source
        self._networks = networks
        self._answer_s = answer_s
        self._camera: socket.socket | None = None
        self._counter = ArrivalCounter()
        self._failure: SourceLost | None = None
        self._closing = Event()
        self._thread: Thread | None = None

    def inherited(self) -> tuple[int, ...]:
        """None."""
        return ()

    def arrivals(self) -> Arrivals:
        """Bytes and pictures from the camera."""
        return self._counter.read()

    def failure(self) -> SourceLost | None:
        """Why nothing comes any more."""
        return self._failure

    def _start(self, work: Callable[[], None]) -> None:
        thread = Thread(target=work, name="camera-feed", daemon=True)
        thread.start()
        self._thread = thread  # only now: `close` may come from another thread, and joins what it finds

    def _join(self) -> None:
        if self._thread is not None:
            self._thread.join(5)


class Feed(Protocol):
    """One connection of one source; opened once, closed once."""

    needs_stdin: bool

    def open(self) -> None:
        """Reach the source and learn whether it lets us in. Blocks for seconds. Raises SourceLost."""

    def input_arguments(self) -> list[str]:
        """FFmpeg's arguments up to its input; no secret is in them."""

    def inherited(self) -> tuple[int, ...]:
        """File descriptors that the decoder is given."""

    def begin(self, stdin: IO[bytes] | None) -> None:
        """The decoder runs: send it what comes."""

    def arrivals(self) -> Arrivals | None:
        """What has come; None where nobody counts."""

    def failure(self) -> SourceLost | None:
        """Why nothing comes any more, once that is known."""

    def close(self) -> None:
        """End the connection; safe to call at any time from any thread."""
