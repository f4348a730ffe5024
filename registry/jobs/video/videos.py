"""Submitting videos: which version, which file, what is wanted, as one job."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from registry.access import Action, Actor, require
from registry.errors import InvalidInput, InvalidVideo
from registry.jobs.files import JobFiles
from registry.jobs.jobs import Jobs
from registry.jobs.kinds import VIDEO
from registry.jobs.video.parameters import UPLOAD, VideoAsked, VideoParameters
from registry.jobs.video.recorded import Recorded
from registry.jobs.video.sources import STORED, open_on_server, open_source
from registry.models.quarantine import chunks_of
from registry.models.registry import ModelRegistry
from registry.models.thresholds import Thresholds
from registry.records import Job, new_id
from registry.runtime.card import WITH_BOXES
from registry.runtime.raw_answer import resolve_thresholds

if TYPE_CHECKING:  # who only submits needs no muxer
    from registry.recordings.library import Recordings

MIB = 1 << 20
_LONGEST_NAME = 200
_START_BYTES = 1_024  # of a file tell what it is
_NO_WAY = str.maketrans("/\\", "--")  # a camera's name is no path


@dataclass(frozen=True, slots=True)
class Asked:
    """Which model looks at a video, and for what; neither version nor alias means the champion."""

    model: str
    version: int | None = None
    alias: str | None = None
    thresholds: Thresholds = field(default_factory=Thresholds)
    about: VideoAsked = field(default_factory=VideoAsked)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some recorded time of a camera; both moments are aware."""

    camera_id: str
    since: datetime
    until: datetime


class Videos:
    """The way in for videos of one platform."""

    def __init__(self, jobs: Jobs, models: ModelRegistry) -> None:
        self._jobs, self._models = jobs, models

    def check(self, actor: Actor, asked: Asked) -> None:
        """Raise what a start would that can be known without the video."""
        self._parameters(actor, asked, UPLOAD, "video")

    def check_path(self, actor: Actor, asked: Asked, path: str) -> None:
        """Raise what `start_path` would, but for what is in the file."""
        require(actor, Action.READ_FOLDER)
        self.check(actor, asked)
        open_on_server(path, self._models.settings.batch_folders)[0].close()

    def start_upload(self, actor: Actor, asked: Asked, name: str, chunks: Iterable[bytes], key: str = "") -> Job:
        """Analyse a video that is sent; its chunks bound its size.

        The same video, asked about in the same way, is the same job unless that came to nothing; with a `key`, what
        was started with the same one is.
        Raises InvalidVideo, InvalidZone, InvalidInput, NotFound in its forms, TooManyRequests, StorageUnavailable.
        """
        return self._take_in(actor, asked, name, chunks, key)

    def _take_in(
        self, actor: Actor, asked: Asked, name: str, chunks: Iterable[bytes], key: str, recorded: Recorded | None = None
    ) -> Job:
        parameters, sha256 = self._parameters(actor, asked, UPLOAD, name)
        files, digest = JobFiles(self._jobs.storage, new_id()), hashlib.sha256()
        try:
            files.put("input", STORED, _hashed(_checked(chunks), digest))
            self._see(files, parameters)
            if recorded:
                recorded.keep(files)
            return self._start(actor, parameters, sha256, files, digest.hexdigest(), key)
        except BaseException:  # also when the sender goes away half-way
            files.clear("input")
            raise

    def start_path(self, actor: Actor, asked: Asked, path: str) -> Job:
        """Analyse a file on the server, which is read in place. Raises as `start_upload`, and Forbidden."""
        from registry.streams.video_file import VideoFile
        from registry.streams.video_probe import look

        require(actor, Action.READ_FOLDER)
        parameters, sha256 = self._parameters(actor, asked, path, Path(path).name)
        file, digest = open_on_server(path, self._models.settings.batch_folders)
        with file:
            look(VideoFile(file))
        known = parameters.model_copy(update={"digest": digest})
        return self._start(actor, known, sha256, JobFiles(self._jobs.storage, new_id()), digest)

    def start_camera(
        self, actor: Actor, asked: Asked, recordings: "Recordings", stretch: Stretch, key: str = ""
    ) -> Job:
        """Analyse what was recorded of a camera; what was not recorded is left out. `key` as for `start_upload`.

        The film is made at once: what becomes of the recordings later does not matter.
        Raises as `start_upload`, and what `Recordings.film` does.
        """
        self._parameters(actor, asked, UPLOAD, "video")
        camera = recordings.camera_name(actor, stretch.camera_id)
        made = recordings.film(actor, stretch.camera_id, stretch.since, stretch.until)
        try:
            name = f"{camera.translate(_NO_WAY)} {made.started_at:%Y-%m-%d %H.%M.%S} UTC.mp4"
            chunks = chunks_of(made.path, made.size_bytes // MIB + 1)
            return self._take_in(actor, asked, name, chunks, key, Recorded(made.moments))
        finally:
            made.path.unlink(missing_ok=True)

    def _parameters(self, actor: Actor, asked: Asked, source: str, name: str) -> tuple[VideoParameters, str]:
        """The parameters with the version that answers now, and that version's sha256."""
        self._jobs.check_room(actor)
        require(actor, Action.PREDICT)
        version = self._models.resolve(actor, asked.model, version=asked.version, alias=asked.alias)
        if version.card.task not in WITH_BOXES:
            raise InvalidInput(
                f"a video is looked at by a model that answers boxes; this one answers task {version.card.task}",
                hint="Choose a model that detects, segments or finds poses.",
            )
        if asked.about.every > 1 and asked.about.fps is not None:
            raise InvalidInput(
                "`every` and `fps` both say which pictures are looked at",
                hint="Send one of them.",
                details={"field": "fps"},
            )
        asked.about.places()
        given = asked.thresholds
        resolve_thresholds(version.card.thresholds, given.confidence, given.iou, given.max_detections)
        parameters = VideoParameters(
            **asked.about.model_dump(),
            model=version.name,
            version=version.version,
            source=source,
            name=_shown(name),
            confidence=given.confidence,
            iou=given.iou,
            max_detections=given.max_detections,
        )
        return parameters, version.sha256

    @staticmethod
    def _see(files: JobFiles, parameters: VideoParameters) -> None:
        """Raise InvalidVideo where no picture can be decoded."""
        from registry.streams.video_probe import look

        video = open_source(files, parameters, ())
        try:
            look(video)
        finally:
            video.close()

    def _start(
        self, actor: Actor, parameters: VideoParameters, sha256: str, files: JobFiles, digest: str, key: str = ""
    ) -> Job:
        about = [parameters.model_dump(mode="json"), sha256, digest]
        known = key or "content:" + hashlib.sha256(json.dumps(about).encode()).hexdigest()
        job = self._jobs.start(actor, VIDEO.name, parameters, job_id=files.job_id, key=known)
        if job.id != files.job_id:  # it is there already
            files.clear("input")
        return job


def _checked(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The chunks, once their beginning has turned out to be a video's. Raises InvalidVideo."""
    start, given = b"", False
    for chunk in chunks:
        if given:
            yield chunk
            continue
        start += chunk
        if len(start) >= _START_BYTES:
            _check(start)
            yield start
            given = True
    if not given:
        _check(start)
        yield start


def _check(start: bytes) -> None:
    from registry.streams.containers import START_BYTES, container_of

    if not container_of(start[:START_BYTES]):
        raise InvalidVideo("the file is no video: it is none of MP4, MOV, MKV, WebM, AVI and MPEG-TS")


def _hashed(chunks: Iterable[bytes], digest: "hashlib._Hash") -> Iterator[bytes]:
    for chunk in chunks:
        digest.update(chunk)
        yield chunk


def _shown(name: str) -> str:
    """A sent file's name without the way to it, printable."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(each for each in last if each.isprintable())[:_LONGEST_NAME] or "video"
