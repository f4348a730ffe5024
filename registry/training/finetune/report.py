"""The files of a training's report: numbers as JSON and Parquet, pictures as PNG."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from registry.jobs.files import JobFiles
from registry.training.finetune import drawing
from registry.training.finetune.measuring import Measured
from registry.training.finetune.yolo_child import EpochReport


def write_epochs(folder: Path, reports: Sequence[EpochReport]) -> None:
    """`epochs.parquet` with a row an epoch, and `epochs.png`."""
    rows = [{"epoch": each.epoch, "seconds": each.seconds, "best": each.best, **each.figures} for each in reports]
    pq.write_table(pa.Table.from_pylist(rows), folder / "epochs.parquet")
    (folder / "epochs.png").write_bytes(drawing.epochs(reports))


def write_measured(folder: Path, measured: Measured, about: dict[str, Any]) -> None:
    """`evaluation.json`, the tables of classes, confusion and curves, and their pictures."""
    text = json.dumps({**about, **measured.to_dict()}, indent=2) + "\n"
    (folder / "evaluation.json").write_text(text, encoding="utf-8")
    pq.write_table(pa.Table.from_pylist(measured.classes), folder / "classes.parquet")
    labels = measured.confusion_labels
    pairs = [
        {"true": labels[row], "answered": labels[column], "count": int(count)}
        for row, line in enumerate(measured.confusion)
        for column, count in enumerate(line)
        if count
    ]
    schema = pa.schema([("true", pa.string()), ("answered", pa.string()), ("count", pa.int64())])
    pq.write_table(pa.Table.from_pylist(pairs, schema), folder / "confusion.parquet")
    points = [
        {"class": curve.label, "recall": float(r), "precision": float(p), "confidence": float(c)}
        for curve in measured.curves
        for r, p, c in zip(curve.recall, curve.precision, curve.confidence, strict=True)
    ]
    pq.write_table(pa.Table.from_pylist(points), folder / "precision_recall.parquet")
    (folder / "confusion.png").write_bytes(drawing.confusion(measured))
    (folder / "precision_recall.png").write_bytes(drawing.precision_recall(measured))


def store(files: JobFiles, ticket: int, folder: Path) -> list[dict[str, Any]]:
    """Put every file of the folder among the run's results; their names, keys and sizes. Raises StorageUnavailable."""
    found = []
    for path in sorted(folder.iterdir()):
        key = f"{ticket}/{path.name}"
        found.append({"name": path.name, "key": key, "size_bytes": files.put("results", key, path.read_bytes())})
    return found
