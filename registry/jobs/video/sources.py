"""Where the video of a job lies: in the storage, or in a folder of the server that jobs may read."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from registry.errors import InvalidInput, NotFound, ObjectNotFound
from registry.jobs.files import JobFiles
from registry.jobs.image_folders import PUT_BACK, allowed_folder, open_file
from registry.jobs.video.parameters import UPLOAD, VideoParameters

if TYPE_CHECKING:  # who only submits needs no tracker
    from registry.streams.video_file import VideoFile

STORED = "video"


def open_source(files: JobFiles, parameters: VideoParameters, folders: Sequence[str]) -> "VideoFile":
    """The video of a job, to be closed. Raises NotFound, InvalidVideo, InvalidInput where it has changed."""
    from registry.streams.video_file import VideoFile

    if parameters.source == UPLOAD:
        try:
            return VideoFile(files.open("input", STORED))
        except ObjectNotFound as error:
            raise NotFound("the video that was sent is not in the storage any more", hint="Send it again.") from error
    file, digest = open_on_server(parameters.source, folders)
    if parameters.digest and digest != parameters.digest:
        file.close()
        raise InvalidInput(
            f"the file {parameters.name} is another one than when the job was started", hint="Start a new job."
        )
    return VideoFile(file)


def open_on_server(path: str, folders: Sequence[str]) -> tuple[BinaryIO, str]:
    """A file below the folders that jobs may read, and what tells it from others. Raises NotFound, links included."""
    wanted = Path(path)
    root = allowed_folder(str(wanted.parent), folders)
    try:
        file = open_file(root / wanted.name)
    except (OSError, ValueError) as error:  # a name that no file can have
        raise NotFound(f"there is no file {path[:200]!r} that can be read", hint=PUT_BACK) from error
    about = os.fstat(file.fileno())
    return file, f"{about.st_size}-{about.st_mtime_ns}"
