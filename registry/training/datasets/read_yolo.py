"""YOLO: a text file beside each picture, a line for each object, and a YAML file that names the classes.

Of the YAML only names, counts and the folders of the splits are read, as data; it is never handed to anybody.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from posixpath import normpath
from typing import Any

from registry.errors import InvalidDataset
from registry.training.datasets import texts
from registry.training.datasets.limits import ImportLimits
from registry.training.datasets.parsed import Parsed, ParsedImage, ParsedObject, numbers, plain_name
from registry.training.datasets.problems import Findings, ProblemKind
from registry.training.datasets.sample import SPLITS, DatasetTask
from registry.training.datasets.source import Source, is_image, split_of

_MOST_KEYPOINTS = 1_000
_NEVER = {"download": "programs and addresses in a dataset are never run or opened"}


@dataclass(slots=True)
class _Config:
    file: str = ""
    names: dict[int, str] = field(default_factory=dict)
    splits: dict[str, str] = field(default_factory=dict)  # of a folder or a picture
    keypoints: int = 0
    values: int = 3  # of one key point


def looks_like(source: Source) -> bool:
    """Whether there are label files beside pictures."""
    files = set(source.files)
    return any(_label_file(name, files) for name in source.files if is_image(name))


def read(source: Source, findings: Findings, limits: ImportLimits, task: DatasetTask | None) -> Parsed:
    """Every picture with the lines of its label file. Raises InvalidDataset."""
    config = _config(source, findings, limits)
    files = set(source.files)
    if config.keypoints and task is None:
        task = DatasetTask.POSE
    images, labelled, outlines = [], set(), False
    for name in filter(is_image, source.files):
        label_file = _label_file(name, files)
        image = ParsedImage(name, plain_name(name), _split(name, config))
        if label_file:
            labelled.add(label_file)
            image.objects = _objects(source, label_file, config, findings, limits)
            outlines = outlines or any(each.polygons for each in image.objects)
        images.append(image)
    _note_orphans(files - labelled, findings)
    classes = _classes(images, config, findings)
    found = task or (DatasetTask.SEGMENT if outlines else DatasetTask.DETECT)
    return Parsed(found, classes, images, config.keypoints if found is DatasetTask.POSE else 0)


def _config(source: Source, findings: Findings, limits: ImportLimits) -> _Config:
    candidates = [name for name in source.files if name.endswith((".yaml", ".yml")) and name.count("/") <= 2]
    for name in sorted(candidates, key=lambda each: (each.count("/"), each)):
        content = texts.yaml_of(source.read(name, limits.label_bytes), name, findings)
        if "names" in content or "nc" in content:
            return _parse_config(source, name, content, findings, limits)
    return _Config()


def _parse_config(
    source: Source, file: str, content: Mapping[str, Any], findings: Findings, limits: ImportLimits
) -> _Config:
    made = _Config(file, _names(file, content, limits))
    for key, why in _NEVER.items():
        if key in content:
            findings.add(ProblemKind.FIELD_IGNORED, "left out", f"`{key}`: {why}", file)
    base = _inside(file, content.get("path"), "path", findings)
    for split in SPLITS:
        for place in _texts(
            content.get("val" if split == "val" else split) or content.get("valid", None)
            if split == "val"
            else content.get(split)
        ):
            inside = _inside(file, place, split, findings, base)
            if inside is not None:
                _add_split(source, made, split, inside, findings, limits)
    shape = content.get("kpt_shape")
    if isinstance(shape, list) and len(shape) == 2 and all(isinstance(each, int) for each in shape):
        made.keypoints, made.values = min(max(shape[0], 0), _MOST_KEYPOINTS), 2 if shape[1] == 2 else 3
    return made


def _names(file: str, content: Mapping[str, Any], limits: ImportLimits) -> dict[int, str]:
    names = content.get("names", {})
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict):
        raise InvalidDataset(f"{file}: `names` is a {type(names).__name__} where a list or mapping was expected")
    found = {}
    for key, value in names.items():
        name = texts.class_name(value)
        if not (isinstance(key, int) and 0 <= key < limits.classes and name):
            raise InvalidDataset(f"{file}: `names` has {str(key)[:20]!r}: {str(value)[:40]!r}, which names no class")
        found[key] = name
    return found


def _texts(value: Any) -> list[str]:
    return (
        [value]
        if isinstance(value, str)
        else [each for each in value if isinstance(each, str)]
        if isinstance(value, list)
        else []
    )


def _inside(file: str, value: Any, key: str, findings: Findings, base: str | None = "") -> str | None:
    """A place named in a YAML file as a path in the source; None, noted, for one that leads out of it."""
    if not isinstance(value, str) or not value:
        return None
    path = normpath(PurePosixPath(file).parent.joinpath(base or "", value.replace("\\", "/")).as_posix())
    if value.startswith(("/", "~")) or "://" in value or path.startswith("..") or ":" in value.split("/")[0]:
        findings.add(ProblemKind.FIELD_IGNORED, "left out", f"`{key}: {value[:80]}` leads out of the dataset", file)
        return None
    return "" if path == "." else path


def _add_split(
    source: Source, config: _Config, split: str, place: str, findings: Findings, limits: ImportLimits
) -> None:
    """Note which pictures a folder, or a text file with a picture on each line, assigns to a split."""
    if not place.endswith(".txt"):
        config.splits.setdefault(place, split)
        return
    if place not in source.files:
        findings.add(ProblemKind.FIELD_IGNORED, "left out", f"`{split}: {place}` is not there", config.file)
        return
    lines = texts.text_of(source.read(place, limits.document_bytes), place, findings).splitlines()
    for line in filter(None, map(str.strip, lines)):
        inside = _inside(place, line, split, findings)
        config.splits.setdefault(inside if inside in source.files else normpath(line), split)


def _split(name: str, config: _Config) -> str:
    path = PurePosixPath(name)
    for place in [name, *(str(parent) for parent in path.parents)]:
        if place in config.splits and place != ".":
            return config.splits[place]
    return split_of(name)


def _label_file(name: str, files: set[str]) -> str:
    """Where the labels of a picture lie: below `labels` instead of `images`, else beside it."""
    path = PurePosixPath(name).with_suffix(".txt")
    parts = list(path.parts)
    for index in range(len(parts) - 2, -1, -1):
        if parts[index] == "images":
            moved = "/".join([*parts[:index], "labels", *parts[index + 1 :]])
            if moved in files:
                return moved
    return str(path) if str(path) in files else ""


def _objects(
    source: Source, file: str, config: _Config, findings: Findings, limits: ImportLimits
) -> list[ParsedObject]:
    try:
        lines = texts.text_of(source.read(file, limits.label_bytes), file, findings).splitlines()
    except InvalidDataset as error:
        findings.add(ProblemKind.LABELS_UNREADABLE, "left out", error.message, file)
        return []
    found = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            made = _object(line.split(), file, number, config, findings, limits)
            if made is not None:
                found.append(made)
    return found


def _object(
    words: list[str], file: str, line: int, config: _Config, findings: Findings, limits: ImportLimits
) -> ParsedObject | None:
    values = numbers(words)
    if values is None:
        shown = " ".join(words)[:60]
        findings.leave_object(ProblemKind.NOT_A_NUMBER, f"{shown!r} is not a row of finite numbers", file, line)
        return None
    class_id, rest = values[0], values[1:]
    if class_id != int(class_id) or not 0 <= class_id < limits.classes:
        findings.leave_object(ProblemKind.CLASS_INVALID, f"{words[0][:20]!r} is not a class id", file, line)
        return None
    made = ParsedObject(int(class_id), file, line, relative=True)
    points = config.keypoints * config.values
    if len(rest) == 4 or (points and len(rest) == 4 + points):
        x, y, width, height = rest[:4]
        made.box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        made.keypoints = _keypoints(rest[4:], config.values)
    elif len(rest) >= 6 and len(rest) % 2 == 0:
        made.polygons = [rest]
    else:
        kind = ProblemKind.OUTLINE_INVALID if len(rest) > 4 else ProblemKind.LABELS_UNREADABLE
        findings.leave_object(kind, f"a class and {len(rest)} numbers are neither a box nor an outline", file, line)
        return None
    return made


def _keypoints(values: tuple[float, ...], each: int) -> tuple[tuple[float, float, float], ...]:
    groups = [values[place : place + each] for place in range(0, len(values), each)]
    return tuple((group[0], group[1], group[2] if each == 3 else 2.0) for group in groups)


def _classes(images: list[ParsedImage], config: _Config, findings: Findings) -> list[str]:
    names = dict(config.names)
    for item in (each for image in images for each in image.objects):
        if item.class_id not in names:
            names[item.class_id] = f"class {item.class_id}"
            message = (
                f"class {item.class_id} has no name in {config.file or 'any YAML file'}: called `class {item.class_id}`"
            )
            findings.add(ProblemKind.CLASS_UNNAMED, "changed", message, item.file, item.line)
    places = {number: place for place, number in enumerate(sorted(names))}
    for item in (each for image in images for each in image.objects):
        item.class_id = places[item.class_id]
    return [names[number] for number in places]


def _note_orphans(files: Iterable[str], findings: Findings) -> None:
    for name in sorted(files):
        path = PurePosixPath(name)
        if path.suffix == ".txt" and "labels" in path.parts and path.name not in ("classes.txt", "labels.txt"):
            findings.leave_image(ProblemKind.IMAGE_MISSING, "there is no picture for these labels", name)
