"""What happens in a video, picture by picture: who is the same as before, who is in which zone, who crossed a line."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import supervision as sv

from registry.jobs.video.parameters import VideoAsked
from registry.streams.tracking import Track, Tracker, TrackingOptions
from registry.streams.zones import Crossing, Line, Places, Zone

_LEAST_SURE = 0.1


@dataclass(frozen=True, slots=True)
class Look:
    """One picture: its detections (pixels, `class_name`, `tracker_id` with -1 for none), and what follows from them.

    `inside` says how many are in each zone, `entered` and `left` are track ids by zone.
    """

    at_s: float
    detections: sv.Detections
    tracks: dict[int, Track]
    inside: dict[str, int]
    entered: tuple[tuple[int, str], ...] = ()
    left: tuple[tuple[int, str], ...] = ()
    crossings: tuple[Crossing, ...] = ()


@dataclass(slots=True)
class Scene:
    """The state of one video between its pictures; the same pictures lead to the same state.

    `fps` is how many pictures a second are looked at.
    """

    asked: VideoAsked
    size_wh: tuple[int, int]
    fps: float
    places: Places = field(init=False)
    _tracker: Tracker | None = field(init=False)
    _present: set[tuple[int, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        zones, lines = self.asked.places()
        self.places = Places(zones, lines)
        self._tracker = Tracker(_options(self.fps), max(self.fps, _LEAST_SURE)) if self.asked.track else None

    @property
    def zones(self) -> tuple[Zone, ...]:
        """Those that are counted in."""
        return self.places.zones

    @property
    def lines(self) -> tuple[Line, ...]:
        """Those whose crossings are counted."""
        return self.places.lines

    def look(self, at_s: float, found: sv.Detections) -> Look:
        """Take in the detections of the next picture, boxes in pixels."""
        if self._tracker is None:
            return Look(at_s, found, {}, self._standing(found))
        seen, ended = self._tracker.update(found, self.size_wh, at_s)
        crossings = self.places.update(seen, at_s)
        present = self._present_now(seen)
        entered, left = present - self._present, self._present - present
        self._present = present
        for track in ended:
            self.places.forget(track.track_id)
        tracks = {track.track_id: track for track in seen}
        inside = Counter(zone for _, zone in present)
        counts = {zone.name: inside[zone.name] for zone in self.zones}
        placed = self._tracker.placed
        return Look(at_s, placed, tracks, counts, tuple(sorted(entered)), tuple(sorted(left)), tuple(crossings))

    def _present_now(self, seen: list[Track]) -> set[tuple[int, str]]:
        """Who is in which zone: of tracks that were not seen what was known before, as long as they live."""
        if not self.zones or self._tracker is None:
            return set()
        return {
            (track.track_id, zone) for track in self._tracker.tracks for zone in self.places.zones_of(track.track_id)
        }

    def _standing(self, found: sv.Detections) -> dict[str, int]:
        """How many stand in each zone in this picture alone."""
        width, height = self.size_wh
        feet = [((box[0] + box[2]) / 2 / width, box[3] / height) for box in found.xyxy.tolist()]
        return {zone.name: sum(zone.polygon.contains(foot) for foot in feet) for zone in self.zones}


def _options(fps: float) -> TrackingOptions:
    """Tracks last over a few pictures, however seldom one looks."""
    return TrackingOptions(activation=0.35, confident=0.3, lost_after_s=max(1.6, 3.5 / max(fps, _LEAST_SURE)))


def labels_of(look: Look) -> list[str]:
    """The label of each detection: that of its track, where it has one."""
    names = look.detections.data.get("class_name", np.array([""] * len(look.detections)))
    ids = look.detections.tracker_id
    if ids is None:
        return [str(name) for name in names]
    return [
        look.tracks[track].label if track in look.tracks else str(name)
        for name, track in zip(names, ids.tolist(), strict=True)
    ]
