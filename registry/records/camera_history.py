"""What became of a camera's frames over the last hour, step by step: the queries."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select, update

from registry.records.cameras import CameraHistory, CameraRecord
from registry.records.tables import utc_now

SPAN = timedelta(hours=1)
STEP_S = 15.0
MOST = int(SPAN.total_seconds() / STEP_S)


@dataclass(frozen=True, slots=True)
class Step:
    """The frames of some seconds that ended at a time, in seconds since 1970; stored as a row of numbers."""

    at: float
    seconds: float
    captured: int
    inferred: int
    gated: int
    dropped: int
    failed: int
    age_p95_ms: float

    def to_dict(self) -> dict[str, Any]:
        """As rates: frames captured in a second, the others in a minute."""
        minutes = self.seconds / 60
        return {
            "at": datetime.fromtimestamp(self.at, UTC),
            "fps": round(self.captured / self.seconds, 2),
            "age_p95_ms": self.age_p95_ms,
            "inferred_per_minute": round(self.inferred / minutes, 1),
            "gated_per_minute": round(self.gated / minutes, 1),
            "dropped_per_minute": round(self.dropped / minutes, 1),
            "failed_per_minute": round(self.failed / minutes, 1),
        }


_WIDTH = len(fields(Step))


def steps(session: Session, camera_id: str) -> list[Step]:
    """Those of the last hour, oldest first."""
    kept = session.exec(select(CameraHistory.steps).where(CameraHistory.camera_id == camera_id)).first() or []
    now = utc_now()
    begin, end = (now - SPAN).timestamp(), now.timestamp() + STEP_S
    return [Step(*row) for row in kept if len(row) == _WIDTH and begin <= row[0] <= end]


def put(session: Session, histories: Mapping[str, Iterable[Step]]) -> None:
    """Keep the steps of cameras by id, in the place of what was kept of them; nothing for a camera that is deleted."""
    known = set(session.exec(select(CameraRecord.id).where(col(CameraRecord.id).in_(histories))).all())
    for camera_id in known:
        rows: Sequence[list[float]] = [list(astuple(step)) for step in histories[camera_id]]
        change = update(CameraHistory).where(col(CameraHistory.camera_id) == camera_id).values(steps=rows)
        if not session.exec(change).rowcount:
            session.add(CameraHistory(camera_id=camera_id, steps=list(rows)))
