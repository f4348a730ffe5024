"""Cameras over whose frames a detector was lost."""

from dataclasses import dataclass, field

FIRST_S, MOST_S = 1.0, 30.0
FORGIVE_S = 60.0


@dataclass(slots=True)
class _Record:
    losses: int
    until: float  # barred


@dataclass(slots=True)
class Blame:
    """Who was asked about alone when a detector was lost: asked alone from then on, and from the second time barred
    for 1, 2, 4 … 30 seconds, until a minute passed without another loss. Times are monotonic seconds.
    """

    _records: dict[str, _Record] = field(default_factory=dict)

    def lost(self, camera_id: str, now: float) -> float:
        """Over a frame of this camera alone; for how many seconds it is barred."""
        self._forgive(camera_id, now)
        record = self._records.setdefault(camera_id, _Record(0, now))
        record.losses += 1
        barred_s = min(FIRST_S * 2.0 ** min(record.losses - 2, 9), MOST_S) if record.losses > 1 else 0.0
        record.until = now + barred_s
        return barred_s

    def is_suspect(self, camera_id: str, now: float) -> bool:
        """Whether its frames go to the detector alone."""
        if camera_id in self._records:
            self._forgive(camera_id, now)
        return camera_id in self._records

    def is_barred(self, camera_id: str, now: float) -> bool:
        """Whether its frames go to no detector now."""
        record = self._records.get(camera_id)
        return record is not None and now < record.until

    def _forgive(self, camera_id: str, now: float) -> None:
        record = self._records.get(camera_id)
        if record is not None and now - record.until > FORGIVE_S:
            del self._records[camera_id]
