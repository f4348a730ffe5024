"""The result files of a batch, made from its parts: JSON Lines, Parquet and, on request, a zip of pictures."""

import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from registry.jobs.batch_parts import Parts
from registry.jobs.files import JobFiles
from registry.models.answer import rows_of
from registry.runtime.card import Task

MOST_LISTED = 1_000  # failed images in the job itself; all of them are in results.jsonl
_MOST_LABELS = 50
_CHUNK = 1 << 20
_BOX = [(name, pa.float64()) for name in ("x1", "y1", "x2", "y2")]
_FOUND = [("label", pa.string()), ("class_id", pa.int64()), ("score", pa.float64())]
_COLUMNS: dict[str, list[tuple[str, pa.DataType]]] = {
    Task.DETECT: [*_FOUND, *_BOX],
    Task.SEGMENT: [*_FOUND, *_BOX, ("area", pa.int64())],
    Task.POSE: [*_FOUND, *_BOX, ("keypoints", pa.list_(pa.list_(pa.float64())))],
    Task.CLASSIFY: _FOUND,
    Task.EMBED: [("embedding", pa.list_(pa.float32()))],
    Task.OCR: [("text", pa.string()), ("score", pa.float64()), *_BOX],
}


def write_results(files: JobFiles, ticket: int, parts: Parts, task: str, *, annotated: bool) -> dict[str, Any]:
    """Write the files of a run's own folder, and give the job's result. Raises StorageUnavailable."""
    tally = _Tally()
    with tempfile.TemporaryDirectory(prefix="nexusai-batch-") as scratch:
        made = {"results.jsonl": Path(scratch, "results.jsonl"), "results.parquet": Path(scratch, "results.parquet")}
        names = _write_tables(parts, task, made, tally)
        if annotated:
            made["annotated.zip"] = Path(scratch, "annotated.zip")
            _write_pictures(parts, names, made["annotated.zip"])
        stored = [_stored(files, ticket, name, path) for name, path in made.items()]
    return {**tally.result(), "task": task, "files": stored}


class _Tally:
    """What a batch came to."""

    def __init__(self) -> None:
        self._images = self._found = self._failed_total = 0
        self._labels: Counter[str] = Counter()
        self._failed: list[dict[str, str]] = []

    def count(self, line: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        """One image."""
        self._images += 1
        if "error" in line:
            self._failed_total += 1
            if len(self._failed) < MOST_LISTED:
                self._failed.append({"file": line["file"], **line["error"]})
            return
        shown = rows[:1] if "classes" in line else rows
        self._found += len(shown)
        self._labels.update(row["label"] for row in shown if "label" in row)

    def result(self) -> dict[str, Any]:
        """As the job keeps it."""
        return {
            "images": self._images,
            "answered": self._images - self._failed_total,
            "found": self._found,
            "labels": dict(self._labels.most_common(_MOST_LABELS)),
            "failed": self._failed,
            "failed_total": self._failed_total,
        }


def _write_tables(parts: Parts, task: str, made: dict[str, Path], tally: _Tally) -> list[str]:
    """Both tables in one pass; the names of the images."""
    schema = pa.schema([("file", pa.string()), *_COLUMNS[task]])
    names = []
    with made["results.jsonl"].open("wb") as lines, pq.ParquetWriter(made["results.parquet"], schema) as table:
        for part in parts.rows():
            found: list[dict[str, Any]] = []
            for line in part:
                rows = [] if "error" in line else _rows(line)
                tally.count(line, rows)
                names.append(line["file"])
                found += [{"file": line["file"], **row} for row in rows]
                lines.write(orjson.dumps(line) + b"\n")
            table.write_table(pa.Table.from_pylist(found, schema))
    return names


def _rows(line: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"embedding": line["embedding"]}] if line.get("embedding") else rows_of(line)


def _write_pictures(parts: Parts, names: list[str], path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for index, jpeg in parts.pictures():
            stem = PurePosixPath(names[index]).stem[:80]
            archive.writestr(f"{index:06d}-{stem}.jpg", jpeg)


def _stored(files: JobFiles, ticket: int, name: str, path: Path) -> dict[str, Any]:
    key = f"{ticket}/{name}"
    return {"name": name, "key": key, "size_bytes": files.put("results", key, _pieces(path))}


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def first_pictures(file: Any, most: int) -> Iterable[tuple[str, bytes]]:
    """The first pictures of an `annotated.zip` with their names."""
    with zipfile.ZipFile(file) as archive:
        for name in archive.namelist()[:most]:
            yield name, archive.read(name)
