"""What a report says of pictures that give a split away to another one."""

from collections.abc import Iterator, Sequence

from registry.training.datasets import problems
from registry.training.datasets.likeness import Components, join_alike
from registry.training.datasets.problems import Findings, ImportReport, ProblemKind
from registry.training.datasets.sample import SPLITS, Sample


def with_held_out(report: ImportReport, files: Sequence[str]) -> ImportReport:
    """The report with a problem for every sample that may not be used because of the test."""
    findings = Findings()
    for file in files:
        message = "like a picture of the fixed test, of its group, or meant for the test later: in no split"
        findings.add(ProblemKind.LEAK, "changed", message, file, sample=file)
    return _joined(report, findings)


def with_alike(report: ImportReport, samples: Sequence[Sample]) -> ImportReport:
    """The report with a problem for every sample that looks like one of another split; equal ones are told already."""
    findings = Findings()
    for sample, other in _alike_across(samples):
        message = f"looks like {other.file[:80]}, which belongs to {other.split}"
        findings.add(ProblemKind.LEAK, "kept", message, sample.file, sample=sample.file)
    return _joined(report, findings)


def _alike_across(samples: Sequence[Sample]) -> Iterator[tuple[Sample, Sample]]:
    """Each sample of val or test that is like one of a split before its own, directly or through others, with that."""
    divided = [sample for sample in samples if sample.split]
    if len({sample.split for sample in divided}) < 2:
        return
    together = Components(len(divided))
    join_alike(together, [sample.look for sample in divided])
    for group in together.groups():
        first = min((divided[member] for member in group), key=lambda sample: SPLITS.index(sample.split))
        for sample in (divided[member] for member in group):
            if sample.split != first.split and sample.sha256 != first.sha256:
                yield sample, first


def _joined(report: ImportReport, findings: Findings) -> ImportReport:
    counts = {kind: report.counts.get(kind, 0) + findings.counts[kind] for kind in {*report.counts, *findings.counts}}
    listed = (*report.problems, *findings.listed)[: problems.MOST_LISTED]
    return report.model_copy(update={"counts": dict(sorted(counts.items())), "problems": listed})
