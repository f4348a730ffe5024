"""A picture with a model's answer drawn on it, legible from thumbnail to poster size."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt
import supervision as sv
from supervision.config import ORIENTED_BOX_COORDINATES

from registry.vision.images import ImageBgr

if TYPE_CHECKING:
    from registry.runtime.prediction import ClassScore, Prediction, TextLine

ImageRgb = npt.NDArray[np.uint8]

# Distinct on dark and light pictures.
PALETTE = sv.ColorPalette.from_hex(
    ["#3a57e8", "#12a594", "#f2793d", "#8e5bef", "#e0447c", "#e0b100", "#2b9fe8", "#7bb026", "#d9483b", "#6b7a99"]
)
_LINE_COLOUR = sv.Color.from_hex("#12a594")
_BONE_COLOUR = sv.Color.from_hex("#e0b100")
_COCO_POINTS = 17
_LEAST_VISIBILITY = 0.5
_MOST_LABELS = 60
_LEAST_SIDE = 320  # smaller pictures are enlarged first: a label has to be readable


def draw(image_bgr: ImageBgr, prediction: "Prediction") -> ImageRgb:
    """Draw boxes with labels, masks, poses, lines of text or the best class on a copy; returns (h, w, 3) uint8, RGB.

    An embedding has nothing to draw.

    Line width and letters grow with the picture. One whose longer side is below 320 pixels is enlarged by a
    whole factor, so that the result may be larger than the source.
    """
    canvas, factor = enlarged(image_bgr)
    if prediction.detections is not None:
        canvas = _draw_masks(canvas, prediction.detections, factor)
        canvas = _draw_boxes(canvas, prediction.detections, factor)
        canvas = _draw_poses(canvas, prediction.detections, factor)
    if prediction.lines is not None:
        canvas = _draw_lines(canvas, prediction.lines, factor)
    if prediction.classes:
        canvas = _draw_classes(canvas, prediction.classes)
    return np.ascontiguousarray(canvas[..., ::-1])


def _letters(palette: sv.ColorPalette) -> sv.ColorPalette:
    """Dark letters on colours where they read better: relative luminance of ITU-R BT.709 above 150 of 255."""
    return sv.ColorPalette(
        [
            sv.Color(20, 24, 36) if 0.2126 * each.r + 0.7152 * each.g + 0.0722 * each.b > 150 else sv.Color.WHITE
            for each in palette.colors
        ]
    )


def enlarged(image_bgr: ImageBgr) -> tuple[ImageBgr, int]:
    """A copy of a picture, by a whole factor larger if it is tiny, and that factor."""
    factor = max(1, -(-_LEAST_SIDE // max(image_bgr.shape[:2])))
    if factor == 1:
        return image_bgr.copy(), 1
    size_wh = (image_bgr.shape[1] * factor, image_bgr.shape[0] * factor)
    return np.asarray(cv2.resize(image_bgr, size_wh, interpolation=cv2.INTER_CUBIC)), factor


def draw_marked(
    canvas: ImageBgr, marked: sv.Detections, palette: sv.ColorPalette, labels: Sequence[str] | None
) -> ImageBgr:
    """Outlines in the palette's colours by class id and, where there are labels, those beside them; may draw on
    the canvas itself."""
    thickness, text_scale, padding = _scales(canvas)
    annotate = sv.OrientedBoxAnnotator if ORIENTED_BOX_COORDINATES in marked.data else sv.BoxAnnotator
    canvas = np.asarray(annotate(color=palette, thickness=thickness).annotate(canvas, marked))
    if labels is None:
        return canvas
    annotator = sv.LabelAnnotator(
        color=palette,
        text_color=_letters(palette),
        text_scale=text_scale,
        text_thickness=max(1, round(text_scale * 1.6)),
        text_padding=padding,
        border_radius=max(0, padding // 2),
        smart_position=True,
    )
    named = _most_certain(marked)
    return np.asarray(annotator.annotate(canvas, marked[named], labels=[labels[index] for index in named]))


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
    if ORIENTED_BOX_COORDINATES in detections.data:
        scaled.data[ORIENTED_BOX_COORDINATES] = np.asarray(detections.data[ORIENTED_BOX_COORDINATES]) * factor
    large_first = np.argsort(-scaled.area)  # so that the outlines and labels of small objects stay on top
    labels = _labels(detections)
    return draw_marked(canvas, scaled[large_first], PALETTE, [labels[index] for index in large_first])


def _draw_masks(canvas: ImageBgr, detections: sv.Detections, factor: int) -> ImageBgr:
    if detections.mask is None or not len(detections):
        return canvas
    masks = detections.mask
    if factor > 1:
        masks = np.asarray(masks).repeat(factor, axis=1).repeat(factor, axis=2)
    scaled = sv.Detections(detections.xyxy * factor, mask=masks, class_id=detections.class_id)
    return np.asarray(sv.MaskAnnotator(color=PALETTE, opacity=0.45).annotate(canvas, scaled))


def _draw_poses(canvas: ImageBgr, detections: sv.Detections, factor: int) -> ImageBgr:
    """Points above a visibility of 0.5, joined to a skeleton where there are COCO's 17."""
    if "keypoints" not in detections.data or not len(detections):
        return canvas
    points = np.asarray(detections.data["keypoints"], np.float32)
    visible = points[..., 2] > _LEAST_VISIBILITY if points.shape[2] == 3 else None
    found = sv.KeyPoints(xy=points[..., :2] * factor, visible=visible)
    thickness, _, padding = _scales(canvas)
    if points.shape[1] == _COCO_POINTS:
        canvas = sv.EdgeAnnotator(color=_BONE_COLOUR, thickness=thickness).annotate(canvas, found)
    return np.asarray(
        sv.VertexAnnotator(color=_LINE_COLOUR, radius=max(thickness, padding // 2)).annotate(canvas, found)
    )


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
