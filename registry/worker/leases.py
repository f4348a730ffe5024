"""Which cameras this worker runs: taken, kept and handed back in the records."""

import math
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, or_
from sqlalchemy import select as raw_select
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import Session, col, delete, select, update

from registry.records import CameraLease, CameraRecord, ClockWatch, Database, WorkerRecord, database_now, utc_now
from registry.records.camera_list import MARGIN_S
from registry.records.identity import Identity

LEASE_S = 6.0
_FORGOTTEN_AFTER = timedelta(minutes=2)
_LONGEST = timedelta(seconds=2 * LEASE_S)


@dataclass(frozen=True, slots=True)
class Report:
    """What a camera that runs here is doing; `revision` of the configuration it runs with."""

    revision: int
    state: str
    reason: str = ""
    detail: str = ""
    since: datetime | None = None
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Held:
    """A camera that is this worker's to run, and how often people have asked for a fresh start."""

    camera: CameraRecord
    restarts: int


class Leases:
    """The leases of one worker. `beat` is called by one thread; times are those of the database.

    Its clock may be set. Until every worker has had the time to renew what it holds by the new time, nobody takes
    anything; a lease that ends later than any can is one that nobody has renewed since the clock was set back.
    """

    def __init__(self, database: Database, identity: Identity, url: str) -> None:
        self._database, self._identity, self._url = database, identity, url
        self._started_at = utc_now()
        self._giving: set[str] = set()  # to be handed back as soon as they run no longer
        self._clock = ClockWatch()
        self._settled_at = float("-inf")  # monotonic: since the database's clock was set
        self.safe_until = 0.0  # monotonic: nobody else takes this worker's cameras before

    def beat(self, running: Mapping[str, Report]) -> list[Held]:
        """Renew what is held with its reports, take what is free, and answer what to run from now on.

        What is held but not wanted any more, or beyond this worker's share, is left out, and handed back with the
        beat after it stopped. Raises DatabaseUnavailable.
        """
        with self._database.write() as session:
            session.connection()  # on SQLite this waits until nobody else writes: no part of the lease is lost by it
            began = time.monotonic()
            now = database_now(session)
            is_settled = self._is_settled(now, began)
            self._sign(session, now, forget=is_settled)
            held = self._renew(session, now, running)
            self._giving &= {each.camera.id for each in held}
            if is_settled:
                held += self._balance(session, now, held)
        self.safe_until = began + LEASE_S - MARGIN_S
        return [each for each in held if each.camera.id not in self._giving]

    def leave(self) -> None:
        """Hand everything back; nothing may run any more. Raises DatabaseUnavailable."""
        with self._database.write() as session:
            self._give_back(session, col(CameraLease.worker_id) == self._identity.id)
            session.exec(delete(WorkerRecord).where(col(WorkerRecord.id) == self._identity.id))

    def _is_settled(self, now: datetime, began: float) -> bool:
        """Whether the database's clock was not set lately."""
        if self._clock.look(now):
            self._settled_at = began + LEASE_S
        return began >= self._settled_at

    def _balance(self, session: Session, now: datetime, held: Sequence[Held]) -> list[Held]:
        """Give a camera away where there are too many here; what was taken where there are too few."""
        share = self._share(session, now, held)
        if len(held) - len(self._giving) > share:
            self._giving.add(next(each.camera.id for each in held if each.camera.id not in self._giving))
        return self._take(session, now, share - len(held)) if len(held) < share else []

    def _sign(self, session: Session, now: datetime, *, forget: bool) -> None:
        """Be known to live, and `forget` those that have not for long, or that say so of a time to come."""
        row = WorkerRecord(
            id=self._identity.id, host=self._identity.host, url=self._url, started_at=self._started_at, beat_at=now
        )
        session.merge(row)
        if forget:
            beat_at = col(WorkerRecord.beat_at)
            gone = or_(beat_at < now - _FORGOTTEN_AFTER, beat_at > now + _LONGEST)
            session.exec(delete(WorkerRecord).where(gone))

    def _renew(self, session: Session, now: datetime, running: Mapping[str, Report]) -> list[Held]:
        mine = select(CameraLease, CameraRecord).where(CameraLease.worker_id == self._identity.id)
        joined = mine.join(CameraRecord, col(CameraRecord.id) == col(CameraLease.camera_id), isouter=True)
        rows = session.exec(joined.order_by(col(CameraLease.camera_id))).all()
        kept, over = [], []
        for lease, camera in rows:
            wanted = camera is not None and camera.is_wanted
            if (not wanted or lease.camera_id in self._giving) and lease.camera_id not in running:
                over.append(lease.camera_id)
                continue
            self._extend(session, now, lease.camera_id, running.get(lease.camera_id))
            if wanted:
                kept.append(Held(camera, lease.restarts))
        if over:
            self._give_back(session, col(CameraLease.camera_id).in_(over))
        return kept

    def _extend(self, session: Session, now: datetime, camera_id: str, report: Report | None) -> None:
        values: dict[str, Any] = {"leased_until": now + timedelta(seconds=LEASE_S)}
        if report is not None:
            values |= {
                "revision": report.revision,
                "state": report.state,
                "reason": report.reason[:32],
                "detail": "".join(each if each.isprintable() else " " for each in report.detail[:300]),
                "since": report.since,
                "report": report.facts,
                "reported_at": now,
            }
        mine = (col(CameraLease.camera_id) == camera_id, col(CameraLease.worker_id) == self._identity.id)
        session.exec(update(CameraLease).where(*mine).values(**values))

    def _share(self, session: Session, now: datetime, held: Collection[Held]) -> int:
        """How many cameras are this worker's part of all that are wanted."""
        wanted = session.exec(select(func.count()).select_from(CameraRecord).where(col(CameraRecord.is_wanted))).one()
        alive = col(WorkerRecord.beat_at) > now - timedelta(seconds=LEASE_S)
        workers = session.exec(select(WorkerRecord.id).where(alive)).all()
        living = [each for each in workers if not self._identity.knows_dead(each)]
        return math.ceil(wanted / max(1, len(living)))

    def _take(self, session: Session, now: datetime, most: int) -> list[Held]:
        """Lease free cameras; rows that another worker holds at this moment are left to it."""
        self._make_rows(session)
        others = session.exec(select(WorkerRecord.id)).all()
        dead = [each for each in others if each != self._identity.id and self._identity.knows_dead(each)]
        free: ColumnElement[bool] = or_(
            col(CameraLease.worker_id) == "",
            col(CameraLease.leased_until).is_(None),
            col(CameraLease.leased_until) < now,
            col(CameraLease.leased_until) > now + _LONGEST,
            col(CameraLease.worker_id).in_(dead),
        )
        query = select(CameraLease, CameraRecord).join(CameraRecord, col(CameraRecord.id) == col(CameraLease.camera_id))
        query = query.where(free, col(CameraRecord.is_wanted)).order_by(col(CameraRecord.created_at)).limit(most)
        taken: list[Held] = []
        for lease, camera in session.exec(query.with_for_update(skip_locked=True, of=CameraLease)).all():
            lease.worker_id, lease.leased_until = self._identity.id, now + timedelta(seconds=LEASE_S)
            session.add(lease)
            taken.append(Held(camera, lease.restarts))
        return taken

    def _make_rows(self, session: Session) -> None:
        """Every wanted camera has a lease to be taken."""
        without = (
            raw_select(col(CameraRecord.id))
            .outerjoin(CameraLease, col(CameraLease.camera_id) == col(CameraRecord.id))
            .where(col(CameraRecord.is_wanted), col(CameraLease.camera_id).is_(None))
        )
        missing = session.connection().execute(without).scalars().all()
        insert = postgres_insert if self._database.dialect == "postgresql" else sqlite_insert
        for camera_id in missing:
            row = CameraLease(camera_id=camera_id).model_dump()
            session.connection().execute(insert(CameraLease).values(row).on_conflict_do_nothing())

    def _give_back(self, session: Session, which: ColumnElement[bool]) -> None:
        values = {"worker_id": "", "leased_until": None, "state": "stopped", "reason": "", "detail": ""}
        mine = (which, col(CameraLease.worker_id) == self._identity.id)
        session.exec(update(CameraLease).where(*mine).values(**values, since=database_now(session)))
        gone = ~col(CameraLease.camera_id).in_(select(CameraRecord.id))
        session.exec(delete(CameraLease).where(gone, col(CameraLease.worker_id) == ""))


def workers_alive(session: Session) -> Sequence[WorkerRecord]:
    """The workers that were heard of lately."""
    alive = col(WorkerRecord.beat_at) > database_now(session) - timedelta(seconds=LEASE_S)
    return session.exec(select(WorkerRecord).where(alive).order_by(col(WorkerRecord.id))).all()
