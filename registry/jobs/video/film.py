"""The annotated film: H.264 in pieces that belong to segments, joined to one MP4 that browsers play."""

import errno
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, cast

import av
import av.error
from av.container import OutputContainer
from av.video.stream import VideoStream

from registry.errors import InvalidVideo, StorageUnavailable
from registry.streams.frames import UInt8, planes

_MS = Fraction(1, 1_000)
_QUALITY = {"preset": "ultrafast", "crf": "24", "bf": "0", "tune": "fastdecode"}
_CHUNK = 1 << 20
_NO_ROOM = frozenset({errno.ENOSPC, errno.ENOMEM, errno.EIO})


class Piece:
    """The film of one segment, written to a file as its pictures come; close it, whatever happens."""

    def __init__(self, path: Path, size_wh: tuple[int, int], fps: float, threads: int) -> None:
        self.path = path
        with _full_disk():
            self._out = av.open(str(path), "w", format="matroska")
            rate = Fraction(max(fps, 0.1)).limit_denominator(1_001)
            self._stream = self._out.add_stream("libx264", rate=rate, options=dict(_QUALITY))
            self._stream.width, self._stream.height = size_wh
            self._stream.pix_fmt = "yuv420p"
            self._stream.codec_context.time_base = _MS
            self._stream.codec_context.gop_size = max(10, round(fps * 4))
            self._stream.codec_context.thread_count = threads

    def add(self, yuv: UInt8, at_s: float) -> None:
        """The next picture with its time from the beginning of the video. Raises StorageUnavailable."""
        frame = _frame(yuv)
        frame.pts, frame.time_base = round(at_s * 1_000), _MS
        with _full_disk():
            self._out.mux(self._stream.encode(frame))

    def finish(self) -> Iterator[bytes]:
        """End it, and give its bytes."""
        with _full_disk():
            self._out.mux(self._stream.encode(None))
            self._out.close()
        return _pieces(self.path)

    def discard(self) -> None:
        """Close it and remove its file."""
        with suppress(OSError, av.error.FFmpegError):
            self._out.close()
        self.path.unlink(missing_ok=True)


def join(pieces: Iterable[Callable[[], BinaryIO]], path: Path) -> bool:
    """Join pieces, opened one after the other, to an MP4 whose index is at its beginning; False where there is none."""
    out: OutputContainer | None = None
    target: VideoStream | None = None
    with _full_disk():
        for opened in pieces:
            with opened() as file, av.open(file, "r", format="matroska") as piece:
                source = piece.streams.video[0]
                if out is None:
                    out = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
                    target = out.add_stream_from_template(source)
                for packet in piece.demux(source):  # they keep their times, which count from the video's beginning
                    if packet.dts is not None:
                        packet.stream = cast(VideoStream, target)
                        out.mux(packet)
        if out is not None:
            out.close()
    return out is not None


class _full_disk:  # noqa: N801 - a context manager
    """What a full or broken disk says becomes StorageUnavailable; all else is the video's own, and InvalidVideo."""

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, (av.error.FFmpegError, OSError)):
            return
        if isinstance(error, OSError) or error.errno in _NO_ROOM:
            raise StorageUnavailable(f"the annotated film could not be written: {error}") from error
        raise InvalidVideo(f"no film can be made of these pictures: {error}") from error


def _frame(yuv: UInt8) -> av.VideoFrame:
    """A picture (h * 3 / 2, w) for the encoder; its planes go as they are where FFmpeg lays them out alike."""
    frame = av.VideoFrame(yuv.shape[1], yuv.shape[0] * 2 // 3, "yuv420p")
    if [plane.line_size for plane in frame.planes] != [each.shape[1] for each in planes(yuv)]:
        return av.VideoFrame.from_ndarray(yuv, format="yuv420p")
    for plane, content in zip(frame.planes, planes(yuv), strict=True):
        plane.update(content.reshape(-1))  # type: ignore[arg-type]  # any buffer will do
    return frame


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
