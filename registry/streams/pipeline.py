"""Cameras in, notices out."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock

from registry.errors import Conflict, NotFound
from registry.streams.accounting import Account, Ledger
from registry.streams.detecting import Detector
from registry.streams.frames import Frame
from registry.streams.inference import DETECT_MOST_S, Inference
from registry.streams.lane import AnalysisOptions, Lane
from registry.streams.sinks import Notice, Sink, SinkPump, StateChange
from registry.streams.sources import CameraSource, SourcePolicy
from registry.streams.watch import CameraStatus, CameraWatch, WatchOptions
from registry.streams.window import BatchWindow


@dataclass(frozen=True, slots=True)
class Camera:
    """One camera as it is to be watched."""

    camera_id: str
    source: CameraSource
    watch: WatchOptions = field(default_factory=WatchOptions)
    analysis: AnalysisOptions = field(default_factory=AnalysisOptions)


@dataclass(slots=True)
class _Running:
    watch: CameraWatch
    lane: Lane
    fps: float


class Pipeline:
    """Watches cameras, infers, tells the sinks. Every method may be called from any thread."""

    def __init__(
        self,
        policy: SourcePolicy,
        sinks: tuple[Sink, ...] = (),
        window: Callable[[], BatchWindow] = BatchWindow,
        detect_most_s: float = DETECT_MOST_S,
    ) -> None:
        self._policy = policy
        self._pumps = [SinkPump(sink) for sink in sinks]
        self._inference = Inference(self._put, window, detect_most_s)
        self._running: dict[str, _Running] = {}
        self._ledgers: dict[str, Ledger] = {}
        self._lock = Lock()

    def use_policy(self, policy: SourcePolicy) -> None:
        """What cameras may be from now on; those that run keep what they were added with."""
        self._policy = policy

    def add(self, camera: Camera, detector: Detector | None = None) -> None:
        """Start a camera. Its account goes on where it was left if it ran before. Raises Conflict if it runs."""
        with self._lock:
            if camera.camera_id in self._running:
                raise Conflict(f"camera {camera.camera_id} runs already")
            ledger = self._ledgers.setdefault(camera.camera_id, Ledger())
            lane = Lane(camera.camera_id, camera.analysis, ledger, camera.watch.decode.fps)
            lane.detector = detector
            watch = CameraWatch(
                camera.camera_id,
                camera.source,
                self._policy,
                lambda frame: self._take(running.lane, frame),
                ledger,
                camera.watch,
                lambda status: self._put(StateChange(camera.camera_id, status)),
            )
            running = self._running[camera.camera_id] = _Running(watch, lane, camera.watch.decode.fps)
            watch.on_away = lambda: self._inference.forget(running.lane)
            self._inference.add(lane)
        watch.start()

    def remove(self, camera_id: str) -> None:
        """Stop a camera; what waits of it is dropped, its open events end. Raises NotFound."""
        with self._lock:
            running = self._find(camera_id)
            del self._running[camera_id]
        running.watch.stop()
        self._inference.remove(running.lane)
        self._put(StateChange(camera_id, running.watch.status()))

    def restart(self, camera_id: str) -> None:
        """Connect anew with a clean slate, also out of `failed`. Raises NotFound."""
        self._find(camera_id).watch.start()

    def swap(self, camera_id: str, detector: Detector | None) -> None:
        """Use another model from the next frame that is taken; one under way ends with the old. Raises NotFound."""
        with self._lock:
            self._find(camera_id).lane.detector = detector

    def analyse(self, camera_id: str, options: AnalysisOptions) -> None:
        """Look for other things from the next frame on; the connection stays. What waits is dropped, open events end,
        tracks and counts begin anew. Raises NotFound.
        """
        with self._lock:
            running = self._find(camera_id)
            before = running.lane
            lane = Lane(camera_id, options, before.ledger, running.fps)
            lane.detector, lane.latest = before.detector, before.latest
            self._inference.add(lane)
            running.lane = lane
        self._inference.remove(before)

    def status(self, camera_id: str) -> CameraStatus:
        """What a camera is doing. Raises NotFound."""
        return self._find(camera_id).watch.status()

    def latest(self, camera_id: str) -> Frame | None:
        """The newest frame of a camera, inferred or not, for snapshots and live view. Raises NotFound."""
        return self._find(camera_id).lane.latest

    def account(self, camera_id: str) -> Account:
        """What became of a camera's frames, also of one that was removed. Raises NotFound."""
        ledger = self._ledgers.get(camera_id)
        if ledger is None:
            raise NotFound(f"there is no camera {camera_id} here")
        return ledger.account()

    @property
    def cameras(self) -> list[str]:
        """Those that run."""
        return list(self._running)

    @property
    def pumps(self) -> list[SinkPump]:
        """One for each sink, with its counters."""
        return self._pumps

    def close(self) -> None:
        """Stop everything."""
        for camera_id in self.cameras:
            with suppress(NotFound):  # somebody else stops it
                self.remove(camera_id)
        self._inference.close()
        for pump in self._pumps:
            pump.close()

    def _find(self, camera_id: str) -> _Running:
        running = self._running.get(camera_id)
        if running is None:
            raise NotFound(f"there is no camera {camera_id} here")
        return running

    def _take(self, lane: Lane, frame: Frame) -> None:
        if lane.take(frame):
            self._inference.wake(lane)

    def _put(self, notice: Notice) -> None:
        for pump in self._pumps:
            pump.put(notice)
