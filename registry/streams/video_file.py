"""A video file as FFmpeg children see it: an open file of a known container, and nothing else of this machine."""

import os
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from typing import BinaryIO

from imageio_ffmpeg import get_ffmpeg_exe

from registry.errors import InvalidVideo
from registry.streams.containers import START_BYTES, container_of
from registry.streams.decoder import MAX_PIXELS, bound_child

_SAID = 4_000  # bytes of a child's words that are worth keeping


class VideoFile:
    """An opened file, local or fetched; it is read from by descriptors of their own, so that several children may.

    Raises InvalidVideo for what is no video container. `close` closes the file.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._number = file.fileno()
        start = os.pread(self._number, START_BYTES, 0)
        self.size_bytes = os.fstat(self._number).st_size
        self.container = container_of(start)
        if not self.container:
            raise InvalidVideo("the file is no video: it is none of MP4, MOV, MKV, WebM, AVI and MPEG-TS")

    def child(
        self, arguments: Sequence[str], *, seek_s: float | None = None, told: int | None = None, loglevel: str = "error"
    ) -> "subprocess.Popen[bytes]":
        """FFmpeg over this file with output `arguments`, bounded in what it may take; `told` is a pipe it inherits.

        `seek_s`, as the file's own timestamps count, starts at the last key frame up to there.
        """
        given = os.open(f"/proc/self/fd/{self._number}", os.O_RDONLY | os.O_CLOEXEC)
        seek = [] if seek_s is None else ["-seek_timestamp", "1", "-noaccurate_seek", "-ss", f"{seek_s:.6f}"]
        line = [
            *(get_ffmpeg_exe(), "-hide_banner", "-nostats", "-nostdin", "-loglevel", loglevel),
            *("-threads", "1", "-max_pixels", str(MAX_PIXELS), "-protocol_whitelist", "fd"),
            *("-format_whitelist", self.container, "-copyts", *seek, "-fd", str(given)),
            *("-f", self.container, "-i", "fd:", *arguments),
        ]
        try:
            child = subprocess.Popen(  # noqa: S603 - the bundled ffmpeg
                line,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(given,) if told is None else (given, told),
                env={},
                cwd="/",
                bufsize=0,
            )
        finally:
            os.close(given)
        bound_child(child.pid)
        return child

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Words:
    """The end of what a child says, taken without ever waiting."""

    def __init__(self, child: "subprocess.Popen[bytes]") -> None:
        self._pipe = child.stderr
        self._said = b""
        if self._pipe is not None:
            os.set_blocking(self._pipe.fileno(), False)

    def listen(self) -> str:
        """What was said so far, its last lines."""
        with suppress(BlockingIOError, OSError, ValueError):
            while self._pipe is not None and (data := os.read(self._pipe.fileno(), 1 << 16)):
                self._said = (self._said + data)[-_SAID:]
        return self._said.decode("utf-8", "replace")


def end(child: "subprocess.Popen[bytes]") -> None:
    """End a child and its pipes, whatever it is doing."""
    child.kill()
    child.wait()
    for pipe in (child.stdout, child.stderr):
        if pipe is not None:
            pipe.close()
