"""Films that are made of recordings for somebody who waits for them: few at a time, none cut short."""

import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from shutil import copyfile
from typing import BinaryIO

from registry.access.live import Live
from registry.errors import Conflict, RecordingNotFound, TooManyRequests
from registry.recordings.joining import UNPLAYED, FileGone, Joined, Piece, Source, check_size, join, pieces_of
from registry.recordings.places import Places
from registry.recordings.scratch import Scratch
from registry.records import RecordingSegment
from registry.records.segments import STORED

_AT_ONCE = 2
_PATIENCE_S = 5.0
_MOST_KEPT_BYTES = 1 << 30


class Films:
    """Copies and encodes on this host; what one recording needed is kept for a while."""

    def __init__(self, live: Live, places: Places) -> None:
        self._live = live
        self._places = places
        self._kept = Scratch(places.scratch / "kept", _MOST_KEPT_BYTES)
        self._turns = threading.BoundedSemaphore(_AT_ONCE)

    def open(self, record: RecordingSegment, *, playable: bool) -> BinaryIO:
        """A recording's MP4. Raises RecordingNotFound, TooManyRequests, StorageUnavailable."""
        is_encoded = playable and record.codec in UNPLAYED
        try:
            path = self._places.local(record)
            if path is not None and not is_encoded:
                return path.open("rb")
            if not is_encoded and not record.path.startswith(STORED):
                raise RecordingNotFound(f"the file of recording {record.id} is on another host, or gone")
            name = f"{record.id}{'-encoded' if is_encoded else ''}.mp4"
            return self._kept.open(name, lambda target: self._make(record, target, is_encoded=is_encoded))
        except (FileNotFoundError, FileGone) as error:
            raise RecordingNotFound(f"the file of recording {record.id} is gone") from error

    def join(
        self, read_rows: Callable[[], Sequence[RecordingSegment]], begin: datetime, end: datetime, most_bytes: int
    ) -> Joined:
        """A new file of what lies between two moments of one camera; who calls deletes it.

        Raises RecordingNotFound, InvalidInput, Conflict, TooManyRequests, StorageUnavailable, and as `read_rows` does.
        """
        self._places.tidy()
        with self._turn():
            try:
                return self._join(read_rows(), begin, end, most_bytes, is_first=True)
            except FileGone:  # deleted, or moved into the bucket: the rows say which
                pass
            try:
                return self._join(read_rows(), begin, end, most_bytes, is_first=False)
            except FileGone as error:
                raise Conflict("recordings were deleted meanwhile", hint="Ask again.") from error

    def forget(self, record: RecordingSegment) -> None:
        """Remove what was kept of a recording."""
        self._kept.drop(record.id)

    def _make(self, record: RecordingSegment, target: Path, *, is_encoded: bool) -> None:
        self._places.tidy()
        with self._turn(), self._places.file(record) as path:
            if not is_encoded:
                copyfile(path, target)
                return
            runs = pieces_of([Source(path, record.started_at)], record.started_at, record.ended_at)
            most_bytes = self._live.current().recording_export_mb << 20
            join(runs[0] if runs else [], target, most_bytes, encoded=UNPLAYED)

    def _join(
        self, found: Sequence[RecordingSegment], begin: datetime, end: datetime, most_bytes: int, *, is_first: bool
    ) -> Joined:
        check_size(sum(record.size_bytes for record in found[1:-1]), most_bytes)  # before anything is fetched
        with ExitStack() as files:
            sources, away = [], []
            for record in found:
                try:
                    sources.append(Source(files.enter_context(self._places.file(record)), record.started_at))
                except RecordingNotFound as error:
                    if self._places.is_elsewhere(record):
                        away.append(record)
                    elif is_first:
                        raise FileGone from error
            if found and not sources:
                raise RecordingNotFound("the files of what was recorded then are gone, or on another host")
            if away:
                raise Conflict(
                    f"{len(away)} of the {len(found)} recordings of this time are on the host {away[0].host}, "
                    f"the first from {away[0].started_at.isoformat(timespec='seconds')}",
                    hint="Ask that host, or for a time without them; in a bucket every host finds them.",
                )
            runs = pieces_of(sources, begin, end)
            if len(runs) > 1:
                changes = ", ".join(run[0].source.started_at.isoformat(timespec="seconds") for run in runs[1:])
                raise Conflict(f"the camera changed its stream meanwhile: export before and after {changes}")
            return export(runs[0] if runs else [], self._places.scratch, most_bytes)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._turns.acquire(timeout=_PATIENCE_S):
            raise TooManyRequests(
                f"{_AT_ONCE} other recordings are being put together at the moment",
                hint="Try again in some seconds.",
                details={"retry_after_s": 5},
            )
        try:
            yield
        finally:
            self._turns.release()


def export(run: Sequence[Piece], folder: Path, most_bytes: int) -> Joined:
    """Join a run into a new file of a folder. Raises as `join` does."""
    folder.mkdir(parents=True, exist_ok=True)
    return join(run, folder / f"{secrets.token_hex(8)}.mp4", most_bytes)
