"""Folders of classes: each picture lies in the folder of its class, with folders of splits around them or not."""

import re
from pathlib import PurePosixPath

from registry.errors import InvalidDataset
from registry.training.datasets import texts
from registry.training.datasets.limits import ImportLimits
from registry.training.datasets.parsed import Parsed, ParsedImage, plain_name
from registry.training.datasets.problems import Findings, ProblemKind
from registry.training.datasets.sample import DatasetTask
from registry.training.datasets.source import Source, is_image, split_of

_CLASSES = "classes.txt"
NUMBERED = re.compile(r"class-(\d{1,6})")  # a folder that counts the lines of `classes.txt`, from 0


def looks_like(source: Source) -> bool:
    """Whether pictures lie in folders that may be classes."""
    return any(is_image(name) and _class_folder(name) for name in source.files)


def read(source: Source, findings: Findings, limits: ImportLimits, task: DatasetTask | None) -> Parsed:
    """Every picture with the class of its folder; a folder without pictures is a class, too."""
    if task not in (None, DatasetTask.CLASSIFY):
        raise InvalidDataset(f"folders of classes teach to classify, not to {task}")
    names: dict[str, int] = {}
    given = _given(source, findings, limits)
    for name in given or _found(source):
        names.setdefault(name, len(names))
    if len(names) > limits.classes:
        raise InvalidDataset(f"there are {len(names)} folders of classes, at most {limits.classes} are accepted")
    images = []
    for path in filter(is_image, source.files):
        folder = texts.class_name(_class_folder(path))
        if not folder:
            findings.leave_image(ProblemKind.IMAGE_UNLABELLED, "the picture lies in no class's folder", path)
            continue
        counted = NUMBERED.fullmatch(folder)
        line = int(counted[1]) if counted else len(given)
        label = line if line < len(given) else names.setdefault(folder, len(names))
        images.append(ParsedImage(path, plain_name(path), split_of(path), label=label))
    return Parsed(DatasetTask.CLASSIFY, list(names), images)


def _given(source: Source, findings: Findings, limits: ImportLimits) -> list[str]:
    if _CLASSES not in source.files:
        return []
    lines = texts.text_of(source.read(_CLASSES, limits.document_bytes), _CLASSES, findings).split("\n")
    return [name for name in map(texts.class_name, lines) if name]


def _found(source: Source) -> list[str]:
    folders = {_class_folder(f"{folder}/x") for folder in source.folders}
    return sorted(name for name in map(texts.class_name, folders) if name)


def _class_folder(path: str) -> str:
    parts = PurePosixPath(plain_name(path)).parts
    return parts[0] if len(parts) > 1 else ""
