"""Segments joined into one MP4 that plays at once, without decoding them."""

import os
import resource
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryFile
from threading import Thread
from typing import BinaryIO

from imageio_ffmpeg import get_ffmpeg_exe

from registry.errors import InvalidInput, RecordingNotFound, StorageUnavailable
from registry.recordings.segment_file import SegmentReader
from registry.streams.fragments import Fragment, Header

_ADDRESS_SPACE = 2 << 30
_INDEX_PER_PICTURE, _INDEX_BASE = 24, 1 << 16  # bytes of a moov, at most
ENCODED = frozenset({"mjpeg"})  # no browser plays it in a video, few other players do
UNPLAYED = ENCODED | {"h265"}  # by browsers: by some, on some machines
_WIDEST = 1920  # of what is encoded, in pixels
_CHUNK = 1 << 20
_JITTER_S = 0.5  # by which a segment may begin off the end of the one before without a gap between them


class FileGone(Exception):
    """A file was deleted, or moved into the bucket, while it was being read."""


@dataclass(frozen=True, slots=True)
class Source:
    """A segment's file, and when it begins."""

    path: Path
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Piece:
    """Fragments of one file, one after the other."""

    source: Source
    header: Header
    fragments: tuple[tuple[int, int, Fragment], ...]

    @property
    def duration(self) -> int:
        """Ticks of it."""
        last = self.fragments[-1][2]
        return last.start + last.duration - self.fragments[0][2].start

    def moment(self, tick: int) -> datetime:
        """When a tick of its file was."""
        return self.source.started_at + timedelta(seconds=tick / self.header.timescale)


@dataclass(frozen=True, slots=True)
class Joined:
    """What is in a joined file."""

    path: Path
    started_at: datetime
    ended_at: datetime
    size_bytes: int
    pictures: int
    moments: tuple[tuple[float, datetime], ...]  # from a second of the file on time passes as on the clock from here


def pieces_of(sources: Sequence[Source], begin: datetime, end: datetime) -> list[list[Piece]]:
    """What of the files lies between two moments, cut where key pictures allow; in runs that one file can hold.

    A file that is unreadable is left out. Raises FileGone.
    """
    runs: list[list[Piece]] = []
    for source in sources:
        try:
            reader = SegmentReader(source.path)
        except FileNotFoundError as error:
            raise FileGone from error
        except (OSError, InvalidInput):
            continue
        piece = _part(source, reader, begin, end)
        if piece is None:
            continue
        last = runs[-1][-1].header if runs else None
        same = last is not None and (last.parameters, last.timescale) == (
            piece.header.parameters,
            piece.header.timescale,
        )
        if same:
            runs[-1].append(piece)
        else:
            runs.append([piece])
    return runs


def join(
    run: Sequence[Piece],
    target: Path,
    most_bytes: int,
    timeout_s: float = 600.0,
    *,
    encoded: frozenset[str] = ENCODED,
) -> Joined:
    """Write one run to a new file. Codecs that are in `encoded` become H.264, all else is copied.

    Raises RecordingNotFound for nothing, InvalidInput where it would be larger than `most_bytes`, StorageUnavailable,
    FileGone. After an error there is no file.
    """
    if not run:
        raise RecordingNotFound("nothing was recorded then")
    pictures = sum(fragment.pictures for piece in run for _, _, fragment in piece.fragments)
    size = sum(length for piece in run for _, length, _ in piece.fragments)
    check_size(size, most_bytes)
    try:
        arguments = _arguments(run[0].header.codec, pictures, encoded)
        _write(run, target, arguments, most_bytes * 2 + (64 << 20), timeout_s)
    except OSError as error:
        target.unlink(missing_ok=True)
        raise StorageUnavailable(f"the recording could not be written: {error.strerror}") from error
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    last = run[-1]
    ended_at = last.moment(last.fragments[-1][2].start + last.fragments[-1][2].duration)
    moments = moments_of(run)
    return Joined(target, moments[0][1], ended_at, target.stat().st_size, pictures, moments)


def moments_of(run: Sequence[Piece]) -> tuple[tuple[float, datetime], ...]:
    """When what begins at which second of a joined file was recorded: for its beginning, and behind each gap."""
    found: list[tuple[float, datetime]] = []
    at_s = 0.0
    for piece in run:
        begun = piece.moment(piece.fragments[0][2].start)
        if not found or abs((begun - found[-1][1]).total_seconds() - (at_s - found[-1][0])) > _JITTER_S:
            found.append((at_s, begun))
        at_s += piece.duration / piece.header.timescale
    return tuple(found)


def check_size(size: int, most_bytes: int) -> None:
    """Raise InvalidInput where a file would be too large."""
    if size > most_bytes:
        raise InvalidInput(
            f"this would be a file of {size / 1e9:.1f} GB; one holds {most_bytes / 1e9:.1f} GB: ask for a shorter time"
        )


def _part(source: Source, reader: SegmentReader, begin: datetime, end: datetime) -> Piece | None:
    whole = Piece(source, reader.header, tuple(reader.fragments))
    touched = [
        number
        for number, (_, _, each) in enumerate(whole.fragments)
        if whole.moment(each.start) < end and whole.moment(each.start + each.duration) > begin
    ]
    if not touched:
        return None
    first = touched[0]
    while first > 0 and not whole.fragments[first][2].is_key:
        first -= 1
    return Piece(source, reader.header, whole.fragments[first : touched[-1] + 1])


def _write(run: Sequence[Piece], target: Path, arguments: list[str], most_bytes: int, timeout_s: float) -> None:
    descriptor = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    gone: list[OSError] = []
    try:
        with TemporaryFile() as said, _child(arguments, descriptor, said, most_bytes) as child:
            feeder = Thread(target=_feed, args=(child, run, gone), name="recording-join", daemon=True)
            feeder.start()
            try:
                child.wait(timeout_s)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            feeder.join()
            reason = _last_line(said) or "it took too long"
        if gone:
            raise FileGone from gone[0]
        if child.returncode:
            raise StorageUnavailable(f"the recording could not be joined: {reason}")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _last_line(said: BinaryIO) -> str:
    said.seek(max(0, said.seek(0, os.SEEK_END) - 2_000))
    lines = said.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1][-200:] if lines else ""


def _arguments(codec: str, pictures: int, encoded: frozenset[str]) -> list[str]:
    """How FFmpeg writes the file."""
    scale = f"scale=w='trunc(min({_WIDEST},iw)/2)*2':h=-2"
    encode = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "26", "-pix_fmt", "yuv420p", "-threads", "1"]
    index = str(_INDEX_BASE + pictures * _INDEX_PER_PICTURE)  # kept free in front, so that the file plays at once
    copy = ["-c", "copy", *(("-tag:v", "hvc1") if codec == "h265" else ())]
    return [*(["-vf", scale, *encode] if codec in encoded else copy), "-moov_size", index]


def _child(arguments: list[str], descriptor: int, said: BinaryIO, most_bytes: int) -> "subprocess.Popen[bytes]":
    """FFmpeg without environment, files and network: a pipe in, an open file out, another for what it says."""
    command = [
        *(get_ffmpeg_exe(), "-hide_banner", "-nostats", "-nostdin", "-loglevel", "error", "-y"),
        *("-threads", "1", "-protocol_whitelist", "pipe", "-f", "mp4", "-i", "pipe:0", "-map", "0:v:0", "-an"),
        *(*arguments, "-map_metadata", "-1", "-fps_mode", "passthrough"),
        *("-fflags", "+bitexact", "-f", "mp4", "-fd", str(descriptor), "fd:"),
    ]
    child = subprocess.Popen(  # noqa: S603 - the bundled ffmpeg
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=said,
        pass_fds=(descriptor,),
        env={},
        cwd="/",
    )
    with suppress(ProcessLookupError, PermissionError):
        resource.prlimit(child.pid, resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
        resource.prlimit(child.pid, resource.RLIMIT_CORE, (0, 0))
        resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
    return child


def _feed(child: "subprocess.Popen[bytes]", run: Sequence[Piece], gone: list[OSError]) -> None:
    """What could not be read is told in `gone`: the film would be cut short."""
    if child.stdin is None:
        return
    with suppress(BrokenPipeError), child.stdin as pipe:  # who stops reading has said why
        try:
            for part in _stream(run):
                pipe.write(part)
        except BrokenPipeError:
            return
        except OSError as error:
            gone.append(error)


def _stream(run: Sequence[Piece]) -> Iterator[bytes]:
    """One fragmented MP4: the first header, then every fragment at its place on one clock without gaps."""
    yield run[0].header.data
    at = 0
    for piece in run:
        first = piece.fragments[0][2].start
        with piece.source.path.open("rb") as file:
            for place, length, fragment in piece.fragments:
                file.seek(place)
                data = bytearray(file.read(length))
                if len(data) < length:
                    raise FileNotFoundError(piece.source.path)
                time = at + fragment.start - first
                data[fragment.time_at : fragment.time_at + fragment.time_size] = time.to_bytes(fragment.time_size)
                yield bytes(data)
        at += piece.duration
