"""One camera's recorder: packets in, segments kept or dropped."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

import structlog

from registry.cameras.recording import RecordingSettings
from registry.recordings.arrival_clock import ArrivalClock, monotonic_of, utc_of
from registry.recordings.disk_line import DiskLine
from registry.recordings.segment import Segment, from_path, next_id, path_of
from registry.recordings.segment_file import SegmentFile
from registry.recordings.touches import Touches
from registry.streams.fragments import Fragment, FragmentSplitter, Header
from registry.streams.loss import SourceLost

SEGMENT_S = 10.0
_LONGEST_S = 300.0  # without a key picture
_LARGEST = 512 << 20
_LATE_S = 10.0  # by which motion and events may be told late
_REMEMBERED_S = 120.0
_PAUSE_S = 2.0  # after the disk refused
NO_ROOM = "the disk is full: less is free than recording_min_free_mb, and nothing is left to delete"
log = structlog.get_logger(__name__)


@dataclass
class RecorderCounts:
    """What became of a camera's packets since the start."""

    segments: int = 0
    kept: int = 0
    bytes_written: int = 0
    lost: int = 0  # fragments for which the disk was too slow
    refused: int = 0  # times the disk refused, as a full one does
    unreadable: int = 0  # connections whose packets could not be read


@dataclass(frozen=True, slots=True)
class RecorderOutlets:
    """Who is told: of kept segments, of what later turned out to be in them, of a disk that refuses; and who knows
    whether there is room for more. None may block."""

    kept: Callable[[Segment], None]
    touched: Callable[[Segment], None]
    refused: Callable[[], None]
    has_room: Callable[[], bool] = lambda: True


@dataclass(frozen=True, slots=True)
class _Held:
    """A segment with its times on the monotonic clock."""

    segment: Segment
    began_s: float
    ended_s: float


class CameraRecorder:
    """`begin` and `feed` are the camera's thread's, `motion` and `event_…` anyone's; files are the disk line's."""

    def __init__(
        self,
        camera_id: str,
        settings: RecordingSettings,
        folder: Path,
        disk: DiskLine,
        outlets: RecorderOutlets,
        last_id: str = "",
        segment_s: float = SEGMENT_S,
    ) -> None:
        self.camera_id = camera_id
        self.settings = settings
        self.counts = RecorderCounts()
        self.problem = ""  # why nothing is written now
        self.motion, self.events = Touches(), Touches()  # when there was any
        self._folder = folder
        self._disk = disk
        self._outlets = outlets
        self._segment_s = segment_s
        self._splitter: FragmentSplitter | None = None
        self._clock = ArrivalClock()
        self._header: Header | None = None  # of the fragments that come, in the camera's thread
        self._next_tick = -1  # where the next one begins unless the camera's clock is set
        # the disk line's
        self._open: SegmentFile | None = None
        self._open_id = self._last_id = last_id
        self._began_s = 0.0
        self._ring: list[_Held] = []  # finished, and not decided about
        self._recent: list[_Held] = []  # kept, and may still be found to have more in them
        self._paused_until = 0.0

    def begin(self) -> None:
        """A new connection."""
        self._splitter, self._clock, self._header = FragmentSplitter(), ArrivalClock(), None
        self._disk.put(self._cut)

    def feed(self, data: bytes, at_s: float) -> None:
        """Some bytes of fragmented MP4. Never blocks."""
        if self._splitter is None:
            return
        try:
            for part in self._splitter.feed(data):
                self._hand_on(part, at_s)
        except SourceLost as lost:
            self._splitter = None  # until the next connection
            self.counts.unreadable += 1
            log.warning("recording stops until the next connection", camera=self.camera_id, reason=lost.detail)

    def mark_motion(self, at: datetime) -> None:
        """Something moved in the picture of a moment."""
        self.motion.mark(monotonic_of(at))

    def flush(self) -> None:
        """Finish what is being written; what happens later begins a new segment."""
        self._disk.put(self._cut)

    def close(self) -> None:
        """Finish, and decide about everything that waits: what was not touched goes."""
        self._splitter = None
        self._disk.put(self._end)

    def _hand_on(self, part: Header | Fragment, at_s: float) -> None:
        if isinstance(part, Header):
            self._header, self._clock = part, ArrivalClock()
            self._disk.put(self._cut)
            return
        if self._header is None:
            return
        scale = self._header.timescale
        if part.duration > _LONGEST_S * scale:  # the camera's clock was set: the next begins anew
            self._next_tick = -1
            return
        if part.start != self._next_tick:
            self._clock = ArrivalClock()
        self._next_tick = part.start + part.duration
        self._clock.arrived((part.start + part.duration) / scale, at_s)
        began_s = self._clock.at_s(part.start / scale)
        if not self._disk.put(partial(self._write, self._header, part, began_s), len(part.data)):
            self.counts.lost += 1

    # in the thread of the disk

    def _write(self, header: Header, fragment: Fragment, began_s: float) -> None:
        if self._open is not None and not self._fits(self._open, header, fragment):
            self._cut()
        if not self._outlets.has_room():
            self._cut()
            self.problem = NO_ROOM
        elif self._open is not None or (fragment.is_key and time.monotonic() >= self._paused_until):
            try:
                self._append(header, fragment, began_s)
            except OSError as error:
                self._refuse(error)
                self._cut()
        self._decide(began_s)

    def _append(self, header: Header, fragment: Fragment, began_s: float) -> None:
        if self._open is None:
            self._open_id = self._last_id = next_id(self._last_id)
            self._began_s = began_s
            path = self._folder / path_of(self.camera_id, utc_of(began_s), self._open_id)
            self._open = SegmentFile(path, header)
        self._open.append(fragment)
        self.problem = ""
        self.counts.bytes_written += len(fragment.data)

    def _fits(self, segment: SegmentFile, header: Header, fragment: Fragment) -> bool:
        """Whether a fragment follows in this file."""
        follows = segment.first is None or fragment.start == segment.first + segment.end
        is_long = segment.duration_s >= self._segment_s and fragment.is_key
        is_too_long = segment.duration_s >= _LONGEST_S or segment.size >= _LARGEST
        return header is segment.header and follows and not is_long and not is_too_long

    def _cut(self) -> None:
        segment, self._open = self._open, None
        if segment is None:
            return
        try:
            if not segment.end:
                segment.discard()
                return
            segment.finish()
        except OSError as error:
            with suppress(OSError):
                segment.discard()
            self._refuse(error)
            return
        self.counts.segments += 1
        path = segment.path.relative_to(self._folder).as_posix()
        made = from_path(path, segment.duration_s, segment.size, segment.header.codec)
        if made is not None:
            self._ring.append(_Held(made, self._began_s, self._began_s + segment.duration_s))

    def _refuse(self, error: OSError) -> None:
        """The disk is full or broken: what is whole stays, and it is tried again soon."""
        self.counts.refused += 1
        self._paused_until = time.monotonic() + _PAUSE_S
        self.problem = f"the disk refused: {error.strerror}"
        log.warning("recording refused by the disk", camera=self.camera_id, reason=error.strerror)
        self._outlets.refused()

    def _decide(self, now_s: float) -> None:
        for held in list(self._ring):
            judged = self._judge(held)
            if self._is_wanted(judged.segment):
                self._ring.remove(held)
                self._keep(judged)
            elif held.ended_s + self.settings.pre_s + _LATE_S < now_s:
                self._ring.remove(held)
                self._drop(held.segment)
        for held in list(self._recent):
            judged = self._judge(held)
            if judged != held:
                self._recent[self._recent.index(held)] = judged
                self._outlets.touched(judged.segment)
            elif held.ended_s + _REMEMBERED_S < now_s:
                self._recent.remove(held)

    def _judge(self, held: _Held) -> _Held:
        """With what is known by now to have happened in it, or so soon before or after that it belongs to it."""
        begin, end = held.began_s - self.settings.post_s, held.ended_s + self.settings.pre_s
        has_motion = held.segment.has_motion or self.motion.overlap(begin, end)
        has_event = held.segment.has_event or self.events.overlap(begin, end)
        return replace(held, segment=replace(held.segment, has_motion=has_motion, has_event=has_event))

    def _is_wanted(self, segment: Segment) -> bool:
        if self.settings.mode == "continuous":
            return True
        return segment.has_event or (self.settings.mode == "motion" and segment.has_motion)

    def _keep(self, held: _Held) -> None:
        self.counts.kept += 1
        self._recent.append(held)
        self._outlets.kept(held.segment)

    def _drop(self, segment: Segment) -> None:
        with suppress(OSError):
            (self._folder / segment.path).unlink(missing_ok=True)

    def _end(self) -> None:
        self._cut()
        for held in self._ring:
            judged = self._judge(held)
            if self._is_wanted(judged.segment):
                self._keep(judged)
            else:
                self._drop(held.segment)
        self._ring, self._recent = [], []
