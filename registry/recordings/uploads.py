"""What is kept moves from the disk of its host into the bucket."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import structlog

from registry.recordings.places import Places
from registry.records import Database, RecordingSegment, segments, utc_now
from registry.records.segments import STORED

_AT_ONCE = 20
_SETTLED = timedelta(minutes=30)  # no clip needs the file on this host any more
_ANEW_S = 600.0
_CHUNK = 1 << 20
log = structlog.get_logger(__name__)


class Uploads:
    """Walks through the files of this host, whatever became of their cameras; one that cannot be read holds up none."""

    def __init__(self, database: Database, places: Places) -> None:
        self._database = database
        self._places = places
        self._behind = ""
        self._began_s = time.monotonic()

    def move_some(self, is_ending: Callable[[], bool]) -> int:
        """Move the next few; how many went. Raises DatabaseUnavailable, StorageUnavailable: then it goes on there."""
        if time.monotonic() - self._began_s > _ANEW_S:  # what was not settled, or could not be read
            self._behind, self._began_s = "", time.monotonic()
        before = utc_now() - _SETTLED
        with self._database.read() as session:
            waiting = segments.to_upload(session, self._places.host, before, self._behind, _AT_ONCE)
        moved = 0
        for record in waiting:
            if is_ending():
                break
            moved += self._move(record)
            self._behind = record.id
        return moved

    def _move(self, record: RecordingSegment) -> bool:
        path = self._places.local(record)
        if path is None:
            return False
        key = STORED + record.path
        try:
            self._places.storage.put(key, _chunks(path))
        except OSError as error:
            log.warning("recording not uploaded", recording=record.id, reason=str(error)[:200])
            return False
        with self._database.write() as session:
            is_kept = segments.move(session, record.id, key)
        if not is_kept:  # deleted meanwhile
            self._places.storage.delete(key)
        path.unlink(missing_ok=True)
        return True


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
