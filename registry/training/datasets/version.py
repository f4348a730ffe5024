"""A version that is open for reading: its samples, its report, its figures."""

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path

from pydantic import ValidationError

from registry.errors import DatasetNotFound, InvalidInput
from registry.training.datasets import annotations, problems
from registry.training.datasets.problems import ImportReport, ProblemKind
from registry.training.datasets.sample import Dataset, Sample
from registry.training.datasets.statistics import Statistics, statistics_of

NO_SPLIT = "none"


class OpenVersion:
    """The content of a version's folder; it never changes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.dataset: Dataset = annotations.read(folder)
        self.report = _report(folder)

    @cached_property
    def statistics(self) -> Statistics:
        """The figures, counted when they are first asked for."""
        return statistics_of(self.dataset)

    @cached_property
    def problems(self) -> dict[str, set[str]]:
        """The kinds of problems of each sample that has some, by file name."""
        found = defaultdict(set)
        for each in self.report.problems if self.report else ():
            if each.sample:
                found[each.sample].add(each.kind.value)
        return dict(found)

    def sample(self, sample_id: str) -> Sample:
        """The sample of an id. Raises DatasetNotFound."""
        found = self._by_id.get(sample_id)
        if found is None:
            raise DatasetNotFound(f"this version has no sample {sample_id[:32]!r}")
        return found

    def select(self, *, split: str = "", label: str = "", problem: str = "", search: str = "") -> Sequence[Sample]:
        """The samples of a split (`none` is those without), with a class, with a kind of problem, or called so.

        Raises InvalidInput for a class or a kind that there is not.
        """
        if label and label not in self.dataset.classes:
            raise InvalidInput(f"this version has no class {label[:40]!r}")
        if problem and problem not in {"any", *ProblemKind}:
            raise InvalidInput(f"{problem[:40]!r} is no kind of problem: any, {', '.join(ProblemKind)}")
        class_id = self.dataset.classes.index(label) if label else None
        wanted = "" if split == NO_SPLIT else split
        needle = search.casefold()
        return [
            sample
            for sample in self.dataset.samples
            if (not split or sample.split == wanted)
            and (class_id is None or class_id in sample.class_ids)
            and (not problem or self._has(sample, problem))
            and needle in sample.file.casefold()
        ]

    def _has(self, sample: Sample, problem: str) -> bool:
        kinds = self.problems.get(sample.file, set())
        return bool(kinds) if problem == "any" else problem in kinds

    @cached_property
    def _by_id(self) -> dict[str, Sample]:
        return {sample.id: sample for sample in self.dataset.samples}


@lru_cache(maxsize=4)
def open_version(folder: Path, sha256: str) -> OpenVersion:  # noqa: ARG001 - tells a folder's contents apart
    """The version in a folder; the last few stay in memory."""
    return OpenVersion(folder)


def _report(folder: Path) -> ImportReport | None:
    try:
        return ImportReport.model_validate_json((folder / problems.FILE).read_bytes())
    except (OSError, ValidationError):
        return None
