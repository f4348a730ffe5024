"""Looking at the segments of a video ahead of who follows them: in lanes of this process, or in other processes."""

import itertools
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from registry.access import Action, Actor, require
from registry.jobs.files import JobFiles
from registry.jobs.owners import owner_of
from registry.jobs.rooms import JobRooms
from registry.jobs.video.detecting import Model
from registry.jobs.video.parameters import UPLOAD, VideoParameters
from registry.jobs.video.parts import Rows, VideoParts
from registry.jobs.video.segments import Segment
from registry.jobs.video.side_by_side import side_by_side
from registry.jobs.video.sources import open_source
from registry.streams.video_file import VideoFile
from registry.streams.video_frames import Picture, Sampling, pictures
from registry.streams.video_probe import Sight, VideoIndex, index, look

SLACK_S = 1e-4


@dataclass(frozen=True, slots=True)
class SegmentAsked:
    """A segment of a job's video, for whoever is to look at it."""

    job_id: str
    owner_id: str
    parameters: dict[str, Any]
    segment: Segment


Spread = Callable[[Sequence[SegmentAsked]], Generator[bytes | None, None, None]]
"""Has segments looked at elsewhere; gives their packed rows in their order, None whenever a second passed without."""


@dataclass(frozen=True, slots=True)
class Sighted:
    """A video that was read through."""

    video: VideoFile
    sight: Sight
    index: VideoIndex
    sampling: Sampling

    @classmethod
    def read(cls, video: VideoFile, sampling: Sampling) -> "Sighted":
        """Read through a video. Raises InvalidVideo."""
        sight = look(video)
        return cls(video, sight, index(video, sight), sampling)

    def pictures(self, from_s: float, stopped: Callable[[], bool]) -> Generator[Picture]:
        """The pictures that are looked at, from a moment on."""
        return pictures(self.video, self.sight.size_wh, self.index, self.sampling, from_s, stopped)


def opened(rooms: JobRooms, owner: Actor, parameters: VideoParameters, files: JobFiles) -> tuple[VideoFile, Model]:
    """A job's video, to be closed, and its version. Raises NotFound, Forbidden, InvalidVideo, InvalidInput."""
    ready = rooms.serving.ready(owner, parameters.model, version=parameters.version)
    if parameters.source != UPLOAD:
        require(owner, Action.READ_FOLDER)
    video = open_source(files, parameters, rooms.settings.batch_folders)
    return video, Model(rooms.serving, ready, parameters.thresholds)


def look_at(
    segment: Segment,
    sighted: Sighted,
    model: Model,
    parts: VideoParts,
    stopped: Callable[[], bool],
    tell: Callable[[int], None],
) -> Rows:
    """What a model finds in a segment, stored when all of it is looked at; who is who follows later."""
    known = parts.looked(segment.number)
    if known is not None:
        tell(len(known.times))
        return known
    rows = Rows()
    with closing(sighted.pictures(segment.start_s, stopped)) as own:
        until = itertools.takewhile(lambda each: each.at_s < segment.end_s - SLACK_S, own)
        with closing(model.find(until, stopped)) as seen:
            for found in seen:
                rows.add(found.picture.at_s, found.detections)
                tell(1)
    if not stopped():
        parts.keep_found(segment.number, rows)
    return rows


@dataclass(frozen=True, slots=True)
class Ahead:
    """Finds what is in segments ahead of who follows them."""

    sighted: Sighted
    model: Model
    parts: VideoParts
    stopped: Callable[[], bool]
    tell: Callable[[int], None]

    def side_by_side(self, segments: Sequence[Segment], lanes: int) -> Generator[Rows]:
        """What is in each segment, in their order, from so many lanes of this process."""

        def in_lane(segment: Segment, called_off: Callable[[], bool]) -> Rows:
            def over() -> bool:
                return called_off() or self.stopped()

            return look_at(segment, self.sighted, self.model, self.parts, over, self.tell)

        return side_by_side(segments, lanes, in_lane)

    def elsewhere(
        self, segments: Sequence[Segment], ask: Callable[[Segment], SegmentAsked], spread: Spread
    ) -> Generator[Rows]:
        """The same from other processes; nothing in those that were not done when it was cancelled."""
        known = {each.number for each in segments if self.parts.was_looked_at(each.number)}
        with closing(spread([ask(each) for each in segments if each.number not in known])) as found:
            for segment in segments:
                rows = self.parts.looked(segment.number) if segment.number in known else self._next(found)
                self.tell(len(rows.times) if rows else 0)
                yield rows or Rows()

    def _next(self, found: Generator[bytes | None, None, None]) -> Rows | None:
        while not self.stopped():
            packed = next(found)
            if packed is not None:
                return self.parts.unpack(packed)
        return None


class SegmentLooker:
    """Looks at segments in a process of its own; what one of a video needed stays open for the next."""

    def __init__(self, rooms: JobRooms) -> None:
        self._rooms = rooms
        self._job_id = ""
        self._open: tuple[Sighted, Model] | None = None

    def look_at(self, asked: SegmentAsked) -> bytes:
        """Its packed rows, which are stored with the job, too. Raises as `analyse_video`."""
        files = JobFiles(self._rooms.storage, asked.job_id)
        sighted, model = self._opened(asked, files)
        parts = VideoParts(files, model.labels)
        return look_at(asked.segment, sighted, model, parts, lambda: False, lambda _count: None).pack()

    def close(self) -> None:
        """Close the last video."""
        if self._open is not None:
            self._open[0].video.close()
        self._job_id, self._open = "", None

    def _opened(self, asked: SegmentAsked, files: JobFiles) -> tuple[Sighted, Model]:
        if self._open is None or self._job_id != asked.job_id:
            self.close()
            parameters = VideoParameters.model_validate(asked.parameters)
            owner = owner_of(self._rooms.database, asked.owner_id, "started this job")
            video, model = opened(self._rooms, owner, parameters, files)
            try:
                self._open = Sighted.read(video, parameters.sampling), model
            except BaseException:
                video.close()
                raise
            self._job_id = asked.job_id
        return self._open
