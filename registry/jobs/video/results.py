"""The result files of a video, made from its finished segments."""

import csv
import json
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from registry.jobs.files import JobFiles
from registry.jobs.running import JobRun
from registry.jobs.video.film import join
from registry.jobs.video.gallery import best_of
from registry.jobs.video.parameters import VideoParameters
from registry.jobs.video.parts import Rows, VideoParts
from registry.jobs.video.recorded import Recorded
from registry.jobs.video.tally import Tally
from registry.storage.scratch import room_for
from registry.streams.video_probe import Sight, VideoIndex

_CHUNK = 1 << 20
_MOST_LABELS = 50
_SCHEMA = pa.schema(
    [
        ("time_s", pa.float64()),
        ("picture", pa.int64()),
        ("track_id", pa.int64()),
        ("label", pa.string()),
        ("class_id", pa.int64()),
        ("score", pa.float32()),
        *((name, pa.float32()) for name in ("x1", "y1", "x2", "y2")),
    ]
)
_RECORDED = pa.field("recorded_at", pa.timestamp("ms", "UTC"))  # of what a camera recorded


@dataclass(frozen=True, slots=True)
class Finished:
    """What is finished of a video: its segments' parts, and what they come to; when it was, of a camera's."""

    parts: VideoParts
    segments: Sequence[int]
    tally: Tally
    sight: Sight
    index: VideoIndex
    labels: npt.NDArray[np.str_]
    recorded: Recorded | None = None

    @property
    def schema(self) -> pa.Schema:
        """The columns of its detections."""
        return _SCHEMA.append(_RECORDED) if self.recorded else _SCHEMA


def write_results(run: JobRun, done: Finished, asked: VideoParameters, folder: Path) -> dict[str, Any]:
    """Write the files of a run's own folder, and give the job's result. Raises StorageUnavailable."""
    with room_for("the results"):
        result = _result(done, asked)
        return {**result, "files": [_stored(run, path) for path in _made(run.files, done, asked, result, folder)]}


def _made(
    files: JobFiles, done: Finished, asked: VideoParameters, result: dict[str, Any], folder: Path
) -> Sequence[Path]:
    """The files, in the order in which they are shown."""
    made = [*_tables(done, folder), *_summaries(done, asked, folder), *_heat_map(done, folder), *_gallery(done, folder)]
    if asked.annotate and _film(files, done, folder / "annotated.mp4"):
        made.append(folder / "annotated.mp4")
    summary = folder / "summary.json"
    summary.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    order = ("annotated.mp4", "results.csv", "results.parquet", "tracks.csv", "timeline.csv", "events.csv")
    return sorted([*made, summary], key=lambda path: order.index(path.name) if path.name in order else len(order))


def _result(done: Finished, asked: VideoParameters) -> dict[str, Any]:
    width, height = done.sight.size_wh
    tally = done.tally
    times = done.index.times
    return {
        "video": {
            "name": asked.name,
            "width": width,
            "height": height,
            "duration_s": round(done.index.duration_s, 3),
            "fps": round(len(times) / done.index.duration_s, 3),
            "pictures": len(times),
            **_when(done),
        },
        "pictures": tally.pictures,
        "found": tally.found,
        "tracks": len(tally.tracks),
        "labels": dict(list(tally.by_label().items())[:_MOST_LABELS]),
        **tally.places(),
        "notes": list(done.index.notes),
    }


def _when(done: Finished) -> dict[str, str]:
    """From when to when it was recorded, where a camera did."""
    if done.recorded is None:
        return {}
    return {"recorded_from": done.recorded.text(0.0), "recorded_to": done.recorded.text(done.index.duration_s)}


def _tables(done: Finished, folder: Path) -> Iterator[Path]:
    """All detections, as Parquet and as CSV, segment by segment."""
    parquet, text = folder / "results.parquet", folder / "results.csv"
    first = 0
    with pq.ParquetWriter(parquet, done.schema) as table, pa_csv.CSVWriter(text, done.schema) as lines:
        for segment in done.segments:
            rows = done.parts.rows(segment)
            batch = _table(rows, first, done)
            table.write_table(batch)
            lines.write_table(batch)
            first += len(rows.times)
    yield parquet
    yield text


def _table(rows: Rows, first: int, done: Finished) -> pa.Table:
    counts = [len(each) for each in rows.found]
    there = [each for each in rows.found if len(each)]
    boxes = np.concatenate([each.xyxy for each in there]) if there else np.zeros((0, 4), np.float32)
    kinds = np.concatenate([each.class_id for each in there]) if there else np.zeros(0, np.int64)
    scores = np.concatenate([each.confidence for each in there]) if there else np.zeros(0, np.float32)
    ids = np.concatenate(rows.ids) if rows.ids else np.zeros(0, np.int64)
    columns: list[Any] = [
        np.repeat(np.round(rows.times, 3), counts),
        np.repeat(np.arange(first, first + len(counts)), counts),
        pa.array(ids, mask=ids < 0),
        pa.array(done.labels[kinds]),
        kinds,
        scores.astype(np.float32),
        *boxes.astype(np.float32).round(2).T,
    ]
    if done.recorded:
        moments = [done.recorded.at(at_s) for at_s in rows.times]
        columns.append([moment for moment, count in zip(moments, counts, strict=True) for _ in range(count)])
    arrays = [pa.array(each, kind) for each, kind in zip(columns, done.schema.types, strict=True)]
    return pa.Table.from_arrays(arrays, schema=done.schema)


def _summaries(done: Finished, asked: VideoParameters, folder: Path) -> Iterator[Path]:
    tally, recorded = done.tally, done.recorded
    if asked.track:
        names = ("track_id", "label", "first_s", "last_s", "pictures", "mean_score", "zones")
        when = ("recorded_from", "recorded_to") if recorded else ()
        rows = (
            (n, t.label, round(t.first_s, 3), round(t.last_s, 3), t.pictures, round(t.score / t.pictures, 4),
             " | ".join(sorted(t.zones)), *((recorded.text(t.first_s), recorded.text(t.last_s)) if recorded else ()))
            for n, t in sorted(tally.tracks.items())
        )  # fmt: skip
        yield _written(folder / "tracks.csv", (*names, *when), rows)
    seconds = (
        (second, label, round(now.seen[label] / now.pictures, 3), now.most[label])
        for second, now in sorted(tally.seconds.items())
        for label in sorted(now.most)
    )
    yield _written(folder / "timeline.csv", ("second", "label", "mean", "most"), seconds)
    if asked.zones or asked.lines:
        columns = ("time_s", "event", "place", "track_id", "label", *(("recorded_at",) if recorded else ()))
        events = ((*event, recorded.text(event[0])) if recorded else event for event in tally.events)
        yield _written(folder / "events.csv", columns, events)


def _written(path: Path, names: Sequence[str], rows: Iterable[Sequence[object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(names)
        out.writerows(rows)
    return path


def _heat_map(done: Finished, folder: Path) -> Iterator[Path]:
    width, height = done.sight.size_wh
    first = np.frombuffer(done.sight.picture, np.uint8).reshape(height * 3 // 2, width)
    drawn = done.tally.heat_map(np.asarray(cv2.cvtColor(first, cv2.COLOR_YUV2BGR_I420)))
    path = folder / "heatmap.png"
    path.write_bytes(bytes(cv2.imencode(".png", drawn)[1]))
    yield path


def _gallery(done: Finished, folder: Path) -> Iterator[Path]:
    importance = done.tally.most_of_track()
    crops = best_of((crop for segment in done.segments for crop in done.parts.crops(segment)), importance)
    if not crops:
        return
    path = folder / "gallery.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for crop in crops:
            label = done.tally.tracks[crop.track_id].label if crop.track_id in done.tally.tracks else "object"
            safe = "".join(each if each.isalnum() else "-" for each in label)[:40]
            archive.writestr(f"{crop.track_id:05d}-{safe}-{crop.at_s:.2f}s.jpg", crop.jpeg)
    yield path


def _film(files: JobFiles, done: Finished, path: Path) -> bool:
    names = [name for segment in done.segments if (name := done.parts.film(segment))]
    return join([partial(files.open, "parts", name) for name in names], path)


def _stored(run: JobRun, path: Path) -> dict[str, Any]:
    key = f"{run.ticket}/{path.name}"
    return {"name": path.name, "key": key, "size_bytes": run.files.put("results", key, _pieces(path))}


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
