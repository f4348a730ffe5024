"""Where another worker left a camera: its open events end, its outage and its history go on."""

from contextlib import suppress

from sqlmodel import col, select

from registry.errors import Unavailable
from registry.records import CameraEvent, CameraRecord, Database, EventKind, camera_history, utc_now
from registry.worker.events import end_left_open
from registry.worker.histories import Histories
from registry.worker.outages import Outages


def take_up(database: Database, record: CameraRecord, outages: Outages, histories: Histories) -> None:
    """To be done before the camera starts here."""
    with suppress(Unavailable):  # they stay open until its next start
        end_left_open(database, record.id, utc_now())
        with database.read() as session:
            open_ones = select(CameraEvent).where(
                CameraEvent.camera_id == record.id,
                CameraEvent.kind == EventKind.OFFLINE,
                col(CameraEvent.ended_at).is_(None),
            )
            for event in session.exec(open_ones.order_by(col(CameraEvent.started_at))).all():
                outages.adopt(event)
            histories.adopt(record.id, camera_history.steps(session, record.id))
