"""What is told of the cameras of a worker that has gone, on both databases."""

import subprocess
import sys
from datetime import timedelta

import pytest
from sqlmodel import col, update

from registry.access.actor import local_actor
from registry.errors import CameraNotRunning, WorkerUnavailable
from registry.records import CameraLease, CameraRecord, Database, camera_list, utc_now
from registry.records.camera_list import MARGIN_S, CameraFilter
from registry.records.identity import Identity
from registry.worker.leases import Leases, Report
from registry.worker.viewing import Viewing

ADMIN = local_actor()
LIVE = Report(1, "live", facts={"fps": 5.0, "tracks": 2, "age_ms": {"median": 90.0, "p95": 95.0}})


@pytest.fixture
def viewing(database: Database) -> Viewing:
    with database.write() as session:
        session.add(CameraRecord(id="a", name="a", url="rtsp://10.0.0.7:554/", owner_id="o", owner_name="o"))
    return Viewing(database)


def run(database: Database, identity: Identity) -> None:
    worker = Leases(database, identity, "http://127.0.0.1:1")
    worker.beat({})
    worker.beat({"a": LIVE})


def told(database: Database, viewing: Viewing) -> tuple[object, ...]:
    """Its state by itself and by the list's filter, and what goes with it."""
    info = viewing.info(ADMIN, "a")
    with database.read() as session:
        found, _ = camera_list.page(
            session, CameraFilter(state=info["state"]), camera_list.moment(session), number=1, size=5
        )
    assert [record.id for record, _ in found] == ["a"]
    return info["state"], info["reason"], info["fps"], info["tracks"], bool(info["worker"])


def test_a_worker_beside_us_that_was_killed_shows_its_cameras_live_no_longer(
    database: Database, viewing: Viewing
) -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        run(database, Identity.own().beside(process.pid))
        assert told(database, viewing) == ("live", "", 5.0, 2, True)
    finally:
        process.kill()
        process.wait()
    assert told(database, viewing) == ("waiting", "no_worker", 0.0, 0, False)
    with pytest.raises(WorkerUnavailable, match="no worker runs camera 'a'") as refused:
        viewing.address(ADMIN, "a")
    assert refused.value.hint.startswith("Try again")


def test_who_asks_for_the_picture_of_a_stopped_camera_is_told_how_to_start_it(
    database: Database, viewing: Viewing
) -> None:
    with database.write() as session:
        session.exec(update(CameraRecord).values(is_wanted=False))
    with pytest.raises(CameraNotRunning) as refused:
        viewing.address(ADMIN, "a")
    assert "/api/v1/cameras/a/start" in refused.value.hint


def test_a_worker_elsewhere_that_cannot_renew_has_stopped_before_its_lease_ends(
    database: Database, viewing: Viewing
) -> None:
    run(database, Identity("far", "another-boot", "1-1"))
    _end_in(database, MARGIN_S + 1)
    assert told(database, viewing)[0] == "live"
    _end_in(database, MARGIN_S - 0.1)
    assert told(database, viewing)[0] == "waiting"


def _end_in(database: Database, seconds: float) -> None:
    with database.write() as session:
        until = utc_now() + timedelta(seconds=seconds)
        session.exec(update(CameraLease).where(col(CameraLease.camera_id) == "a").values(leased_until=until))
