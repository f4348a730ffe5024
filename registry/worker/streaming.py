"""One encoder for each camera that somebody watches; viewers share it, and a slow one skips pictures."""

import threading
import time
from collections.abc import Callable, Iterator

import structlog

from registry.errors import RegistryError
from registry.streams import Frame

MOST_FPS = 15.0
_LINGER_S = 2.0  # without a viewer
_log = structlog.get_logger(__name__)

Newest = Callable[[], Frame | None]
Encode = Callable[[Frame], bytes]


class Encoder:
    """Encodes what is newest while there are viewers. `newest` raises NotFound once the camera is gone."""

    def __init__(self, newest: Newest, encode: Encode, most_fps: float = MOST_FPS) -> None:
        self._newest, self._encode, self._pause_s = newest, encode, 1 / most_fps
        self._viewers = 0
        self._jpeg = b""
        self._number = 0
        self._more = threading.Condition()
        self.is_over = False
        self.encoded = 0
        self._thread = threading.Thread(target=self._run, name="live-encoder", daemon=True)
        self._thread.start()

    def enter(self) -> bool:
        """One more viewer; False where the encoder has ended, and another is needed."""
        with self._more:
            if self.is_over:
                return False
            self._viewers += 1
            return True

    def leave(self) -> None:
        """A viewer goes."""
        with self._more:
            self._viewers -= 1

    def pictures(self, patience_s: float = 5.0) -> Iterator[bytes]:
        """The newest picture, then each newer one that the viewer is quick enough for; empty bytes after so long
        without any. Ends with the encoder."""
        seen = 0
        while True:
            with self._more:
                self._more.wait_for(lambda: self._number != seen or self.is_over, patience_s)  # noqa: B023 - now
                if self.is_over:
                    return
                is_new, seen, picture = self._number != seen, self._number, self._jpeg
            yield picture if is_new else b""

    def _run(self) -> None:
        last, watched_at = 0, time.monotonic()
        try:
            while self._goes_on(watched_at):
                began = time.monotonic()
                watched_at = began if self._viewers else watched_at
                last = self._renew(last)
                time.sleep(max(0.01, self._pause_s - (time.monotonic() - began)))
        except RegistryError as error:  # the camera is gone
            _log.info("live view ends", reason=error.message)
        except Exception as error:  # noqa: BLE001 - the edge of a thread
            _log.error("live view failed", exc_info=error)
        finally:
            with self._more:
                self.is_over = True
                self._more.notify_all()

    def _goes_on(self, watched_at: float) -> bool:
        """Whether anybody watches, or did a moment ago; who comes after the end needs another encoder."""
        with self._more:
            self.is_over = not self._viewers and time.monotonic() - watched_at > _LINGER_S
            return not self.is_over

    def _renew(self, last: int) -> int:
        frame = self._newest()
        if frame is None or frame.frame_id == last:
            return last
        jpeg = self._encode(frame)
        with self._more:
            self._jpeg, self._number = jpeg, self._number + 1
            self.encoded += 1
            self._more.notify_all()
        return frame.frame_id


class Encoders:
    """The encoders by what they show."""

    def __init__(self) -> None:
        self._encoders: dict[tuple[str, bool], Encoder] = {}
        self._lock = threading.Lock()

    def enter(self, camera_id: str, newest: Newest, encode: Encode, *, overlay: bool) -> Encoder:
        """The encoder of a camera's plain or drawn picture, with one more viewer, who has to `leave`."""
        with self._lock:
            self._encoders = {key: each for key, each in self._encoders.items() if not each.is_over}
            found = self._encoders.get((camera_id, overlay))
            if found is None or not found.enter():
                found = self._encoders[camera_id, overlay] = Encoder(newest, encode)
                found.enter()
            return found
