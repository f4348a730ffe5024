"""The best picture of each track: sure, large and whole."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import cv2
import numpy as np

from registry.jobs.video.parts import Crop
from registry.jobs.video.scene import Look
from registry.streams.frames import UInt8, planes
from registry.streams.tracking import Track

MOST = 48  # pictures of a video
_MOST_HELD = 96  # of a segment
_CLEARLY = 1.15  # times as good, before a picture takes another's place
_EDGE, _CUT = 0.004, 0.5  # how near to the edge counts as cut off, and what that leaves of the quality
_MARGIN, _SIDE = 0.15, 320


@dataclass(slots=True)
class Best:
    """The best pictures of a segment's tracks so far."""

    _held: dict[int, tuple[float, float, UInt8]] = field(default_factory=dict)

    def look(self, yuv: UInt8, look: Look) -> None:
        """Take in a picture (h * 3 / 2, w), before anything is drawn on it."""
        for track_id, track in look.tracks.items():
            quality, known = _quality(track), self._held.get(track_id)
            if known is None or quality > known[0] * _CLEARLY:
                self._held[track_id] = (quality, look.at_s, _cut_out(yuv, track))
        if len(self._held) > _MOST_HELD:
            worst = sorted(self._held, key=lambda each: self._held[each][0])[: len(self._held) - _MOST_HELD]
            for track_id in worst:
                del self._held[track_id]

    def crops(self) -> list[Crop]:
        """Them as JPEG."""
        return [
            Crop(track_id, round(at_s, 3), round(quality, 5), bytes(cv2.imencode(".jpg", bgr)[1]))
            for track_id, (quality, at_s, bgr) in self._held.items()
        ]


def best_of(crops: Iterable[Crop], importance: dict[int, float], most: int = MOST) -> list[Crop]:
    """One picture for each of the most important tracks, in the order of their numbers."""
    best: dict[int, Crop] = {}
    for each in crops:
        if each.track_id not in best or each.quality > best[each.track_id].quality:
            best[each.track_id] = each
        if len(best) > 4 * most:
            best = _most_important(best, importance, most)
    return sorted(_most_important(best, importance, most).values(), key=lambda each: each.track_id)


def _most_important(best: dict[int, Crop], importance: dict[int, float], most: int) -> dict[int, Crop]:
    kept = sorted(best, key=lambda each: -importance.get(each, 0.0))[:most]
    return {each: best[each] for each in kept}


def _quality(track: Track) -> float:
    x1, y1, x2, y2 = track.box
    is_cut = min(x1, y1) < _EDGE or max(x2, y2) > 1 - _EDGE
    return track.score * float(track.area**0.5) * (_CUT if is_cut else 1.0)


def _cut_out(yuv: UInt8, track: Track) -> UInt8:
    """A new BGR picture of a track with some of its surroundings, its longer side bounded."""
    height, width = yuv.shape[0] * 2 // 3, yuv.shape[1]
    x1, y1, x2, y2 = track.box
    dx, dy = (x2 - x1) * _MARGIN, (y2 - y1) * _MARGIN
    left, right = _even((x1 - dx) * width, width), _even((x2 + dx) * width + 2, width)
    top, bottom = _even((y1 - dy) * height, height), _even((y2 + dy) * height + 2, height)

    part = [
        plane[top // half : bottom // half, left // half : right // half].reshape(-1)
        for plane, half in zip(planes(yuv), (1, 2, 2), strict=True)
    ]
    joined = np.concatenate(part).reshape((bottom - top) * 3 // 2, right - left)
    bgr = np.asarray(cv2.cvtColor(joined, cv2.COLOR_YUV2BGR_I420))
    shrink = _SIDE / max(bgr.shape[:2])
    return np.asarray(cv2.resize(bgr, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)) if shrink < 1 else bgr


def _even(value: float, most: int) -> int:
    return int(min(max(value, 0), most)) // 2 * 2
