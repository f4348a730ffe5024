"""A dataset's way in: from a source into a folder in the canonical form, whole or not at all."""

import hashlib
import shutil
import unicodedata
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import ModuleType

from registry.errors import ImageTooLarge, InvalidDataset, InvalidImage, StorageUnavailable
from registry.models.quarantine import check_room
from registry.training.datasets import (
    annotations,
    problems,
    read_coco,
    read_folders,
    read_voc,
    read_yolo,
    sidecar,
)
from registry.training.datasets.clean import clean_objects, cut_to_limit
from registry.training.datasets.likeness import look_of
from registry.training.datasets.limits import DEFAULT, ImportLimits
from registry.training.datasets.parsed import Parsed, ParsedImage, full_name, plain_name
from registry.training.datasets.problems import Findings, ImportReport, ProblemKind
from registry.training.datasets.sample import Dataset, DatasetTask, Sample
from registry.training.datasets.source import Source, open_source
from registry.vision.images import decode_image

READERS: dict[str, ModuleType] = {"coco": read_coco, "voc": read_voc, "yolo": read_yolo, "folders": read_folders}
FORMATS = tuple(READERS)  # in the order in which they are recognised
_LONGEST_NAME = 180  # bytes

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the sender says about a dataset; None is found out."""

    format: str | None = None
    task: DatasetTask | None = None


def take_in(
    path: Path,
    staging: Path,
    wanted: Wanted = Wanted(),
    limits: ImportLimits = DEFAULT,
    progress: Progress = lambda _done, _total: None,
) -> tuple[Dataset, ImportReport]:
    """Read the zip archive or folder at `path` into the new folder `staging`, picture by picture.

    Raises InvalidDataset with what was found, StorageUnavailable; `staging` is gone then.
    """
    try:
        staging.mkdir(parents=True)
        with open_source(path, limits) as source:
            return _Intake(source, staging, limits, progress).run(wanted)
    except OSError as error:
        shutil.rmtree(staging, ignore_errors=True)
        raise StorageUnavailable(f"the dataset could not be kept: {error.strerror or error}") from error
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def recognise(source: Source) -> str:
    """The format of a source. Raises InvalidDataset."""
    for name, reader in READERS.items():
        if reader.looks_like(source):
            return name
    damage = read_coco.damage(source)
    raise InvalidDataset(
        f"the dataset is in none of the formats that are read: {', '.join(FORMATS)}"
        + (f"; {damage}" if damage else ""),
        hint=f"It holds {', '.join(name[:60] for name in source.files[:5]) or 'no file'}; see docs/datasets.md.",
    )


@dataclass(slots=True)
class _Intake:
    """One import."""

    source: Source
    staging: Path
    limits: ImportLimits
    progress: Progress
    findings: Findings = field(default_factory=Findings)
    names: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)

    def run(self, wanted: Wanted) -> tuple[Dataset, ImportReport]:
        """Read, clean and write everything."""
        form = wanted.format or recognise(self.source)
        if form not in READERS:
            raise InvalidDataset(f"{form[:40]!r} is no format that is read: {', '.join(FORMATS)}")
        parsed: Parsed = READERS[form].read(self.source, self.findings, self.limits, wanted.task)
        self._tell_classes_apart(parsed)
        sidecar.apply(self.source, parsed, self.findings, self.limits)
        if sum(len(image.objects) for image in parsed.images) > self.limits.objects:
            raise InvalidDataset(f"there are more than {self.limits.objects} objects, which is the limit")
        samples = self._samples(parsed)
        if not samples:
            raise InvalidDataset(
                "the dataset has no picture that can be used", details={"problems": self._first_problems()}
            )
        self._note_duplicates(samples)
        dataset = Dataset(parsed.task, tuple(parsed.classes), tuple(samples), parsed.keypoints)
        objects = sum(len(sample.class_ids) for sample in samples)
        report = self.findings.report(form, parsed.task, len(samples), objects)
        annotations.write(self.staging, dataset)
        (self.staging / problems.FILE).write_text(report.model_dump_json(), encoding="utf-8")
        return dataset, report

    def _tell_classes_apart(self, parsed: Parsed) -> None:
        seen: set[str] = set()
        for number, name in enumerate(parsed.classes):
            if name in seen:
                parsed.classes[number] = f"{name} ({number})"
                message = f"class {number} is called {name!r} like another: called {parsed.classes[number]!r}"
                self.findings.add(ProblemKind.CLASS_INVALID, "changed", message, "the classes")
            seen.add(parsed.classes[number])

    def _samples(self, parsed: Parsed) -> list[Sample]:
        samples = []
        for number, image in enumerate(parsed.images):
            self.progress(number, len(parsed.images))
            sample = self._sample(image, parsed)
            if sample is not None:
                samples.append(sample)
        self.progress(len(parsed.images), len(parsed.images))
        return sorted(samples, key=lambda sample: sample.file)

    def _sample(self, image: ParsedImage, parsed: Parsed) -> Sample | None:
        try:
            data = self.source.read(image.path, self.limits.image_bytes, "image_max_mb")
            picture = decode_image(data, self.limits.image_pixels)
        except (InvalidImage, ImageTooLarge, InvalidDataset) as error:
            self.findings.leave_image(ProblemKind.IMAGE_UNREADABLE, error.message, image.path)
            return None
        size = (picture.shape[1], picture.shape[0])
        digest = hashlib.sha256(data).hexdigest()
        image.name = self._free_name(image, digest)
        if image.size_wh and image.size_wh != size:
            message = "the labels say {} x {}, the picture has {} x {}".format(*image.size_wh, *size)
            self.findings.add(ProblemKind.SIZE_DIFFERS, "kept", message, image.path, sample=image.name)
        cut_to_limit(image, self.limits, self.findings)
        objects = clean_objects(image, parsed.task, parsed.keypoints, size, self.findings)
        if not objects and parsed.task is not DatasetTask.CLASSIFY:
            message = "no object on this picture: it counts as background"
            self.findings.add(ProblemKind.LABELS_EMPTY, "kept", message, image.path, sample=image.name)
        self._keep(image.name, data)
        return Sample(
            file=image.name,
            sha256=digest,
            width=size[0],
            height=size[1],
            look=look_of(picture),
            split=image.split,
            group=image.group,
            captured_at=image.captured_at,
            label=image.label,
            objects=objects,
        )

    def _keep(self, name: str, data: bytes) -> None:
        check_room(self.staging, len(data))
        path = self.staging / annotations.IMAGES / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def _free_name(self, image: ParsedImage, digest: str) -> str:
        """The picture's name; where that is unusable or taken, whatever the case, its path or its content's hash."""
        given = unicodedata.normalize("NFC", image.name)
        path = unicodedata.normalize("NFC", full_name(image.path))
        hashed = f"{digest[:16]}-{len(self.names)}{PurePosixPath(image.path).suffix.lower()}"
        name = next((each for each in (given, path) if _is_usable(each) and self._is_free(each)), hashed)
        if name != given and (name == hashed or image.name != plain_name(image.path)):
            message = f"{given[:80]!r} is taken or unusable as a name: called {name!r}"
            self.findings.add(ProblemKind.NAME_TAKEN, "changed", message, image.path, sample=name)
        self.names.add(name.casefold())
        self.folders.update(_folders_of(name.casefold()))
        return name

    def _is_free(self, name: str) -> bool:
        key = name.casefold()
        return key not in self.names and key not in self.folders and not _folders_of(key) & self.names

    def _note_duplicates(self, samples: list[Sample]) -> None:
        """Note pictures that are there twice, and those of them that several splits share."""
        same = defaultdict(list)
        for sample in samples:
            same[sample.sha256].append(sample)
        for first, *others in same.values():
            for other in others:
                leaks = first.split != other.split
                kind = ProblemKind.LEAK if leaks else ProblemKind.DUPLICATE
                where = f" and belongs to {first.split or 'no split'}" if leaks else ""
                message = f"the same picture as {first.file[:80]}{where}"
                self.findings.add(kind, "kept", message, other.file, sample=other.file)

    def _first_problems(self) -> list[dict[str, object]]:
        return [each.model_dump(mode="json") for each in self.findings.listed[:50]]


def _is_usable(name: str) -> bool:
    parts = PurePosixPath(name).parts
    plain = name.isprintable() and "\\" not in name and "/".join(parts) == name and not name.startswith("/")
    return bool(parts) and plain and len(name.encode()) <= _LONGEST_NAME and not any(p.startswith(".") for p in parts)


def _folders_of(name: str) -> set[str]:
    return {str(parent) for parent in PurePosixPath(name).parents} - {"."}
