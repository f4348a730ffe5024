"""Video analysis: every picture of a job's video through one version, followed, counted and drawn; resumable."""

import tempfile
import threading
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import supervision as sv

from registry.errors import InvalidVideo
from registry.jobs.in_mlflow import note_in_mlflow
from registry.jobs.rooms import JobRooms
from registry.jobs.running import JobRun, Result
from registry.jobs.video.detecting import Found, Model
from registry.jobs.video.drawing import Painter
from registry.jobs.video.film import Piece
from registry.jobs.video.gallery import Best
from registry.jobs.video.looking import SLACK_S, Ahead, SegmentAsked, Sighted, Spread, opened
from registry.jobs.video.parameters import VideoParameters
from registry.jobs.video.parts import Rows, VideoParts
from registry.jobs.video.recorded import recorded_of
from registry.jobs.video.results import Finished, write_results
from registry.jobs.video.scene import Look, Scene
from registry.jobs.video.segments import Segment, cut
from registry.jobs.video.tally import Tally
from registry.runtime.machine import usable_cores
from registry.streams.frames import UInt8

_STAGE = "looking at the video"
_CATCH_UP_S = 1.0  # for what was found ahead when it is cancelled


def analyse_video(run: JobRun, rooms: JobRooms, lanes: int = 0, spread: Spread | None = None) -> Result:
    """Look at the pictures that are not finished yet, then write the results; cancelled, those of what is finished.

    `lanes` segments are looked at side by side, 0 lets the machine decide; with `spread` others look at them.
    Raises NotFound, Forbidden or InvalidVideo where version, file or the owner's right is gone, Unavailable where
    something is away.
    """
    parameters = VideoParameters.model_validate(run.parameters)
    video, model = opened(rooms, run.owner(), parameters, run.files)
    try:
        run.progress(0, 0, "reading through the file")
        sighted = Sighted.read(video, parameters.sampling)
        with tempfile.TemporaryDirectory(prefix="nexusai-video-") as folder:
            work = _Work(run, sighted, parameters, model, folder)
            work.go(lanes or max(1, min(4, usable_cores() // 4)), spread)
            result = write_results(run, work.finished(), parameters, Path(folder))
    finally:
        video.close()
    figures = {"pictures": result["pictures"], "found": result["found"], "tracks": result["tracks"]}
    note_in_mlflow(rooms.models, run, {name: float(value) for name, value in figures.items()})
    return {**result, "model": {"name": model.ready.version.name, "version": model.ready.version.version}}


@dataclass(slots=True)
class _Work:
    """One run over one video."""

    run: JobRun
    sighted: Sighted
    asked: VideoParameters
    model: Model
    folder: str
    segments: list[Segment] = field(init=False)
    parts: VideoParts = field(init=False)
    scene: Scene = field(init=False)
    tally: Tally = field(init=False)
    _open: "_Open | None" = None
    _total: int = 0
    _looked: int = 0  # pictures that lanes are done with; each counts once more when it is followed
    _looked_lock: threading.Lock = field(default_factory=threading.Lock)
    _until: float | None = None

    def __post_init__(self) -> None:
        size_wh = self.sighted.sight.size_wh
        self.segments = cut(self.sighted.index, self.sighted.sampling)
        self.parts = VideoParts(self.run.files, self.model.labels)
        self.scene = Scene(self.asked, size_wh, self.fps)
        names = [each.name for each in self.scene.zones], [each.name for each in self.scene.lines]
        self.tally = Tally(size_wh, *names)

    @property
    def fps(self) -> float:
        """How many pictures a second are looked at, usually."""
        film_fps = self.sighted.index.fps
        return min(self.asked.fps or film_fps, film_fps) / self.asked.every

    def go(self, lanes: int, spread: Spread | None) -> None:
        """Everything up to the end, or until it is cancelled. Raises InvalidVideo where no picture can be decoded."""
        left = [each for each in self.segments if not self.parts.has(each.number)]
        ahead = self._ahead(left, lanes, spread)
        self._total = sum(each.count for each in self.segments) * (1 if ahead is None else 2)
        for each in self.segments[: len(self.segments) - len(left)]:
            self._replay(self.parts.rows(each.number), looked=ahead is not None)
        try:
            self._follow(left, ahead)
        finally:
            if self._open is not None:
                self._open.discard()
        if not self.tally.pictures:
            self.run.check()
            raise InvalidVideo("no picture of the video can be decoded")
        self.run.progress(self.tally.pictures, self.tally.pictures, "writing the results")

    def finished(self) -> Finished:
        """What the results are made of."""
        done = [each.number for each in self.segments if self.parts.has(each.number)]
        recorded, film = recorded_of(self.run.files), self.sighted
        return Finished(self.parts, done, self.tally, film.sight, film.index, self.model.labels, recorded)

    def _ahead(self, left: list[Segment], lanes: int, spread: Spread | None) -> Generator[Rows] | None:
        """What is in each of these segments, found ahead of who follows; None where one look after the other does."""
        ahead = Ahead(self.sighted, self.model, self.parts, self._stopped, self._tell)
        if spread is not None:
            about = self.run.job_id, self.run.owner_id, self.run.parameters
            return ahead.elsewhere(left, partial(SegmentAsked, *about), spread)
        return ahead.side_by_side(left, lanes) if lanes > 1 else None

    def _replay(self, rows: Rows, *, looked: bool) -> None:
        """Bring scene and tally to where they were after a segment that is finished."""
        for at_s, found in zip(rows.times, rows.found, strict=True):
            self.tally.look(self.scene.look(at_s, found))
        self._tell(len(rows.times) if looked else 0)

    def _follow(self, left: list[Segment], ahead: Generator[Rows] | None) -> None:
        """The pictures of the segments that are left, in their order."""
        painter = Painter(self.asked, self.scene)
        coming = iter(left)
        self._begin(next(coming, None))
        if self._open is None:
            return
        is_over = self._stopped if ahead is None else self._caught_up
        with closing(self._found(left) if ahead is None else self._found_ahead(left, ahead)) as seen:
            for found in seen:
                while found.picture.at_s >= self._open.segment.end_s - SLACK_S:
                    self._finish()
                    self._begin(next(coming))
                self._take(found, painter)
                if is_over():
                    break
        self._finish()
        while not self._stopped() and (empty := next(coming, None)) is not None:  # the file promised more
            self._begin(empty)
            self._finish()

    def _found(self, left: list[Segment]) -> Generator[Found]:
        """What is in each picture from the first of these segments on."""
        yield from self.model.find(self.sighted.pictures(left[0].start_s, self._stopped), self._stopped)

    def _found_ahead(self, left: list[Segment], ahead: Generator[Rows]) -> Generator[Found]:
        """The same where segments are looked at ahead; cancelled, what was found until then."""
        seen = self.sighted.pictures(left[0].start_s, self._caught_up)
        with closing(seen), closing(ahead):
            until_s, known = 0.0, dict[float, sv.Detections]()
            segments = iter(left)
            for picture in seen:
                while picture.at_s >= until_s - SLACK_S:
                    until_s, known = next(segments).end_s, _by_time(next(ahead))
                at_s = round(picture.at_s, 3)
                if at_s not in known and self._stopped():
                    return
                yield Found(picture, known.pop(at_s, sv.Detections.empty()))

    def _tell(self, looked: int = 0) -> None:
        """Tell the job how far the work is."""
        with self._looked_lock:
            self._looked += looked
            done = self._looked + self.tally.pictures
            self.run.progress(done, max(self._total, done), _STAGE)

    def _take(self, found: Found, painter: Painter) -> None:
        if self._open is None:
            return
        seen = self.scene.look(found.picture.at_s, found.detections)
        self.tally.look(seen)
        self._open.take(found, seen, painter)
        self._tell()

    def _begin(self, segment: Segment | None) -> None:
        if segment is None:
            return
        path = Path(self.folder, f"{segment.number:06d}.mkv")
        threads = max(1, usable_cores() // 4)
        piece = Piece(path, self.sighted.sight.size_wh, self.fps, threads) if self.asked.annotate else None
        self._open = _Open(segment, piece)

    def _finish(self) -> None:
        """Store the segment that is open."""
        if self._open is None:
            return
        done, self._open = self._open, None
        try:
            film = done.piece.finish() if done.piece is not None and done.rows.times else None
            self.parts.finish(done.segment.number, done.rows, done.best.crops(), film)
        finally:
            done.discard()

    def _stopped(self) -> bool:
        return self.run.cancelled

    def _caught_up(self) -> bool:
        """Whether it was cancelled so long ago that what was found ahead is followed no further."""
        if not self._stopped():
            return False
        self._until = self._until or time.monotonic() + _CATCH_UP_S
        return time.monotonic() >= self._until


@dataclass(slots=True)
class _Open:
    """The segment that is being looked at."""

    segment: Segment
    piece: Piece | None
    rows: Rows = field(default_factory=Rows)
    best: Best = field(default_factory=Best)

    def take(self, found: Found, seen: Look, painter: Painter) -> None:
        """The next picture; it is drawn on."""
        self.rows.add(seen.at_s, found.detections, _ids(found.detections, seen))
        yuv: UInt8 = found.picture.yuv
        self.best.look(yuv, seen)
        if self.piece is not None:
            painter.paint(yuv, seen)
            self.piece.add(yuv, seen.at_s)

    def discard(self) -> None:
        """Remove the film's file."""
        if self.piece is not None:
            self.piece.discard()


def _ids(found: sv.Detections, seen: Look) -> npt.NDArray[np.int64]:
    """The track of each detection, in the model's order."""
    ids = np.full(len(found), -1, np.int64)
    if len(found) and seen.detections.tracker_id is not None and len(seen.detections):
        ids[np.asarray(seen.detections.data["row"], np.int64)] = seen.detections.tracker_id
    return ids


def _by_time(rows: Rows) -> dict[float, sv.Detections]:
    return {round(at_s, 3): found for at_s, found in zip(rows.times, rows.found, strict=True)}
