"""`samples.csv`: what no format has room for, a row for each picture; read with every format, written with most."""

import csv
import io
from collections.abc import Iterable

from registry.training.datasets import texts
from registry.training.datasets.limits import ImportLimits
from registry.training.datasets.parsed import Parsed, moment
from registry.training.datasets.problems import Findings, ProblemKind
from registry.training.datasets.sample import Sample
from registry.training.datasets.source import SPLIT_WORDS, Source

FILE = "samples.csv"
COLUMNS = ("path", "file", "split", "group", "captured_at")


def apply(source: Source, parsed: Parsed, findings: Findings, limits: ImportLimits) -> None:
    """Let the rows of the source's `samples.csv`, if there is one, say names, splits, groups and times."""
    if FILE not in source.files:
        return
    images = {image.path: image for image in parsed.images}
    for line, row in texts.rows_of(source.read(FILE, limits.document_bytes), FILE, findings):
        image = images.get(row.get("path", ""))
        if image is None:
            message = f"there is no picture {row.get('path', '')[:80]!r} with labels"
            findings.add(ProblemKind.IMAGE_MISSING, "left out", message, FILE, line)
            continue
        image.name = row.get("file") or image.name
        if "split" in row:
            image.split = SPLIT_WORDS.get(row["split"].lower(), "")
        image.group = texts.class_name(row.get("group", ""))
        image.captured_at = moment(row.get("captured_at", ""), FILE, line, findings) or image.captured_at


def rows(samples: Iterable[tuple[str, Sample]]) -> str:
    """The file's content for samples and where each lies in the archive."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for path, sample in samples:
        when = sample.captured_at.isoformat() if sample.captured_at else ""
        writer.writerow([path, sample.file, sample.split, sample.group, when])
    return out.getvalue()
