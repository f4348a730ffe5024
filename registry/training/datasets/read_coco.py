"""COCO: one JSON document, or one for each split, with images, categories and annotations."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from registry.errors import InvalidDataset
from registry.training.datasets import texts
from registry.training.datasets.image_index import ImageIndex
from registry.training.datasets.limits import DEFAULT, ImportLimits
from registry.training.datasets.parsed import Parsed, ParsedImage, ParsedObject, moment, numbers, plain_name
from registry.training.datasets.problems import Findings, ProblemKind
from registry.training.datasets.sample import DatasetTask
from registry.training.datasets.source import SPLIT_WORDS, Source, split_of

_MOST_DOCUMENTS = 64
_MOST_KEYPOINTS = 1_000
_XYWH = 4


@dataclass(slots=True)
class _Reading:
    """What several documents add up to: one list of classes, one picture for each path."""

    source: Source
    findings: Findings
    index: ImageIndex
    names: dict[str, int] = field(default_factory=dict)
    images: dict[str, ParsedImage] = field(default_factory=dict)
    keypoints: int = 0
    outlines: bool = False


def looks_like(source: Source) -> bool:
    """Whether there is a JSON document that says it is COCO's."""
    return any(_heads(source, name) for name in _documents(source))


def read(source: Source, findings: Findings, limits: ImportLimits, task: DatasetTask | None) -> Parsed:
    """Every picture that the documents name, with its annotations. Raises InvalidDataset."""
    reading = _Reading(source, findings, ImageIndex(source.files))
    found = 0
    for file in _documents(source):
        content = texts.json_of(source.read(file, limits.document_bytes), file, findings)
        if not isinstance(content, dict) or "images" not in content:
            continue
        if not isinstance(content["images"], list):
            raise InvalidDataset(f"{file}: `images` is a {type(content['images']).__name__} where a list was expected")
        found += 1
        _read_document(reading, file, content, limits)
    if not found:
        raise InvalidDataset("there is no COCO document: a JSON file with `images`, `categories` and `annotations`")
    for path in reading.index.unused():
        message = "no document names this picture"
        findings.leave_image(ProblemKind.IMAGE_UNLABELLED, message, path)
    fits = DatasetTask.POSE if reading.keypoints else DatasetTask.SEGMENT if reading.outlines else DatasetTask.DETECT
    chosen = task or fits
    points = reading.keypoints if chosen is DatasetTask.POSE else 0
    return Parsed(chosen, list(reading.names), list(reading.images.values()), points)


def damage(source: Source) -> str:
    """Why the first JSON document that cannot be read is none; empty where all can be."""
    for name in _documents(source):
        try:
            texts.json_of(source.read(name, DEFAULT.document_bytes), name, Findings())
        except InvalidDataset as error:
            return error.message
    return ""


def _documents(source: Source) -> list[str]:
    found = [name for name in source.files if name.lower().endswith(".json")]
    return found[:_MOST_DOCUMENTS]


def _heads(source: Source, name: str) -> bool:
    """Whether a document is COCO's, or was meant to be: one that is damaged is named instead of passed over."""
    try:
        data = source.read(name, DEFAULT.document_bytes)
    except InvalidDataset:
        return False
    if b'"images"' in data and (b'"annotations"' in data or b'"categories"' in data):
        return True
    return b"images" in data and not texts.is_json(data)


def _read_document(reading: _Reading, file: str, content: Mapping[str, Any], limits: ImportLimits) -> None:
    categories = _categories(reading, file, content, limits)
    by_id = _images(reading, file, content)
    annotations = content.get("annotations", [])
    if not isinstance(annotations, list):
        raise InvalidDataset(f"{file}: `annotations` is a {type(annotations).__name__} where a list was expected")
    for number, row in enumerate(annotations):
        where = f"annotation {row.get('id', number) if isinstance(row, dict) else number}"
        item = _annotation(reading, file, str(where)[:60], row, categories)
        image = by_id.get(_key(row.get("image_id"))) if isinstance(row, dict) else None
        if item is None:
            continue
        if image is None:
            message = f"{where} belongs to an image that is not there"
            reading.findings.leave_object(ProblemKind.IMAGE_MISSING, message, file)
            continue
        image.objects.append(item)


def _categories(reading: _Reading, file: str, content: Mapping[str, Any], limits: ImportLimits) -> dict[Any, int]:
    """Category ids, which may be any, as positions in the list of classes; names are shared by all documents."""
    rows = content.get("categories", [])
    if not isinstance(rows, list) or len(rows) > limits.classes:
        raise InvalidDataset(f"{file}: `categories` is not a list of at most {limits.classes}")
    found: dict[Any, int] = {}
    for row in rows:
        name = texts.class_name(row.get("name")) if isinstance(row, dict) else ""
        if not name or not isinstance(row.get("id"), int):
            raise InvalidDataset(f"{file}: category {str(row)[:60]} has no id or no name")
        found[row["id"]] = reading.names.setdefault(name, len(reading.names))
        points = row.get("keypoints")
        if isinstance(points, list):
            reading.keypoints = min(max(reading.keypoints, len(points)), _MOST_KEYPOINTS)
    return found


def _images(reading: _Reading, file: str, content: Mapping[str, Any]) -> dict[Any, ParsedImage]:
    found: dict[Any, ParsedImage] = {}
    for row in content["images"]:
        if not isinstance(row, dict) or not isinstance(row.get("file_name"), str):
            reading.findings.leave_image(ProblemKind.LABELS_UNREADABLE, f"image {str(row)[:60]} has no file name", file)
            continue
        path = reading.index.find(row["file_name"], PurePosixPath(file).parent.as_posix(), file, reading.findings)
        if not path:
            continue
        made = reading.images.setdefault(path, ParsedImage(path, plain_name(path)))
        made.split = _split(row, file, path)
        made.group = texts.class_name(row.get("group", ""))
        when = row.get("date_captured")
        made.captured_at = moment(when, file, None, reading.findings) if isinstance(when, str) else None
        size = numbers((row.get("width"), row.get("height")))
        made.size_wh = (int(size[0]), int(size[1])) if size else None
        found[_key(row.get("id"))] = made
    return found


def _split(row: Mapping[str, Any], file: str, path: str) -> str:
    """The split an image says, else the document's own name, else the folder of either."""
    said = SPLIT_WORDS.get(str(row.get("split", "")).lower(), "")
    words = PurePosixPath(file).stem.lower().replace("-", "_").replace(".", "_").replace("2017", "").split("_")
    named = next((SPLIT_WORDS[word] for word in words if word in SPLIT_WORDS), "")
    return said or named or split_of(path) or split_of(file)


def _key(value: Any) -> Any:
    return value if isinstance(value, int | str) else None


def _annotation(
    reading: _Reading, file: str, where: str, row: Any, categories: Mapping[Any, int]
) -> ParsedObject | None:
    findings = reading.findings
    if not isinstance(row, dict):
        findings.leave_object(ProblemKind.LABELS_UNREADABLE, f"{where} is a {type(row).__name__}", file)
        return None
    class_id = categories.get(_key(row.get("category_id")))
    if class_id is None:
        message = f"{where}: category {str(row.get('category_id'))[:20]} is not among `categories`"
        findings.leave_object(ProblemKind.CLASS_INVALID, message, file)
        return None
    made = ParsedObject(class_id, file, where=where)
    box = row.get("bbox")
    values = numbers(box) if isinstance(box, list) and len(box) == _XYWH else None
    if values is None:
        kind = ProblemKind.NOT_A_NUMBER if isinstance(box, list) else ProblemKind.LABELS_UNREADABLE
        findings.leave_object(kind, f"{where}: `bbox` {str(box)[:60]} is not four finite numbers", file)
        return None
    made.box = (values[0], values[1], values[0] + values[2], values[1] + values[3])
    made.polygons = _outlines(row.get("segmentation"), where, file, findings)
    made.keypoints = _keypoints(row.get("keypoints"))
    reading.outlines = reading.outlines or bool(made.polygons)
    return made


def _outlines(value: Any, where: str, file: str, findings: Findings) -> list[tuple[float, ...]]:
    if isinstance(value, dict):
        message = f"{where}: a run-length mask is not read; the box stays"
        findings.add(ProblemKind.OUTLINE_INVALID, "left out", message, file)
        return []
    rings = []
    for ring in value if isinstance(value, list) else []:
        points = numbers(ring) if isinstance(ring, list) else None
        if points is None or len(points) < 6 or len(points) % 2:
            message = f"{where}: an outline is not three points or more"
            findings.add(ProblemKind.OUTLINE_INVALID, "left out", message, file)
        else:
            rings.append(points)
    return rings


def _keypoints(value: Any) -> tuple[tuple[float, float, float], ...]:
    points = numbers(value) if isinstance(value, list) and len(value) % 3 == 0 else None
    if not points:
        return ()
    return tuple((points[at], points[at + 1], points[at + 2]) for at in range(0, len(points), 3))
