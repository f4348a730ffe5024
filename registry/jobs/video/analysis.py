"""Video analysis: every picture of a job's video through one version, followed, counted and drawn; resumable."""

import itertools
import tempfile
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import supervision as sv

from registry.access import Action, require
from registry.errors import InvalidVideo
from registry.jobs.in_mlflow import note_in_mlflow
from registry.jobs.rooms import JobRooms
from registry.jobs.running import JobRun, Result
from registry.jobs.video.detecting import Found, Model
from registry.jobs.video.drawing import Painter
from registry.jobs.video.film import Piece
from registry.jobs.video.gallery import Best
from registry.jobs.video.parameters import UPLOAD, VideoParameters
from registry.jobs.video.parts import Rows, VideoParts
from registry.jobs.video.results import Finished, write_results
from registry.jobs.video.scene import Look, Scene
from registry.jobs.video.segments import Segment, cut
from registry.jobs.video.sources import open_source
from registry.jobs.video.tally import Tally
from registry.runtime.machine import usable_cores
from registry.streams.frames import UInt8
from registry.streams.video_file import VideoFile
from registry.streams.video_frames import Picture, pictures
from registry.streams.video_probe import Sight, VideoIndex, index, look

_STAGE = "looking at the video"
_SLACK_S = 1e-4


def analyse_video(run: JobRun, rooms: JobRooms, lanes: int = 0) -> Result:
    """Look at the pictures that are not finished yet, then write the results; cancelled, those of what is finished.

    `lanes` segments are looked at side by side, 0 lets the machine decide.
    Raises NotFound, Forbidden or InvalidVideo where version, file or the owner's right is gone, Unavailable where
    something is away.
    """
    parameters = VideoParameters.model_validate(run.parameters)
    ready = rooms.serving.ready(run.owner(), parameters.model, version=parameters.version)
    labels = np.array(ready.version.card.labels or ["object"], np.str_)
    if parameters.source != UPLOAD:
        require(run.owner(), Action.READ_FOLDER)
    video = open_source(run.files, parameters, rooms.settings.batch_folders)
    try:
        run.progress(0, 0, "reading through the file")
        sight = look(video)
        found = index(video, sight)
        with tempfile.TemporaryDirectory(prefix="nexusai-video-") as folder:
            work = _Work(
                run, video, sight, found, parameters, Model(rooms.serving, ready, parameters.thresholds), labels, folder
            )
            work.go(lanes or max(1, min(4, usable_cores() // 4)))
            result = write_results(run, work.finished(), parameters, Path(folder))
    finally:
        video.close()
    figures = {"pictures": result["pictures"], "found": result["found"], "tracks": result["tracks"]}
    note_in_mlflow(rooms.models, run, {name: float(value) for name, value in figures.items()})
    return {**result, "model": {"name": ready.version.name, "version": ready.version.version}}


@dataclass(slots=True)
class _Work:
    """One run over one video."""

    run: JobRun
    video: VideoFile
    sight: Sight
    index: VideoIndex
    asked: VideoParameters
    model: Model
    labels: npt.NDArray[np.str_]
    folder: str
    segments: list[Segment] = field(init=False)
    parts: VideoParts = field(init=False)
    scene: Scene = field(init=False)
    tally: Tally = field(init=False)
    _open: "_Open | None" = None
    _total: int = 0

    def __post_init__(self) -> None:
        sampling = self.asked.sampling
        self.segments = cut(self.index, sampling)
        self.parts = VideoParts(self.run.files, self.labels)
        self.scene = Scene(self.asked, self.sight.size_wh, self.fps)
        names = [each.name for each in self.scene.zones], [each.name for each in self.scene.lines]
        self.tally = Tally(self.sight.size_wh, *names)

    @property
    def fps(self) -> float:
        """How many pictures a second are looked at, usually."""
        return min(self.asked.fps or self.index.fps, self.index.fps) / self.asked.every

    def go(self, lanes: int) -> None:
        """Everything up to the end, or until it is cancelled. Raises InvalidVideo where no picture can be decoded."""
        left = [each for each in self.segments if not self.parts.has(each.number)]
        for each in self.segments[: len(self.segments) - len(left)]:
            self._replay(self.parts.rows(each.number))
        self._total = sum(each.count for each in self.segments) + (sum(each.count for each in left) if lanes > 1 else 0)
        if lanes > 1:
            self._look_side_by_side(left, lanes)
        try:
            self._follow(left, lanes)
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
        return Finished(self.parts, done, self.tally, self.sight, self.index, self.labels)

    def _replay(self, rows: Rows) -> None:
        """Bring scene and tally to where they were after a segment that is finished."""
        for at_s, found in zip(rows.times, rows.found, strict=True):
            self.tally.look(self.scene.look(at_s, found))
        self.run.progress(self.tally.pictures, 0, _STAGE)

    def _follow(self, left: list[Segment], lanes: int) -> None:
        """The pictures of the segments that are left, in their order."""
        painter = Painter(self.asked, self.scene)
        ahead = iter(left)
        self._begin(next(ahead, None))
        if self._open is None:
            return
        for found in self._found(left, known=lanes > 1):
            while found.picture.at_s >= self._open.segment.end_s - _SLACK_S:
                self._finish()
                self._begin(next(ahead))
            self._take(found, painter)
            if self._stopped():
                break
        self._finish()
        while not self._stopped() and (empty := next(ahead, None)) is not None:  # the file promised more
            self._begin(empty)
            self._finish()

    def _found(self, left: list[Segment], *, known: bool) -> Iterator[Found]:
        """What is in each picture from the first of these segments on."""
        seen = self._pictures(left[0].start_s)
        if not known:
            yield from self.model.find(seen, self._stopped)
            return
        rows = {round(at_s, 3): found for each in left for at_s, found in _pairs(self.parts.looked(each.number))}
        for picture in seen:
            yield Found(picture, rows.pop(round(picture.at_s, 3), sv.Detections.empty()))

    def _look_side_by_side(self, left: list[Segment], lanes: int) -> None:
        """Have the model look at several segments at once; who is who follows later."""
        counted = itertools.count(self.tally.pictures + 1)

        def work(segment: Segment) -> None:
            if self.parts.looked(segment.number) is not None or self._stopped():
                return
            rows, own = Rows(), self._pictures(segment.start_s)
            until = itertools.takewhile(lambda each: each.at_s < segment.end_s - _SLACK_S, own)
            for found in self.model.find(until, self._stopped):
                rows.add(found.picture.at_s, found.detections)
                self.run.progress(next(counted), self._total, _STAGE)
            own.close()
            if not self._stopped():
                self.parts.keep_found(segment.number, rows)

        with ThreadPoolExecutor(lanes, thread_name_prefix="lane") as pool:
            list(pool.map(work, left))

    def _pictures(self, from_s: float) -> Generator[Picture]:
        return pictures(self.video, self.sight.size_wh, self.index, self.asked.sampling, from_s, self._stopped)

    def _take(self, found: Found, painter: Painter) -> None:
        if self._open is None:
            return
        seen = self.scene.look(found.picture.at_s, found.detections)
        self.tally.look(seen)
        self._open.take(found, seen, painter)
        looked = self._total - sum(each.count for each in self.segments)
        self.run.progress(looked + self.tally.pictures, max(self._total, looked + self.tally.pictures), _STAGE)

    def _begin(self, segment: Segment | None) -> None:
        if segment is None:
            return
        path = Path(self.folder, f"{segment.number:06d}.mkv")
        threads = max(1, usable_cores() // 4)
        piece = Piece(path, self.sight.size_wh, self.fps, threads) if self.asked.annotate else None
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


def _pairs(rows: Rows | None) -> Iterator[tuple[float, sv.Detections]]:
    return zip(rows.times, rows.found, strict=True) if rows else iter(())
