"""A picture with a model's answer drawn on it, legible from thumbnail to poster size."""

from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt
import supervision as sv

from registry.vision.images import ImageBgr

if TYPE_CHECKING:
    from registry.runtime.prediction import ClassScore, Prediction, TextLine

ImageRgb = npt.NDArray[np.uint8]

# Distinct on dark and light pictures; labels are set in white or near-black, whichever reads better.
PALETTE = sv.ColorPalette.from_hex(
    ["#3a57e8", "#12a594", "#f2793d", "#8e5bef", "#e0447c", "#e0b100", "#2b9fe8", "#7bb026", "#d9483b", "#6b7a99"]
)
_LETTERS = sv.ColorPalette(
    # dark where that reads better: relative luminance of ITU-R BT.709 above 150 of 255
    [
        sv.Color(20, 24, 36) if 0.2126 * each.r + 0.7152 * each.g + 0.0722 * each.b > 150 else sv.Color.WHITE
        for each in PALETTE.colors
    ]
)
_LINE_COLOUR = sv.Color.from_hex("#12a594")
_MOST_LABELS = 60
_LEAST_SIDE = 320  # smaller pictures are enlarged first: a label has to be readable


def draw(image_bgr: ImageBgr, prediction: "Prediction") -> ImageRgb:
    """Draw boxes with labels, lines of text or the best classes on a copy; returns (h, w, 3) uint8, RGB.

    Line width and letters grow with the picture. One whose longer side is below 320 pixels is enlarged by a
    whole factor, so that the result may be larger than the source.
    """
    factor = max(1, -(-_LEAST_SIDE // max(image_bgr.shape[:2])))
    height, width = image_bgr.shape[0] * factor, image_bgr.shape[1] * factor
    canvas = image_bgr.copy() if factor == 1 else cv2.resize(image_bgr, (width, height), interpolation=cv2.INTER_CUBIC)
    if prediction.detections is not None:
        canvas = _draw_boxes(canvas, prediction.detections, factor)
    if prediction.lines is not None:
        canvas = _draw_lines(canvas, prediction.lines, factor)
    if prediction.classes:
        canvas = _draw_classes(canvas, prediction.classes)
    return np.ascontiguousarray(canvas[..., ::-1])


def _scales(canvas: ImageBgr) -> tuple[int, float, int]:
    """Line thickness, text scale and padding in pixels for a picture of this size."""
    side = (canvas.shape[0] * canvas.shape[1]) ** 0.5
    return max(2, round(side / 340)), max(0.42, side / 1350), max(3, round(side / 150))


def _draw_boxes(canvas: ImageBgr, detections: sv.Detections, factor: int) -> ImageBgr:
    if not len(detections):
        return canvas
    scaled = sv.Detections(
        xyxy=detections.xyxy * factor,
        confidence=detections.confidence,
        class_id=detections.class_id if detections.class_id is not None else np.zeros(len(detections), int),
    )
    thickness, text_scale, padding = _scales(canvas)
    large_first = np.argsort(-scaled.area)  # so that the outlines and labels of small objects stay on top
    scaled = scaled[large_first]
    labels = _labels(detections)
    canvas = sv.BoxAnnotator(color=PALETTE, thickness=thickness).annotate(canvas, scaled)
    annotator = sv.LabelAnnotator(
        color=PALETTE,
        text_color=_LETTERS,
        text_scale=text_scale,
        text_thickness=max(1, round(text_scale * 1.6)),
        text_padding=padding,
        border_radius=max(0, padding // 2),
        smart_position=True,
    )
    named = _most_certain(scaled)
    texts = [labels[large_first[index]] for index in named]
    return np.asarray(annotator.annotate(canvas, scaled[named], labels=texts))


def _most_certain(detections: sv.Detections) -> npt.NDArray[np.intp]:
    """Indices, in order, of those that get a label: where hundreds overlap, labels hide the picture."""
    if detections.confidence is None or len(detections) <= _MOST_LABELS:
        return np.arange(min(len(detections), _MOST_LABELS))
    return np.sort(np.argsort(-detections.confidence)[:_MOST_LABELS])


def _labels(detections: sv.Detections) -> list[str]:
    names = detections.data.get("class_name", [])
    texts = []
    for index in range(len(detections)):
        name = str(names[index]) if len(names) else f"class {index}"
        score = "" if detections.confidence is None else f" {detections.confidence[index]:.0%}"
        texts.append(f"{name[:40]}{score}")
    return texts


def _draw_lines(canvas: ImageBgr, lines: "tuple[TextLine, ...]", factor: int) -> ImageBgr:
    thickness, _, _ = _scales(canvas)
    tinted = canvas.copy()
    outlines = [np.round(np.array(line.polygon) * factor).astype(np.int32) for line in lines if line.polygon]
    cv2.fillPoly(tinted, outlines, _LINE_COLOUR.as_bgr())
    canvas = cv2.addWeighted(tinted, 0.22, canvas, 0.78, 0)
    cv2.polylines(canvas, outlines, isClosed=True, color=_LINE_COLOUR.as_bgr(), thickness=thickness, lineType=16)
    return canvas


def _draw_classes(canvas: ImageBgr, classes: "tuple[ClassScore, ...]") -> ImageBgr:
    _, text_scale, padding = _scales(canvas)
    best = classes[0]
    text = f"{best.label[:40]} {best.score:.0%}"
    annotated = sv.draw_text(
        scene=canvas,
        text=text,
        text_anchor=_anchor(canvas, text, text_scale, padding),
        text_color=sv.Color.WHITE,
        text_scale=text_scale * 1.2,
        text_thickness=max(1, round(text_scale * 2)),
        text_padding=padding,
        background_color=PALETTE.by_idx(0),
    )
    return np.asarray(annotated)


def _anchor(canvas: ImageBgr, text: str, text_scale: float, padding: int) -> sv.Point:
    """Where the text's middle goes, for a badge in the upper left corner."""
    (width, height), _ = cv2.getTextSize(text, 0, text_scale * 1.2, max(1, round(text_scale * 2)))
    margin = 2 * padding
    x = min(margin + padding + width // 2, max(canvas.shape[1] // 2, 1))
    return sv.Point(x, margin + padding + height // 2)
