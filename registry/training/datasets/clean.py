"""Objects of a picture brought to the canonical form: pixels, inside the picture, each once."""

from collections.abc import Iterable

from registry.training.datasets.limits import ImportLimits
from registry.training.datasets.parsed import ParsedImage, ParsedObject
from registry.training.datasets.problems import Findings, ProblemKind
from registry.training.datasets.sample import Box, DatasetTask, LabelledObject, Ring, bounds, pixels

_ROUNDING_PX = 0.5  # a box may stick out this far without being called wrong
_LEAST_SIDE_PX = 0.01
_RARELY_MORE = 10.0  # pictures away: coordinates beyond this are an error of units


def clean_objects(
    image: ParsedImage, task: DatasetTask, keypoints: int, size_wh: tuple[int, int], findings: Findings
) -> tuple[LabelledObject, ...]:
    """The objects that can be kept, in their order; what is wrong with the others is noted."""
    made: dict[LabelledObject, None] = {}
    for item in image.objects:
        found = _clean(item, task, keypoints, size_wh, image.name, findings)
        if found is None:
            continue
        if found in made:
            message = _said(item, "the same object was there before")
            findings.leave_object(ProblemKind.BOX_DUPLICATE, message, item.file, item.line, image.name)
            continue
        made[found] = None
    return tuple(made)


def cut_to_limit(image: ParsedImage, limits: ImportLimits, findings: Findings) -> None:
    """Forget the objects beyond the most that a picture may have."""
    surplus = len(image.objects) - limits.objects_per_image
    if surplus > 0:
        findings.objects_left_out += surplus
        message = f"{len(image.objects)} objects on one picture, {limits.objects_per_image} are read"
        findings.add(ProblemKind.TOO_MANY_OBJECTS, "left out", message, image.objects[-1].file, sample=image.name)
        del image.objects[limits.objects_per_image :]


def _clean(
    item: ParsedObject, task: DatasetTask, keypoints: int, size_wh: tuple[int, int], sample: str, findings: Findings
) -> LabelledObject | None:
    scale = size_wh if item.relative else (1, 1)
    rings = [_in_pixels(ring, scale) for ring in item.polygons]
    box = bounds(rings) if not item.box else _box(_in_pixels(item.box, scale))
    if _is_far(box, size_wh):
        message = _said(item, f"{_shown(box)} is nowhere near a picture of {size_wh[0]} x {size_wh[1]}")
        findings.leave_object(ProblemKind.OUT_OF_BOUNDS, message, item.file, item.line, sample)
        return None
    kept_rings = tuple(kept for ring in rings if (kept := _cut_ring(ring, size_wh)))
    if task is DatasetTask.SEGMENT and kept_rings:
        cut = bounds(kept_rings)
    else:
        kept_rings, cut = (), _cut(box, size_wh)
    if cut[2] - cut[0] < _LEAST_SIDE_PX or cut[3] - cut[1] < _LEAST_SIDE_PX:
        message = _said(item, f"{_shown(box)} has no area inside the picture")
        findings.leave_object(ProblemKind.BOX_EMPTY, message, item.file, item.line, sample)
        return None
    if max(abs(a - b) for a, b in zip(box, cut, strict=True)) > _ROUNDING_PX and not kept_rings:
        message = _said(item, f"{_shown(box)} reached over the picture of {size_wh[0]} x {size_wh[1]} and was cut")
        findings.add(ProblemKind.OUT_OF_BOUNDS, "changed", message, item.file, item.line, sample)
    points = _points(item, keypoints, scale, sample, findings) if task is DatasetTask.POSE else ()
    return LabelledObject(item.class_id, cut, kept_rings, points)


def _points(
    item: ParsedObject, count: int, scale: tuple[int, int], sample: str, findings: Findings
) -> tuple[tuple[float, float, int], ...]:
    if not any(seen > 0 for _, _, seen in item.keypoints):
        return ()
    if len(item.keypoints) != count:
        message = _said(item, f"{len(item.keypoints)} key points where {count} are meant: the box stays")
        findings.add(ProblemKind.POINTS_INVALID, "changed", message, item.file, item.line, sample)
        return ()
    made = []
    for x, y, seen in item.keypoints:
        px, py = pixels((x * scale[0], y * scale[1]))
        made.append((px, py, min(max(int(seen), 0), 2)))
    return tuple(made)


def _in_pixels(values: Iterable[float], scale: tuple[int, int]) -> tuple[float, ...]:
    return tuple(value * scale[index % 2] for index, value in enumerate(values))


def _box(values: tuple[float, ...]) -> Box:
    x1, y1, x2, y2 = values
    return x1, y1, x2, y2


def _cut(box: Box, size_wh: tuple[int, int]) -> Box:
    width, height = size_wh
    return _box(pixels((max(box[0], 0), max(box[1], 0), min(box[2], width), min(box[3], height))))


def _cut_ring(ring: Ring, size_wh: tuple[int, int]) -> Ring:
    """Every point moved into the picture; empty when what is left has no area."""
    cut = pixels(min(max(value, 0), size_wh[index % 2]) for index, value in enumerate(ring))
    x1, y1, x2, y2 = bounds([cut])
    return cut if x2 - x1 >= _LEAST_SIDE_PX and y2 - y1 >= _LEAST_SIDE_PX else ()


def _is_far(box: Box, size_wh: tuple[int, int]) -> bool:
    return any(
        not -_RARELY_MORE * size_wh[index % 2] <= value <= _RARELY_MORE * size_wh[index % 2]
        for index, value in enumerate(box)
    )


def _shown(box: Box) -> str:
    return "box " + ", ".join(f"{value:.6g}" for value in box)


def _said(item: ParsedObject, message: str) -> str:
    return f"{item.where}: {message}" if item.where else message
