"""Until when recordings are kept, and what goes when room is needed."""

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlmodel import select

from registry.cameras.recording import RecordingSettings, recording_of
from registry.errors import InvalidInput, RegistryError
from registry.recordings.places import Places
from registry.records import Aging, CameraRecord, Database, RecordingSegment, segments, utc_now

_AT_ONCE = 200
_ADD_UP_S = 600.0
_MARGIN = 1.25  # so much more room than the limit is made at once
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Removed:
    """What a sweep took away, by why."""

    expired: int = 0
    over_limit: int = 0
    for_room: Mapping[str, int] = field(default_factory=dict)  # by camera
    is_full: bool = False  # less is free than has to be, and nothing is left to delete


def expiry(settings: RecordingSettings, begun: datetime, *, has_motion: bool, has_event: bool) -> datetime | None:
    """When a segment's time is over; None where only room counts."""
    kept = settings.retention_days
    days = kept.events if has_event else kept.motion if has_motion else kept.continuous
    return begun + timedelta(days=days) if days else None


class Retention:
    """Sweeps; several may run at once, on one host or on many: each file and row is gone once."""

    def __init__(
        self,
        database: Database,
        places: Places,
        free_bytes: Callable[[], int] | None = None,
        aging: Aging | None = None,
    ) -> None:
        self._database = database
        self._places = places
        self._added_up_at = float("-inf")
        self._aging = aging or Aging()
        self._free_bytes = free_bytes or (lambda: shutil.disk_usage(places.folder).free)

    def sweep(self, min_free: int) -> Removed:
        """Delete of this host what is over its time, over its camera's size, or in the way of `min_free` bytes."""
        expired = sum(1 for _ in self.expire()) if self._aging.counts() else 0
        over = self._over_limit()
        gone = self.make_room(min_free)
        return Removed(expired, over, gone, is_full=self._free_bytes() < min_free)

    def claim(self) -> None:
        """Take over what lies here under another host's name, or none: hosts are renamed, disks moved."""
        behind = ""
        while True:
            with self._database.read() as session:
                batch = segments.of_others(session, self._places.host, behind, _AT_ONCE)
            if here := [each.id for each in batch if self._places.local(each) is not None]:
                with self._database.write() as session:
                    segments.claim(session, here, self._places.host)
            if len(batch) < _AT_ONCE:
                return
            behind = batch[-1].id

    def expire(self) -> Iterator[int]:
        """Delete of this host what is over its time; gives the bytes of each segment that went."""
        while True:
            with self._database.read() as session:
                batch = segments.expired(session, utc_now(), _AT_ONCE, self._places.host)
            gone = 0
            for record in batch:
                if self._remove(record):
                    gone += 1
                    yield record.size_bytes
            if len(batch) < _AT_ONCE or not gone:
                return

    def make_room(self, min_free: int) -> Counter[str]:
        """Delete of this host what is least wanted until enough is free; how many segments of which camera went."""
        gone: Counter[str] = Counter()
        if self._free_bytes() >= min_free:
            return gone
        wanted = int(min_free * _MARGIN)
        skipped = 0
        while self._free_bytes() < wanted:
            with self._database.read() as session:
                batch = segments.least_wanted(session, _AT_ONCE, self._places.host, behind=skipped)
            if not batch:
                break
            for record in batch:
                if self._places.local(record) is None or not self._remove(record):
                    skipped += 1  # of another folder
                    continue
                gone[record.camera_id] += 1
                if self._free_bytes() >= wanted:
                    break
        if gone:
            log.warning("recordings deleted for room", segments=sum(gone.values()), free_bytes=self._free_bytes())
        return gone

    def _over_limit(self) -> int:
        """Adding everything up is slow: not with each sweep."""
        if time.monotonic() < self._added_up_at + _ADD_UP_S:
            return 0
        with self._database.read() as session:
            sizes = segments.sizes(session, self._places.host)
            limits = {record.id: _limit(record) for record in session.exec(select(CameraRecord))}
        self._added_up_at = time.monotonic()
        surplus = {camera_id: size - limits[camera_id] for camera_id, size in sizes.items() if limits.get(camera_id)}
        return sum(self._shrink(camera_id, size) for camera_id, size in surplus.items() if size > 0)

    def _shrink(self, camera_id: str, surplus: int) -> int:
        gone, freed = 0, 0
        while freed < surplus:
            with self._database.read() as session:
                batch = segments.oldest(session, _AT_ONCE, self._places.host, camera_id)
            removed = list(self._remove_until(batch, surplus - freed))
            if not removed:
                break
            gone, freed = gone + len(removed), freed + sum(removed)
        return gone

    def _remove_until(self, batch: Iterable[RecordingSegment], surplus: int) -> Iterable[int]:
        freed = 0
        for record in batch:
            if freed >= surplus:
                return
            if self._remove(record):
                freed += record.size_bytes
                yield record.size_bytes

    def _remove(self, record: RecordingSegment) -> bool:
        """The file first: a row without a file is swept again, a file without a row would lie there for ever."""
        try:
            self._places.remove(record)
            with self._database.write() as session:
                return segments.remove(session, record.id)
        except (OSError, RegistryError) as error:
            log.warning("recording not deleted", recording=record.id, reason=str(error)[:200])
            return False


def _limit(record: CameraRecord) -> int:
    try:
        return int(recording_of(record.recording).most_gb * 1e9)
    except InvalidInput:
        return 0
