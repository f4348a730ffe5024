"""What a reader makes of a format: pictures with their labels, before a pixel was looked at."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePosixPath

from registry.training.datasets.problems import Findings, ProblemKind
from registry.training.datasets.sample import DatasetTask
from registry.training.datasets.source import SPLIT_WORDS


@dataclass(slots=True)
class ParsedObject:
    """An object as its file has it: coordinates in pixels, or in shares of the picture where `relative`.

    Either `box` (x1, y1, x2, y2) or `polygons` say where it is; `keypoints` are x, y, visibility.
    """

    class_id: int
    file: str
    line: int | None = None
    box: tuple[float, ...] = ()
    polygons: list[tuple[float, ...]] = field(default_factory=list)
    keypoints: tuple[tuple[float, float, float], ...] = ()
    relative: bool = False
    where: str = ""  # names it in files without lines


@dataclass(slots=True)
class ParsedImage:
    """A picture: where it lies in the source, what it will be called, and its labels."""

    path: str
    name: str
    split: str = ""
    group: str = ""
    captured_at: datetime | None = None
    label: int | None = None
    size_wh: tuple[int, int] | None = None  # as the labels declare it
    objects: list[ParsedObject] = field(default_factory=list)


@dataclass(slots=True)
class Parsed:
    """Everything a reader found."""

    task: DatasetTask
    classes: list[str]
    images: list[ParsedImage]
    keypoints: int = 0


def plain_name(path: str) -> str:
    """What a picture is called: its path without the leading folders that only say `images` or its split."""
    parts = list(PurePosixPath(path).parts)
    seen: set[str] = set()
    while len(parts) > 1:
        kind = "images" if parts[0].lower() == "images" else "split" if parts[0].lower() in SPLIT_WORDS else ""
        if not kind or kind in seen:
            break
        seen.add(kind)
        parts.pop(0)
    return "/".join(parts)


def full_name(path: str) -> str:
    """What a picture is called where another one has its plain name: its path without the folders `images`."""
    *folders, name = PurePosixPath(path).parts
    return "/".join([*(each for each in folders if each.lower() != "images"), name])


def numbers(texts: Iterable[object]) -> tuple[float, ...] | None:
    """Finite numbers; None when one of them is not."""
    try:
        values = tuple(float(text) for text in texts)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return values if all(map(math.isfinite, values)) else None


def moment(text: str, file: str, line: int | None, findings: Findings) -> datetime | None:
    """A time as ISO 8601 has it, in UTC where it names no zone; None for none and, noted, for what is no time."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text.strip().replace("/", "-"))
    except ValueError:
        findings.add(ProblemKind.TIME_INVALID, "left out", f"{text[:40]!r} is not an ISO 8601 time", file, line)
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
