"""A video file or a device of this machine as a source."""

import os
import stat
from pathlib import Path
from threading import Lock
from typing import IO

from registry.streams.containers import container_of
from registry.streams.feed import Arrivals
from registry.streams.loss import Reason, SourceLost
from registry.streams.sources import CameraSource, inside


class FileFeed:
    """A file played at its own pace, over and over; the decoder gets an open file and never a path."""

    needs_stdin = False

    def __init__(self, source: CameraSource, folders: tuple[Path, ...]) -> None:
        self._path = source.path or Path("/")
        self._folders = folders
        self._file: int | None = None
        self._container = ""
        self._lock = Lock()

    def open(self) -> None:
        """Open it, and look that what was opened lies in an allowed folder. Raises SourceLost."""
        try:
            self._file = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise SourceLost(Reason.MISSING, f"{self._path.name} cannot be read") from error
        opened = Path(f"/proc/self/fd/{self._file}").resolve()
        if not inside(opened, self._folders) or not stat.S_ISREG(os.fstat(self._file).st_mode):
            raise SourceLost(Reason.ADDRESS_REFUSED, "the file is not in a folder that cameras may play from")
        self._container = _container(os.pread(self._file, 64, 0))

    def input_arguments(self) -> list[str]:
        """For FFmpeg: the open file and nothing else."""
        endless = ["-stream_loop", "-1", "-re", "-fd", str(self._file)]
        return ["-protocol_whitelist", "fd", *endless, "-f", self._container, "-i", "fd:"]

    def inherited(self) -> tuple[int, ...]:
        """The open file."""
        return () if self._file is None else (self._file,)

    def begin(self, stdin: IO[bytes] | None) -> None:
        """Nothing: the decoder reads by itself."""

    def arrivals(self) -> Arrivals | None:
        """Nobody counts."""
        return None

    def failure(self) -> SourceLost | None:
        """The decoder says it."""
        return None

    def close(self) -> None:
        """Close the file."""
        with self._lock:  # twice closed could be somebody else's
            file, self._file = self._file, None
        if file is not None:
            os.close(file)


class DeviceFeed(FileFeed):
    """A camera that is plugged into this machine (Video4Linux)."""

    def open(self) -> None:
        """Look that it is a device that may be read. Raises SourceLost."""
        try:
            is_device = stat.S_ISCHR(self._path.stat().st_mode)
        except OSError as error:
            raise SourceLost(Reason.MISSING, f"there is no {self._path}") from error
        if not is_device or not os.access(self._path, os.R_OK):
            raise SourceLost(Reason.MISSING, f"{self._path} is no device that we may read")

    def input_arguments(self) -> list[str]:
        """For FFmpeg."""
        return ["-protocol_whitelist", "file", "-f", "v4l2", "-i", str(self._path)]


def _container(start: bytes) -> str:
    name = container_of(start)
    if not name:
        raise SourceLost(Reason.GARBAGE, "the file is no MP4, MOV, MKV, WebM, AVI or MPEG-TS video")
    return name
