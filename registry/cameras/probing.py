"""Trying a camera's connection before it is added: what it sends, or why it does not."""

import base64
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event, Lock, Thread
from typing import Any

import numpy as np

from registry.access import Action, Actor, require
from registry.access.live import Live
from registry.access.trail import trace_alone
from registry.cameras.address import Kept, Typed, address_of
from registry.cameras.asked import Tried
from registry.cameras.cameras import Cameras
from registry.cameras.reasons import in_words
from registry.errors import RegistryError, TooManyRequests
from registry.records import Database
from registry.streams import CameraSource, DecodeOptions, Frame, Reason, SourcePolicy
from registry.streams.connection import Connection
from registry.streams.faults import tell_fault
from registry.streams.loss import SourceLost
from registry.streams.opening import make_feed
from registry.vision.encoding import encode_jpeg

LONGEST_S = 10.0
_LOOKS_S = 2.0  # after the first picture, to learn the rate
_LOOK_S = 0.1
_HEIGHT, _FPS = 540, 30.0


@dataclass(frozen=True, slots=True)
class Probed:
    """What a source sends: its size, pictures a second, codec and a JPEG; or the reason why it does not, in words."""

    ok: bool
    at: str = ""
    width: int = 0
    height: int = 0
    fps: float = 0.0
    codec: str = ""
    preview: bytes = field(default=b"", repr=False)
    reason: str = ""
    words: str = ""
    detail: str = ""
    took_s: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """As the HTTP contract has it."""
        told = {name: getattr(self, name) for name in self.__slots__ if name != "preview"}
        return told | {"preview": base64.b64encode(self.preview).decode()}


class Probes:
    """Tests of connections, a few at once in this process, each for some seconds at most."""

    def __init__(self, cameras: Cameras, database: Database, live: Live) -> None:
        self._cameras, self._database, self._live = cameras, database, live
        self._running = 0
        self._lock = Lock()

    def test(self, actor: Actor, asked: Tried) -> Probed:
        """Open a source and look at it, for ten seconds at most.

        Raises Forbidden, InvalidSource, AddressRefused, InvalidInput, CameraNotFound, and TooManyRequests while
        others are being tested.
        """
        require(actor, Action.ADD_CAMERA)
        before = self._before(actor, asked.camera_id) if asked.camera_id else None
        policy = self._cameras.policy()
        typed = Typed(asked.url, asked.username, asked.password)
        address = address_of(typed, policy, verify_tls=asked.verify_tls, before=before)
        self._enter()
        found = self._look(address.source, policy)
        outcome: dict[str, Any] = {"name": address.origin, "ok": found.ok, "reason": found.reason}
        trace_alone(self._database, actor, "camera.test", f"camera:{asked.camera_id or 'new'}", outcome, "ok")
        return found

    def _look(self, source: CameraSource, policy: SourcePolicy) -> Probed:
        try:
            probe = _Probe(source, policy, self._leave)
        except BaseException:
            self._leave()
            raise
        return probe.result()

    def _before(self, actor: Actor, camera_id: str) -> Kept:
        record = self._cameras.get(actor, camera_id).record
        return Kept(record.url, self._cameras.seals.open_record(record))

    def _enter(self) -> None:
        with self._lock:
            if self._running >= self._live.current().camera_tests_at_once:
                raise TooManyRequests(
                    "other connections are being tested at the moment",
                    hint="Try again in some seconds.",
                    details={"retry_after_s": 5},
                )
            self._running += 1

    def _leave(self) -> None:
        with self._lock:
            self._running -= 1


class _Probe:
    """One test, in a thread of its own: a look-up of a name may hang, the answer does not."""

    def __init__(self, source: CameraSource, policy: SourcePolicy, leave: Callable[[], None]) -> None:
        self._source, self._leave = source, leave
        self._began = time.monotonic()
        self._connection = Connection(make_feed(source, policy), DecodeOptions(fps=_FPS, height=_HEIGHT))
        self._found: Probed | None = None
        self._done = Event()
        Thread(target=self._run, name="camera-test", daemon=True).start()

    def result(self) -> Probed:
        """What was found out in time."""
        if not self._done.wait(LONGEST_S):
            self._connection.abort()
            self._done.wait(1.0)
        return self._found or self._lost(SourceLost(Reason.SILENT, f"nothing came within {LONGEST_S:.0f} s"))

    def _run(self) -> None:
        try:
            self._found = self._look()
        except SourceLost as lost:
            self._found = self._lost(lost)
        except RegistryError as error:
            self._found = self._lost(SourceLost(Reason.ADDRESS_REFUSED, error.message))
        except Exception:  # noqa: BLE001 - a fault of ours costs one test
            tell_fault("camera test failed")
            self._found = self._lost(SourceLost(Reason.DECODER, "an unexpected fault; the log has it"))
        finally:
            self._connection.close()
            self._leave()
            self._done.set()

    def _look(self) -> Probed:
        """Read until the rate is known. Raises SourceLost."""
        connection = self._connection
        connection.open()
        deadline = self._began + LONGEST_S - 1.0
        newest, first_at, first_pictures = b"", 0.0, 0
        while time.monotonic() < deadline and not (first_at and time.monotonic() - first_at >= _LOOKS_S):
            for picture in connection.read(_LOOK_S):
                newest = picture
                if not first_at:
                    first_at, first_pictures = time.monotonic(), connection.arrivals().pictures
        if not first_at:
            raise SourceLost(Reason.SILENT, "connected, and no picture came")
        seconds = max(time.monotonic() - first_at, 0.1)
        size_wh, source_wh = connection.sizes
        frame = Frame("", 0, 0.0, datetime.min, size_wh, source_wh, newest)  # noqa: DTZ901 - nobody reads its time
        width, height = source_wh if source_wh[1] else size_wh
        return Probed(
            ok=True,
            at=self._source.shown,
            width=width,
            height=height,
            fps=round((connection.arrivals().pictures - first_pictures) / seconds, 1),
            codec=connection.codec,
            preview=encode_jpeg(np.ascontiguousarray(frame.to_bgr()[:, :, ::-1]), 80),
            took_s=round(time.monotonic() - self._began, 2),
        )

    def _lost(self, lost: SourceLost) -> Probed:
        took_s = round(time.monotonic() - self._began, 2)
        return Probed(
            False,
            self._source.shown,
            reason=lost.reason,
            words=in_words(lost.reason),
            detail=lost.detail,
            took_s=took_s,
        )
