"""What a writer of a format hands over: where pictures go in the archive, and the text files beside them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from registry.training.datasets.sample import Dataset, DatasetTask, Sample


@dataclass(frozen=True, slots=True)
class Layout:
    """The archive of one dataset: each sample with the path of its picture, and other files by their paths."""

    pictures: Sequence[tuple[str, Sample]]
    texts: dict[str, str]


Writer = Callable[[Dataset], Layout]

# Which tasks a format has room for.
CARRIES: dict[str, frozenset[DatasetTask]] = {
    "yolo": frozenset({DatasetTask.DETECT, DatasetTask.SEGMENT, DatasetTask.POSE}),
    "coco": frozenset({DatasetTask.DETECT, DatasetTask.SEGMENT, DatasetTask.POSE}),
    "voc": frozenset({DatasetTask.DETECT}),
    "folders": frozenset({DatasetTask.CLASSIFY}),
}


def stem_of(file: str) -> str:
    """A picture's name without what says its format."""
    return PurePosixPath(file).with_suffix("").as_posix()


def unlike(samples: Sequence[Sample]) -> list[str]:
    """A name for each sample whose part before the suffix nobody else has, so that label files do not meet."""
    seen: set[str] = set()
    names = []
    for sample in samples:
        name = sample.file
        if stem_of(name).casefold() in seen:
            name = f"{stem_of(name)}-{sample.id}{PurePosixPath(name).suffix}"
        seen.add(stem_of(name).casefold())
        names.append(name)
    return names


def number(value: float, decimals: int = 2) -> str:
    """A number without needless zeros."""
    return f"{value:.{decimals}f}".rstrip("0").rstrip(".") or "0"
