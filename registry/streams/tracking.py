"""Which detection is the same thing as one before: tracks of one camera."""

from collections import Counter, deque
from dataclasses import dataclass, field

import numpy as np
import supervision as sv
from trackers import ByteTrackTracker

from registry.streams.geometry import Point

_MAX_PATH = 256
_MAX_SCORES = 256
_LONGEST_STEP = 0.6  # of `lost_after_s`: while the gate is shut nothing ages


@dataclass(frozen=True, slots=True)
class TrackingOptions:
    """When a track begins and ends, and when its object stands still."""

    activation: float = 0.45  # a track begins with a score at least as high
    confident: float = 0.35  # what is below only prolongs tracks
    lost_after_s: float = 1.6  # without a detection, in time that was looked at
    stationary_after_s: float = 4.0
    stationary_shift: float = 0.12  # of its size: what moves less stands still


@dataclass(slots=True)
class Track:
    """One object over time. Boxes are xyxy and points (x, y), normalised; times monotonic seconds."""

    track_id: int
    box: tuple[float, float, float, float]
    score: float
    first_s: float
    last_s: float
    classes: Counter[tuple[int, str]] = field(default_factory=Counter)
    scores: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=_MAX_SCORES))
    path: deque[tuple[float, float, float]] = field(default_factory=lambda: deque(maxlen=_MAX_PATH))
    anchor: Point = (0.0, 0.0)
    anchored_s: float = 0.0
    is_stationary: bool = False

    @property
    def class_id(self) -> int:
        """The class most of its score speaks for."""
        return self.classes.most_common(1)[0][0][0]

    @property
    def label(self) -> str:
        """That class's name."""
        return self.classes.most_common(1)[0][0][1]

    @property
    def foot(self) -> Point:
        """Where it stands: the middle of its lower edge."""
        return (self.box[0] + self.box[2]) / 2, self.box[3]

    @property
    def centre(self) -> Point:
        """The middle of its box."""
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2

    @property
    def area(self) -> float:
        """Its share of the picture."""
        return (self.box[2] - self.box[0]) * (self.box[3] - self.box[1])

    def typical_score(self) -> float:
        """The median of its last five scores."""
        last = sorted(score for _, score in list(self.scores)[-5:])
        return last[len(last) // 2] if last else 0.0


class Tracker:
    """ByteTrack over the frames that were inferred, with what lasts longer than a frame kept per track.

    `placed` are the detections of the last update in the tracker's order, with `tracker_id`, -1 for those in no track.
    """

    def __init__(self, options: TrackingOptions | None = None, fps: float = 5.0) -> None:
        self._options = options or TrackingOptions()
        self._fps = fps
        self._tracks: dict[int, Track] = {}
        self._clock = 0.0
        self._last_s: float | None = None
        self._tracker = self._make()
        self.placed = sv.Detections.empty()

    @property
    def tracks(self) -> list[Track]:
        """Those that live."""
        return list(self._tracks.values())

    def update(
        self, detections: sv.Detections, size_wh: tuple[int, int], now: float
    ) -> tuple[list[Track], list[Track]]:
        """Take in the detections of a frame (boxes xyxy in its pixels): the tracks seen now, and those that ended."""
        self._clock += (
            min(now - self._last_s, _LONGEST_STEP * self._options.lost_after_s) if self._last_s is not None else 0.0
        )
        self._last_s = now
        self.placed = found = self._tracker.update(detections, timestamp=self._clock)
        names = found.data.get("class_name")
        seen = []
        for row, track_id in enumerate(found.tracker_id if found.tracker_id is not None else []):
            if track_id < 0:
                continue
            class_id = int(found.class_id[row]) if found.class_id is not None else 0
            label = str(names[row]) if names is not None else str(class_id)
            score = float(found.confidence[row]) if found.confidence is not None else 1.0
            box = _normalised(found.xyxy[row], size_wh)
            seen.append(self._seen(int(track_id), box, score, (class_id, label), now))
        return seen, self._end(now)

    def clear(self) -> list[Track]:
        """Forget everything; the tracks that ended by it."""
        ended = self.tracks
        self._tracks.clear()
        self._tracker = self._make()
        return ended

    def _make(self) -> ByteTrackTracker:
        return ByteTrackTracker(
            lost_track_buffer=round(self._options.lost_after_s * 30),  # told in frames of 1/30 s at any rate
            frame_rate=self._fps,
            track_activation_threshold=self._options.activation,
            high_conf_det_threshold=self._options.confident,
            minimum_consecutive_frames=2,
        )

    def _seen(
        self, track_id: int, box: tuple[float, float, float, float], score: float, kind: tuple[int, str], now: float
    ) -> Track:
        track = self._tracks.get(track_id)
        if track is None:
            track = self._tracks[track_id] = Track(track_id, box, score, now, now)
            track.anchor, track.anchored_s = track.centre, now
        track.box, track.score, track.last_s = box, score, now
        track.classes[kind] += max(1, round(score * 100))
        track.scores.append((now, score))
        track.path.append((now, *track.foot))
        self._judge_rest(track, now)
        return track

    def _judge_rest(self, track: Track, now: float) -> None:
        (x, y), (ax, ay) = track.centre, track.anchor
        size_x, size_y = track.box[2] - track.box[0], track.box[3] - track.box[1]
        limit = self._options.stationary_shift
        if abs(x - ax) > limit * size_x or abs(y - ay) > limit * size_y:
            track.anchor, track.anchored_s, track.is_stationary = (x, y), now, False
        elif now - track.anchored_s >= self._options.stationary_after_s:
            track.is_stationary = True

    def _end(self, now: float) -> list[Track]:
        alive = {each.tracker_id for each in self._tracker.tracks}
        ended = [track for track_id, track in self._tracks.items() if track_id not in alive and track.last_s < now]
        for track in ended:
            del self._tracks[track.track_id]
        return ended


def _normalised(box: np.ndarray, size_wh: tuple[int, int]) -> tuple[float, float, float, float]:
    width, height = size_wh
    x1, y1, x2, y2 = (float(value) for value in box)
    return (
        min(max(x1 / width, 0.0), 1.0),
        min(max(y1 / height, 0.0), 1.0),
        min(max(x2 / width, 0.0), 1.0),
        min(max(y2 / height, 0.0), 1.0),
    )
