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
from registry.jobs.batch_table import rows_in, schema_of, table_of
from registry.jobs.files import JobFiles
from registry.runtime.card import ModelCard
from registry.storage.scratch import room_for

MOST_LISTED = 1_000  # failed images in the job itself; all of them are in results.jsonl
_MOST_LABELS = 50
_CHUNK = 1 << 20


def write_results(files: JobFiles, ticket: int, parts: Parts, card: ModelCard, *, annotated: bool) -> dict[str, Any]:
    """Write the files of a run's own folder, and give the job's result. Raises StorageUnavailable."""
    tally = _Tally()
    with room_for("the results"), tempfile.TemporaryDirectory(prefix="nexusai-batch-") as scratch:
        made = {"results.jsonl": Path(scratch, "results.jsonl"), "results.parquet": Path(scratch, "results.parquet")}
        names = _write_tables(parts, schema_of(card), made, tally)
        if annotated:
            made["annotated.zip"] = Path(scratch, "annotated.zip")
            _write_pictures(parts, names, made["annotated.zip"])
        stored = [_stored(files, ticket, name, path) for name, path in made.items()]
    return {**tally.result(), "task": str(card.task), "files": stored}


class _Tally:
    """What a batch came to."""

    def __init__(self) -> None:
        self._images = self._found = self._failed_total = 0
        self._labels: Counter[str] = Counter()
        self._failed: list[dict[str, str]] = []

    def count(self, lines: list[dict[str, Any]]) -> None:
        """Some images."""
        self._images += len(lines)
        for line in lines:
            if "error" in line:
                self._failed_total += 1
                if len(self._failed) < MOST_LISTED:
                    self._failed.append({"file": line["file"], **line["error"]})
                continue
            found = rows_in(line)
            shown = found[:1] if "classes" in line else found
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


def _write_tables(parts: Parts, schema: pa.Schema, made: dict[str, Path], tally: _Tally) -> list[str]:
    """Both tables in one pass; the names of the images."""
    names = []
    with made["results.jsonl"].open("wb") as out, pq.ParquetWriter(made["results.parquet"], schema) as table:
        for part in parts.lines():
            out.writelines(line + b"\n" for line in part)
            lines = [orjson.loads(line) for line in part]
            names += [line["file"] for line in lines]
            tally.count(lines)
            table.write_table(table_of(schema, lines))
    return names


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
