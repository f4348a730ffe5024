"""What is finished of a video: for each segment its detections, its film and its best pictures of tracks."""

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import supervision as sv

from registry.jobs.files import JobFiles

_ARRAYS = ("times", "counts", "xyxy", "confidence", "class_id", "tracker_id")
Ints = npt.NDArray[np.int64]


@dataclass(slots=True)
class Rows:
    """The detections of a segment's pictures, in the order in which the model gave them; -1 is in no track."""

    times: list[float] = field(default_factory=list)
    found: list[sv.Detections] = field(default_factory=list)
    ids: list[Ints] = field(default_factory=list)

    def add(self, at_s: float, found: sv.Detections, ids: Ints | None = None) -> None:
        """The next picture's."""
        self.times.append(at_s)
        self.found.append(found)
        self.ids.append(np.full(len(found), -1) if ids is None else ids)

    def pack(self) -> bytes:
        """As bytes to be stored."""
        out = io.BytesIO()
        np.savez_compressed(
            out,
            times=np.array(self.times, np.float64),
            counts=np.array([len(each) for each in self.found], np.int64),
            xyxy=_joined([each.xyxy for each in self.found], (0, 4), np.float32),
            confidence=_joined([each.confidence for each in self.found], (0,), np.float32),
            class_id=_joined([each.class_id for each in self.found], (0,), np.int64),
            tracker_id=_joined(list(self.ids), (0,), np.int64),
        )
        return out.getvalue()

    @classmethod
    def unpack(cls, data: bytes, labels: npt.NDArray[np.str_]) -> "Rows":
        """What `pack` made, with names by class id."""
        with np.load(io.BytesIO(data), allow_pickle=False) as kept:
            arrays = {name: kept[name] for name in _ARRAYS}
        rows, first = cls(), 0
        for at_s, count in zip(arrays["times"].tolist(), arrays["counts"].tolist(), strict=True):
            place = slice(first, first + count)
            first += count
            class_id = arrays["class_id"][place]
            found = sv.Detections(
                xyxy=arrays["xyxy"][place],
                confidence=arrays["confidence"][place],
                class_id=class_id,
                data={"class_name": labels[class_id], "row": np.arange(count)},
            )
            rows.add(at_s, found, arrays["tracker_id"][place])
        return rows


@dataclass(frozen=True, slots=True)
class Crop:
    """The best picture of a track so far."""

    track_id: int
    at_s: float
    quality: float
    jpeg: bytes


class VideoParts:
    """The parts of one job. A segment is finished when its rows are there, which are stored last."""

    def __init__(self, files: JobFiles, labels: npt.NDArray[np.str_]) -> None:
        self._files, self._labels = files, labels
        self._names = set(files.names("parts"))

    def has(self, segment: int) -> bool:
        """Whether a segment is finished."""
        return f"{segment:06d}.npz" in self._names

    def was_looked_at(self, segment: int) -> bool:
        """Whether it is known what the model found in a segment."""
        return _found_in(segment) in self._names

    def looked(self, segment: int) -> Rows | None:
        """What the model found in a segment that is not finished, if that is known."""
        return self.unpack(self._files.get("parts", _found_in(segment))) if self.was_looked_at(segment) else None

    def keep_found(self, segment: int, rows: Rows) -> None:
        """Store what the model found, before anything follows from it."""
        self._put(_found_in(segment), rows.pack())

    def unpack(self, packed: bytes) -> Rows:
        """Rows that somebody packed, with this version's names."""
        return Rows.unpack(packed, self._labels)

    def finish(self, segment: int, rows: Rows, crops: list[Crop], film: Iterator[bytes] | None) -> None:
        """Store a segment. Raises StorageUnavailable."""
        if film is not None:
            self._put(f"{segment:06d}.mkv", film)
        self._put(f"{segment:06d}.zip", _packed(crops))
        self._put(f"{segment:06d}.npz", rows.pack())

    def rows(self, segment: int) -> Rows:
        """The rows of a finished segment."""
        return self.unpack(self._files.get("parts", f"{segment:06d}.npz"))

    def crops(self, segment: int) -> list[Crop]:
        """The pictures of a finished segment's tracks."""
        with zipfile.ZipFile(io.BytesIO(self._files.get("parts", f"{segment:06d}.zip"))) as archive:
            about = json.loads(archive.read("about.json"))
            return [
                Crop(track_id, at_s, quality, archive.read(f"{number}.jpg"))
                for number, (track_id, at_s, quality) in enumerate(about)
            ]

    def film(self, segment: int) -> str:
        """The name of a finished segment's film; empty where there is none."""
        name = f"{segment:06d}.mkv"
        return name if name in self._names else ""

    def _put(self, name: str, content: bytes | Iterator[bytes]) -> None:
        self._files.put("parts", name, content)
        self._names.add(name)


def _found_in(segment: int) -> str:
    return f"{segment:06d}.found.npz"


def _packed(crops: list[Crop]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("about.json", json.dumps([[each.track_id, each.at_s, each.quality] for each in crops]))
        for number, each in enumerate(crops):
            archive.writestr(f"{number}.jpg", each.jpeg)
    return out.getvalue()


def _joined(
    arrays: list[npt.NDArray[np.generic] | None], empty: tuple[int, ...], kind: type
) -> npt.NDArray[np.generic]:
    there = [each for each in arrays if each is not None and len(each)]
    return np.concatenate(there).astype(kind) if there else np.zeros(empty, kind)
