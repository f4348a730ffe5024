"""What a video comes to: tracks, classes by second, zones, lines, and where things were."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from registry.jobs.video.scene import Look, labels_of
from registry.streams.frames import UInt8

_GRID_W = 160  # cells of the heat map across
_LONGEST_STEP_S = 2.0  # a gap in a video is nobody's stay


@dataclass(slots=True)
class TrackSummary:
    """One track as a whole."""

    first_s: float
    last_s: float
    pictures: int = 0
    score: float = 0.0  # summed up
    label: str = ""
    zones: set[str] = field(default_factory=set)


@dataclass(slots=True)
class ZoneSummary:
    """One zone: who was in it, at most how many at once, and all their time together."""

    visits: int = 0
    visitors: set[int] = field(default_factory=set)
    most: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class Second:
    """One second: how many pictures were looked at, how many things of each class were seen, and at most at once."""

    pictures: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)


class Tally:
    """Counts as the pictures of a video go by; takes little room however long it is."""

    def __init__(self, size_wh: tuple[int, int], zones: list[str], lines: list[str]) -> None:
        self.pictures = self.found = 0
        self.tracks: dict[int, TrackSummary] = {}
        self.zones = {name: ZoneSummary() for name in zones}
        self.lines = {name: Counter({"in": 0, "out": 0}) for name in lines}
        self.seconds: dict[int, Second] = defaultdict(Second)
        self.labels: Counter[str] = Counter()
        self.events: list[tuple[float, str, str, int, str]] = []
        self._size_wh = size_wh
        height = max(1, round(_GRID_W * size_wh[1] / size_wh[0]))
        self._heat = np.zeros((height, _GRID_W), np.float64)
        self._last_s: float | None = None

    def look(self, look: Look) -> None:
        """The next picture."""
        step_s = min(look.at_s - self._last_s, _LONGEST_STEP_S) if self._last_s is not None else 0.0
        self._last_s = look.at_s
        self.pictures += 1
        self.found += len(look.detections)
        names = labels_of(look)
        second, now = self.seconds[int(look.at_s)], Counter(names)
        second.pictures += 1
        second.seen.update(now)
        second.most |= now
        if not look.tracks and look.detections.tracker_id is None:
            self.labels.update(now)
        self._take_tracks(look)
        self._take_places(look, step_s)
        self._warm(look)

    def most_of_track(self) -> dict[int, float]:
        """How long each track was seen, in pictures."""
        return {number: float(track.pictures) for number, track in self.tracks.items()}

    def by_label(self) -> dict[str, int]:
        """How many tracks of each class there were; without tracking, how many detections."""
        found = Counter(track.label for track in self.tracks.values()) if self.tracks else self.labels
        return dict(found.most_common())

    def heat_map(self, poster_bgr: UInt8) -> UInt8:
        """Where things stood, over a picture of the video: a new BGR array of its size."""
        heat = cv2.GaussianBlur(self._heat, (0, 0), 2.2)
        share = np.sqrt(heat / heat.max()) if heat.max() > 0 else heat
        large = cv2.resize(share, poster_bgr.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        colours = cv2.applyColorMap((large * 255).astype(np.uint8), cv2.COLORMAP_TURBO)
        grey = cv2.cvtColor(cv2.cvtColor(poster_bgr, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        strength = (0.75 * np.clip(large * 1.6, 0, 1))[..., None]
        return np.asarray((grey * 0.85 * (1 - strength) + colours * strength).astype(np.uint8))

    def places(self) -> dict[str, Any]:
        """Zones and lines as the result tells them."""
        zones = {
            name: {
                "visits": zone.visits,
                "visitors": len(zone.visitors),
                "most_at_once": zone.most,
                "seconds": round(zone.seconds, 2),
            }
            for name, zone in self.zones.items()
        }
        return {"zones": zones, "lines": {name: dict(count) for name, count in self.lines.items()}}

    def _take_tracks(self, look: Look) -> None:
        for number, track in look.tracks.items():
            known = self.tracks.setdefault(number, TrackSummary(look.at_s, look.at_s))
            known.last_s, known.label = look.at_s, track.label
            known.pictures += 1
            known.score += track.score

    def _take_places(self, look: Look, step_s: float) -> None:
        for name, inside in look.inside.items():
            zone = self.zones[name]
            zone.most = max(zone.most, inside)
            zone.seconds += inside * step_s
        for number, name in look.entered:
            self.zones[name].visits += 1
            self.zones[name].visitors.add(number)
            self._note(look, "enter", name, number)
            if number in self.tracks:
                self.tracks[number].zones.add(name)
        for number, name in look.left:
            self._note(look, "leave", name, number)
        for crossing in look.crossings:
            self.lines[crossing.line]["in" if crossing.is_in else "out"] += 1
            self._note(look, "in" if crossing.is_in else "out", crossing.line, crossing.track_id)

    def _note(self, look: Look, what: str, where: str, number: int) -> None:
        known = self.tracks.get(number)
        self.events.append((round(look.at_s, 3), what, where, number, known.label if known else ""))

    def _warm(self, look: Look) -> None:
        boxes = look.detections.xyxy
        if not len(boxes):
            return
        rows, columns = self._heat.shape
        x = ((boxes[:, 0] + boxes[:, 2]) / 2 / self._size_wh[0] * columns).astype(int).clip(0, columns - 1)
        y = (boxes[:, 3] / self._size_wh[1] * rows).astype(int).clip(0, rows - 1)
        np.add.at(self._heat, (y, x), 1.0)
