"""What an import found: every problem with its place, and what was done about it."""

from collections import Counter
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from registry.training.datasets.sample import DatasetTask

MOST_LISTED = 2_000
FILE = "report.json"

Effect = Literal["left out", "changed", "kept"]

EXAMPLE: JsonDict = {  # of a report, for the API's document
    "format": "coco",
    "task": "detect",
    "images": 1250,
    "objects": 4031,
    "images_left_out": 1,
    "objects_left_out": 0,
    "counts": {"image_unreadable": 1},
    "problems": [
        {
            "kind": "image_unreadable",
            "effect": "left out",
            "file": "images/0042.jpg",
            "line": None,
            "sample": "",
            "message": "the file ends in the middle of the picture",
        }
    ],
    "equals_version": None,
}


class ProblemKind(StrEnum):
    """The kinds of problems, as reports and filters name them."""

    IMAGE_UNREADABLE = "image_unreadable"
    IMAGE_MISSING = "image_missing"
    IMAGE_UNLABELLED = "image_unlabelled"
    IMAGE_AMBIGUOUS = "image_ambiguous"
    SIZE_DIFFERS = "size_differs"
    LABELS_UNREADABLE = "labels_unreadable"
    LABELS_EMPTY = "labels_empty"
    ENCODING = "encoding"
    NOT_A_NUMBER = "not_a_number"
    OUT_OF_BOUNDS = "out_of_bounds"
    BOX_EMPTY = "box_empty"
    BOX_DUPLICATE = "box_duplicate"
    CLASS_UNNAMED = "class_unnamed"
    CLASS_INVALID = "class_invalid"
    OUTLINE_INVALID = "outline_invalid"
    POINTS_INVALID = "points_invalid"
    TOO_MANY_OBJECTS = "too_many_objects"
    DUPLICATE = "duplicate"
    LEAK = "leak"
    NAME_TAKEN = "name_taken"
    FIELD_IGNORED = "field_ignored"
    TIME_INVALID = "time_invalid"


class Problem(BaseModel):
    """One problem: the file (and its line, where it has lines) as the source names it, and the sample it touches."""

    model_config = ConfigDict(frozen=True)

    kind: ProblemKind
    effect: Effect
    file: str
    line: int | None = None
    sample: str = ""
    message: str


class ImportReport(BaseModel):
    """What came in and what did not."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [EXAMPLE]})

    format: str
    task: DatasetTask
    images: int
    objects: int
    images_left_out: int
    objects_left_out: int
    counts: dict[str, int] = Field(default_factory=dict, description="problems by kind, those not listed included")
    problems: tuple[Problem, ...] = ()
    equals_version: int | None = Field(
        None, description="the newest version, where it holds exactly this: then no version was made"
    )


class Findings:
    """Collects problems while a dataset is read; the first are kept in full, all are counted."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.listed: list[Problem] = []
        self.images_left_out = self.objects_left_out = 0

    def add(
        self,
        kind: ProblemKind,
        effect: Effect,
        message: str,
        file: str,
        line: int | None = None,
        sample: str = "",
    ) -> None:
        """Note a problem."""
        self.counts[kind.value] += 1
        if len(self.listed) < MOST_LISTED:
            self.listed.append(
                Problem(kind=kind, effect=effect, file=file[:240], line=line, sample=sample, message=message[:300])
            )

    def leave_image(self, kind: ProblemKind, message: str, file: str, line: int | None = None) -> None:
        """Note a problem that keeps a picture out."""
        self.images_left_out += 1
        self.add(kind, "left out", message, file, line)

    def leave_object(
        self, kind: ProblemKind, message: str, file: str, line: int | None = None, sample: str = ""
    ) -> None:
        """Note a problem that keeps an object out."""
        self.objects_left_out += 1
        self.add(kind, "left out", message, file, line, sample)

    def report(self, form: str, task: DatasetTask, images: int, objects: int) -> ImportReport:
        """The report of an import that ended."""
        return ImportReport(
            format=form,
            task=task,
            images=images,
            objects=objects,
            images_left_out=self.images_left_out,
            objects_left_out=self.objects_left_out,
            counts=dict(sorted(self.counts.items())),
            problems=tuple(self.listed),
        )
