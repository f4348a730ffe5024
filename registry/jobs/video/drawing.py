"""Drawing on a video's pictures where they are: on the planes of YUV 4:2:0, without a way to RGB and back.

The two conversions would take as long as a tenth of a small model's run.
"""

from collections import defaultdict, deque
from dataclasses import dataclass, field

import cv2
import numpy as np
import supervision as sv

from registry.jobs.video.parameters import VideoAsked
from registry.jobs.video.scene import Look, Scene, labels_of
from registry.streams.frames import UInt8, planes
from registry.vision.drawing import PALETTE

_FONT = cv2.FONT_HERSHEY_DUPLEX
_TRACE_S = 2.0
_MOST_LABELS = 60
_PLACE = sv.Color.from_hex("#e0b100")
Yuv = tuple[int, int, int]
Pixel = tuple[int, int]


def yuv_of(colour: sv.Color) -> Yuv:
    """A colour in ITU-R BT.601 with limited range, as H.264 is usually read."""
    r, g, b = colour.r, colour.g, colour.b
    return (
        round(16 + 0.257 * r + 0.504 * g + 0.098 * b),
        round(128 - 0.148 * r - 0.291 * g + 0.439 * b),
        round(128 + 0.439 * r - 0.368 * g - 0.071 * b),
    )


_COLOURS = [yuv_of(each) for each in PALETTE.colors]
_PLACE_YUV, _LIGHT, _DARK = yuv_of(_PLACE), yuv_of(sv.Color.WHITE), yuv_of(sv.Color(20, 24, 36))


class Canvas:
    """One picture (h * 3 / 2, w) that is drawn on in place; lines and letters grow with it."""

    def __init__(self, yuv: UInt8) -> None:
        self.planes = planes(yuv)
        height, width = self.planes[0].shape
        side = (height * width) ** 0.5
        self.size_wh = (width, height)
        self.thickness = max(2, round(side / 420)) // 2 * 2
        self.scale = max(0.45, side / 1_350)

    def box(self, one: Pixel, other: Pixel, colour: Yuv, *, filled: bool = False) -> None:
        """An outline, or a filled rectangle."""
        width = -1 if filled else self.thickness
        cv2.rectangle(self.planes[0], one, other, colour[0], width)
        for plane, value in zip(self.planes[1:], colour[1:], strict=True):
            cv2.rectangle(plane, _half(one), _half(other), value, width if filled else max(1, width // 2))

    def path(self, points: list[Pixel], colour: Yuv, *, closed: bool = False) -> None:
        """A line through points."""
        whole = np.array(points, np.int32)
        cv2.polylines(self.planes[0], [whole], closed, colour[0], self.thickness, cv2.LINE_AA)
        for plane, value in zip(self.planes[1:], colour[1:], strict=True):
            cv2.polylines(plane, [whole // 2], closed, value, max(1, self.thickness // 2), cv2.LINE_AA)

    def label(self, text: str, at: Pixel, colour: Yuv) -> None:
        """Letters on a ground of the colour, above a point where there is room, else below."""
        (width, height), below = cv2.getTextSize(text, _FONT, self.scale, 1)
        pad = max(2, round(height / 3)) // 2 * 2
        x = max(0, min(at[0], self.size_wh[0] - width - 2 * pad))
        top = at[1] - height - below - pad
        top = top if top >= 0 else min(at[1], self.size_wh[1] - height - below - pad)
        self.box((x, top), (x + width + 2 * pad, top + height + below + pad), colour, filled=True)
        letters = _DARK if colour[0] > 150 else _LIGHT
        cv2.putText(self.planes[0], text, (x + pad, top + height + pad // 2), _FONT, self.scale, letters[0], 1, 16)


@dataclass(slots=True)
class Painter:
    """Draws what a scene shows on its pictures."""

    asked: VideoAsked
    scene: Scene
    _traces: dict[int, deque[tuple[float, Pixel]]] = field(default_factory=lambda: defaultdict(deque))

    def paint(self, yuv: UInt8, look: Look) -> None:
        """Draw on a picture in place."""
        canvas, wanted = Canvas(yuv), set(self.asked.draw)
        if "places" in wanted:
            self._places(canvas, look)
        if "traces" in wanted:
            self._draw_traces(canvas, look)
        self._things(canvas, look, boxes="boxes" in wanted, labels="labels" in wanted)

    def _things(self, canvas: Canvas, look: Look, *, boxes: bool, labels: bool) -> None:
        found, names = look.detections, labels_of(look)
        kinds = found.class_id.tolist() if found.class_id is not None else [0] * len(found)
        ids = found.tracker_id.tolist() if found.tracker_id is not None else [-1] * len(found)
        scores = found.confidence.tolist() if found.confidence is not None else [0.0] * len(found)
        for row, (x1, y1, x2, y2) in enumerate(found.xyxy.round().astype(int).tolist()):
            colour = _COLOURS[kinds[row] % len(_COLOURS)]
            if boxes:
                canvas.box((x1, y1), (x2, y2), colour)
            if labels and row < _MOST_LABELS:
                number = f"#{ids[row]} " if ids[row] >= 0 else ""
                canvas.label(f"{number}{names[row][:32]} {scores[row]:.0%}", (x1, y1), colour)

    def _draw_traces(self, canvas: Canvas, look: Look) -> None:
        width, height = canvas.size_wh
        for track_id, track in look.tracks.items():
            trace = self._traces[track_id]
            trace.append((look.at_s, (int(track.foot[0] * width), int(track.foot[1] * height))))
            while trace[0][0] < look.at_s - _TRACE_S:
                trace.popleft()
            if len(trace) > 1:
                canvas.path([point for _, point in trace], _COLOURS[track.class_id % len(_COLOURS)])
        for gone in [each for each, trace in self._traces.items() if trace[-1][0] < look.at_s - _TRACE_S]:
            del self._traces[gone]

    def _places(self, canvas: Canvas, look: Look) -> None:
        width, height = canvas.size_wh

        def pixel(point: tuple[float, float]) -> Pixel:
            return min(int(point[0] * width), width - 1), min(int(point[1] * height), height - 1)

        for zone in self.scene.zones:
            corners = [pixel(point) for point in zone.polygon.points]
            canvas.path(corners, _PLACE_YUV, closed=True)
            canvas.label(f"{zone.name}: {look.inside.get(zone.name, 0)}", corners[0], _PLACE_YUV)
        counts = self.scene.places.counts
        for line in self.scene.lines:
            start, end = pixel(line.start), pixel(line.end)
            canvas.path([start, end], _PLACE_YUV)
            said = f"{line.name}: {counts[line.name, 'in']} in, {counts[line.name, 'out']} out"
            canvas.label(said, start, _PLACE_YUV)


def _half(point: Pixel) -> Pixel:
    return point[0] // 2, point[1] // 2
