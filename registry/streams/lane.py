"""One camera's analysis: gate, regions, tracks, places, rules."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from threading import Lock

import numpy as np
import supervision as sv

from registry.streams.accounting import Drop, Ledger, Outcome
from registry.streams.detecting import Detector, join
from registry.streams.events import Event
from registry.streams.frames import Frame
from registry.streams.motion import Motion, MotionGate, MotionOptions
from registry.streams.regions import Region, RegionOptions, propose
from registry.streams.ring import Ring
from registry.streams.rules import Rule, RuleBook
from registry.streams.tracking import Track, Tracker, TrackingOptions
from registry.streams.zones import Line, Places, Zone


@dataclass(frozen=True, slots=True)
class AnalysisOptions:
    """What is looked for on a camera. `regions` None: always the whole frame; `motion` None: every frame."""

    motion: MotionOptions | None = field(default_factory=MotionOptions)
    regions: RegionOptions | None = field(default_factory=RegionOptions)
    tracking: TrackingOptions = field(default_factory=TrackingOptions)
    zones: tuple[Zone, ...] = ()
    lines: tuple[Line, ...] = ()
    rules: tuple[Rule, ...] = ()
    time_zone: tzinfo = UTC
    on_motion: Callable[[datetime], None] | None = None  # told of each frame with motion; must not block
    refresh_s: float = 5.0  # a whole frame is looked at as often while anything is tracked, motion or not
    ring_bytes: int = 1 << 20
    most_age_s: float = 1.0  # an older frame is dropped


@dataclass(frozen=True, slots=True)
class TrackView:
    """A track as it was on one frame; box xyxy normalised."""

    track_id: int
    label: str
    score: float
    box: tuple[float, float, float, float]
    is_stationary: bool
    zones: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FrameResult:
    """What an inferred frame showed. `counts` are crossings by (line, "in" or "out") since the start."""

    frame: Frame
    model: str
    regions: tuple[Region, ...]
    detections: sv.Detections
    tracks: tuple[TrackView, ...]
    counts: dict[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class Look:
    """A frame that is worth looking at, with what the gate saw."""

    frame: Frame
    motion: Motion


class Lane:
    """`take` is called by the camera's thread, `plan`, `finish` by whoever holds it, the rest by anyone."""

    def __init__(self, camera_id: str, options: AnalysisOptions, ledger: Ledger, fps: float = 5.0) -> None:
        self.camera_id = camera_id
        self.ledger = ledger
        self.options = options
        self.detector: Detector | None = None
        self.latest: Frame | None = None
        self.ring: Ring[Look] = Ring(options.ring_bytes)
        self._gate = MotionGate(options.motion) if options.motion else None
        self._tracker = Tracker(options.tracking, fps)
        self._places = Places(options.zones, options.lines)
        self._book = RuleBook(
            camera_id, options.rules, self._places, options.time_zone, options.tracking.stationary_after_s
        )
        self._whole_at = float("-inf")
        self._finished_s = 0.0
        self._wants_whole = True
        self._lock = Lock()
        self._is_closed = False

    def take(self, frame: Frame) -> bool:
        """Judge a new frame; whether one waits to be inferred now."""
        self.latest = frame
        motion = self._gate.judge(frame.luma, frame.at_s) if self._gate else Motion(True)
        if len(motion.boxes) and self.options.on_motion:
            self.options.on_motion(frame.captured_at)
        if not motion.is_open and not self._needs_refresh(frame.at_s):
            self.ledger.settle(frame.frame_id, Outcome.GATED)
            return False
        with self._lock:
            if self._is_closed:
                self.ledger.settle(frame.frame_id, Outcome.DROPPED, Drop.STOPPED)
                return False
            for old in self.ring.put(Look(frame, motion), len(frame.data)):
                self.ledger.settle(old.frame.frame_id, Outcome.DROPPED, Drop.OVERRUN)
        return True

    def next(self, now: float) -> Look | None:
        """The next frame that is still of use."""
        while look := self.ring.take():
            if now - look.frame.at_s <= self.options.most_age_s:
                return look
            self.ledger.settle(look.frame.frame_id, Outcome.DROPPED, Drop.STALE)
        return None

    def plan(self, look: Look) -> list[Region]:
        """What of a frame to infer; nothing where nothing that moves is left."""
        size_wh = look.frame.size_wh
        due = self._needs_refresh(look.frame.at_s)
        if self.options.regions is None or look.motion.recalibrated or due or self._wants_whole:
            return [(0, 0, *size_wh)]
        moving = [track.box for track in self._tracker.tracks if not track.is_stationary]
        boxes = np.array([*look.motion.boxes.tolist(), *moving], np.float32).reshape(-1, 4)
        return propose(boxes, size_wh, self.options.regions)

    def finish(
        self, look: Look, regions: list[Region], found: list[sv.Detections], model: str
    ) -> tuple[FrameResult, list[Event]]:
        """Take in what was detected in the regions."""
        frame = look.frame
        detections, self._wants_whole = join(frame, regions, found)
        if regions == [(0, 0, *frame.size_wh)]:
            self._whole_at, self._wants_whole = frame.at_s, False
        looked_at = sv.Detections.merge([detections, *self._outside(regions, frame.size_wh)])
        seen, ended = self._tracker.update(looked_at, frame.size_wh, frame.at_s)
        crossings = self._places.update(seen, frame.at_s)
        events = [*self._book.update(frame, seen, crossings), *self._book.end(ended, frame.at_s)]
        self._finished_s = frame.at_s
        views = tuple(self._view(track) for track in seen)
        return FrameResult(frame, model, tuple(regions), detections, views, dict(self._places.counts)), events

    def reset(self) -> list[Event]:
        """Forget all tracks, after a fault, at the end or where no frames come; the events end with the last frame."""
        self._wants_whole = True
        return self._book.end(self._tracker.clear(), self.latest.at_s if self.latest else self._finished_s)

    def close(self) -> None:
        """Nothing more is inferred; what waits is dropped."""
        with self._lock:
            self._is_closed = True
            for look in self.ring.drain():
                self.ledger.settle(look.frame.frame_id, Outcome.DROPPED, Drop.STOPPED)

    def _needs_refresh(self, now: float) -> bool:
        return bool(self._tracker.tracks) and now - self._whole_at >= self.options.refresh_s

    def _outside(self, regions: list[Region], size_wh: tuple[int, int]) -> list[sv.Detections]:
        """Tracks that nobody looked at are taken to be where they were."""
        left = [track for track in self._tracker.tracks if not _is_covered(track, regions, size_wh)]
        if not left:
            return []
        scale = np.array([*size_wh, *size_wh], np.float32)
        return [
            sv.Detections(
                xyxy=np.array([track.box for track in left], np.float32) * scale,
                confidence=np.array([track.score for track in left], np.float32),
                class_id=np.array([track.class_id for track in left]),
                data={"class_name": np.array([track.label for track in left])},
            )
        ]

    def _view(self, track: Track) -> TrackView:
        zones = tuple(self._places.zones_of(track.track_id))
        return TrackView(track.track_id, track.label, track.score, track.box, track.is_stationary, zones)


def _is_covered(track: Track, regions: list[Region], size_wh: tuple[int, int]) -> bool:
    x, y = track.centre[0] * size_wh[0], track.centre[1] * size_wh[1]
    return any(x1 <= x < x2 and y1 <= y < y2 for x1, y1, x2, y2 in regions)
