"""A camera's picture as people see it: plain, or with zones, lines, boxes and counts drawn on it."""

import time

import cv2
import numpy as np
import supervision as sv

from registry.errors import InvalidImage
from registry.streams import AnalysisOptions, Frame, FrameResult
from registry.vision.drawing import PALETTE, draw_marked
from registry.vision.images import ImageBgr

_MOVING_S, _STILL_S = 0.8, 6.0  # for how long a box is shown after the look that found it
_ZONE = sv.Color.from_hex("#2b9fe8")
_LINE = sv.Color.from_hex("#e0b100")
_QUALITY = 80


def jpeg(frame: Frame, analysis: AnalysisOptions, result: FrameResult | None, *, overlay: bool) -> bytes:
    """A frame as JPEG. Raises InvalidImage."""
    image = frame.to_bgr()
    if overlay:
        image = draw(image, analysis, result)
    done, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise InvalidImage("the camera's picture cannot be encoded")
    return bytes(encoded)


def draw(image_bgr: ImageBgr, analysis: AnalysisOptions, result: FrameResult | None) -> ImageBgr:
    """Zones, lines with their counts, and the tracks of a result that is new enough; may draw on the image itself."""
    canvas = _draw_places(image_bgr, analysis, result)
    return _draw_tracks(canvas, result) if result is not None else canvas


def _draw_places(canvas: ImageBgr, analysis: AnalysisOptions, result: FrameResult | None) -> ImageBgr:
    height, width = canvas.shape[:2]
    scale = np.array([width - 1, height - 1], np.float32)
    for zone in analysis.zones:
        corners = (np.array(zone.polygon.points, np.float32) * scale).round().astype(np.int32)
        canvas = np.asarray(sv.draw_polygon(canvas, corners, color=_ZONE, thickness=2))
        canvas = _write(canvas, zone.name, corners[corners[:, 1].argmin()], _ZONE)
    counts = result.counts if result else {}
    for line in analysis.lines:
        ends = (np.array([line.start, line.end], np.float32) * scale).round().astype(int).tolist()
        canvas = np.asarray(sv.draw_line(canvas, sv.Point(*ends[0]), sv.Point(*ends[1]), color=_LINE, thickness=2))
        told = f"{line.name}  in {counts.get((line.name, 'in'), 0)}  out {counts.get((line.name, 'out'), 0)}"
        canvas = _write(canvas, told, np.array(ends).mean(0), _LINE)
    return canvas


def _draw_tracks(canvas: ImageBgr, result: FrameResult) -> ImageBgr:
    age_s = time.monotonic() - result.frame.at_s
    tracks = [track for track in result.tracks if age_s <= (_STILL_S if track.is_stationary else _MOVING_S)]
    if not tracks:
        return canvas
    height, width = canvas.shape[:2]
    marked = sv.Detections(
        xyxy=np.array([track.box for track in tracks], np.float32) * np.array([width, height] * 2, np.float32),
        confidence=np.array([track.score for track in tracks], np.float32),
        class_id=np.array([_colour_of(track.label) for track in tracks]),
    )
    labels = [f"#{track.track_id} {track.label[:40]} {track.score:.0%}" for track in tracks]
    return draw_marked(canvas, marked, PALETTE, labels)


def _write(canvas: ImageBgr, text: str, at: np.ndarray, colour: sv.Color) -> ImageBgr:
    scale = max(0.4, canvas.shape[0] / 900)
    (width, height), _ = cv2.getTextSize(text, 0, scale, 1)
    x = int(min(max(at[0], width / 2 + 8), max(canvas.shape[1] - width / 2 - 8, 1)))
    y = int(min(max(at[1], height + 8), canvas.shape[0] - height))
    anchor = sv.Point(x, y)
    dark = sv.Color(20, 24, 36)
    drawn = sv.draw_text(canvas, text, anchor, dark, scale, 1, text_padding=4, background_color=colour)
    return np.asarray(drawn)


def _colour_of(label: str) -> int:
    """The same colour for the same label, whatever the model's numbers."""
    return sum(label.encode()) % len(PALETTE.colors)
