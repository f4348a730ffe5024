"""Which worker runs which camera, on both databases."""

import re
import threading
import time
from datetime import timedelta

import pytest
from sqlmodel import select

from registry.access.actor import local_actor
from registry.errors import CameraNotFound
from registry.records import CameraLease, CameraRecord, Database, WorkerRecord, utc_now
from registry.records.identity import Identity
from registry.worker.leases import LEASE_S, MARGIN_S, Leases, Report
from registry.worker.viewing import Viewing

HERE = Identity.own()
ADMIN = local_actor()
LIVE = Report(1, "live", facts={"fps": 5.0})


def elsewhere(name: str) -> Identity:
    """A worker of another machine: whether it lives only its lease tells."""
    return Identity(name, "another-boot", "1-1")


def add(database: Database, *names: str, wanted: bool = True) -> None:
    with database.write() as session:
        for name in names:
            session.add(
                CameraRecord(
                    id=name, name=name, url="rtsp://10.0.0.7:554/", is_wanted=wanted, owner_id="o", owner_name="o"
                )
            )


def change(database: Database, camera_id: str, **values: object) -> None:
    with database.write() as session:
        record = session.get_one(CameraRecord, camera_id)
        for name, value in values.items():
            setattr(record, name, value)
        session.add(record)


def lease(database: Database, camera_id: str) -> CameraLease | None:
    with database.read() as session:
        return session.get(CameraLease, camera_id)


def expire(database: Database, worker: Identity) -> None:
    """What time does to a worker that is not heard of any more."""
    with database.write() as session:
        for held in session.exec(select(CameraLease).where(CameraLease.worker_id == worker.id)).all():
            held.leased_until = utc_now() - timedelta(seconds=1)
            session.add(held)
        signed = session.get_one(WorkerRecord, worker.id)
        signed.beat_at = utc_now() - timedelta(seconds=30)
        session.add(signed)


def ids(held: object) -> list[str]:
    return sorted(each.camera.id for each in held)  # type: ignore[attr-defined]


def test_wanted_cameras_are_taken_reported_and_handed_back(database: Database) -> None:
    add(database, "a", "b")
    add(database, "off", wanted=False)
    worker = Leases(database, HERE, "http://127.0.0.1:1")
    assert ids(worker.beat({})) == ["a", "b"]
    worker.beat({"a": LIVE, "b": LIVE})
    told = lease(database, "a")
    assert told is not None
    assert (told.state, told.report["fps"], told.revision, told.worker_id) == ("live", 5.0, 1, HERE.id)
    worker.leave()
    told = lease(database, "a")
    assert told is not None
    assert (told.worker_id, told.leased_until, told.state) == ("", None, "stopped")
    with database.read() as session:
        assert session.exec(select(WorkerRecord)).all() == []


def test_a_camera_that_is_not_wanted_stays_leased_until_it_has_stopped(database: Database) -> None:
    add(database, "a")
    worker, other = Leases(database, HERE, ""), Leases(database, elsewhere("far"), "")
    worker.beat({})
    change(database, "a", is_wanted=False)
    assert ids(worker.beat({"a": LIVE})) == []  # it still runs
    change(database, "a", is_wanted=True)
    assert ids(other.beat({})) == []  # so nobody else may have it
    assert ids(worker.beat({"a": LIVE})) == ["a"]
    change(database, "a", is_wanted=False)
    worker.beat({"a": LIVE})
    worker.beat({})
    held = lease(database, "a")
    assert held is not None
    assert held.worker_id == ""


def test_a_deleted_camera_is_held_no_longer_and_leaves_no_lease(database: Database) -> None:
    add(database, "a", "b")
    worker = Leases(database, HERE, "")
    worker.beat({})
    with database.write() as session:
        session.delete(session.get_one(CameraRecord, "a"))
    assert ids(worker.beat({"a": LIVE, "b": LIVE})) == ["b"]
    worker.beat({"b": LIVE})
    assert lease(database, "a") is None


def test_workers_share_what_is_wanted_and_the_late_one_gets_its_part(database: Database) -> None:
    add(database, *"abcdef")
    first, second = Leases(database, HERE, ""), Leases(database, elsewhere("far"), "")
    running = {each.camera.id: LIVE for each in first.beat({})}
    assert len(running) == 6
    late: dict[str, Report] = {}
    for _ in range(8):  # one camera moves with each beat
        late = dict.fromkeys(ids(second.beat(late)), LIVE)
        running = dict.fromkeys(ids(first.beat(running)), LIVE)
        assert not set(running) & set(late)
    assert (len(running), len(late)) == (3, 3)


def test_a_lease_that_ended_is_taken_over_and_its_old_holder_is_told(database: Database) -> None:
    add(database, "a")
    gone, worker = Leases(database, elsewhere("far"), ""), Leases(database, HERE, "")
    assert ids(gone.beat({})) == ["a"]
    assert ids(worker.beat({})) == []
    expire(database, elsewhere("far"))
    assert ids(worker.beat({})) == ["a"]
    assert ids(gone.beat({"a": LIVE})) == []  # it comes back, and has to stop
    held = lease(database, "a")
    assert held is not None
    assert held.worker_id == HERE.id


def test_a_worker_of_this_machine_that_ended_is_followed_at_once(database: Database) -> None:
    add(database, "a")
    dead = Identity(HERE.host, HERE.place, "4194304-1")  # above the largest process id
    assert ids(Leases(database, dead, "").beat({})) == ["a"]
    assert ids(Leases(database, HERE, "").beat({})) == ["a"]


@pytest.mark.parametrize("workers", [4])
def test_workers_that_beat_at_once_never_hold_the_same_camera(database: Database, workers: int) -> None:
    leases = [Leases(database, elsewhere(f"host-{number}"), "") for number in range(workers)]
    for each in leases:  # all are known before there is anything to share
        each.beat({})
    add(database, *(f"c{number:02}" for number in range(20)))
    held: list[list[str]] = [[] for _ in leases]
    together = threading.Barrier(workers)

    def beat(number: int) -> None:
        together.wait()
        for _ in range(5):
            held[number] = ids(leases[number].beat(dict.fromkeys(held[number], LIVE)))

    threads = [threading.Thread(target=beat, args=(number,)) for number in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    every = [camera_id for each in held for camera_id in each]
    assert len(every) == len(set(every)) == 20
    assert {len(each) for each in held} == {5}


def test_what_no_worker_runs_has_no_rate_and_the_address_of_what_one_runs_is_its_own(database: Database) -> None:
    account = {"captured": 9, "inferred": {"m/1": 5}, "gated": 1, "dropped": {"stopped": 1}, "failed": 0, "pending": 2}
    facts = {"fps": 4.5, "age_ms": {"median": 90.0, "p95": 95.0}, "account": account}
    add(database, "a" * 32)
    worker, viewing = Leases(database, HERE, "http://127.0.0.1:1"), Viewing(database)
    worker.beat({})
    worker.beat({"a" * 32: Report(1, "live", facts=facts)})
    assert viewing.address(ADMIN, "a" * 32).stream == f"http://127.0.0.1:1/cameras/{'a' * 32}/live.mjpg"
    with pytest.raises(CameraNotFound):
        viewing.address(ADMIN, "a" * 32 + "/../../metrics?")
    assert _gauges(viewing) == {"fps": 4.5, "pending": 2.0, "age_seconds": 0.095}
    worker.leave()
    assert _gauges(viewing) == {"fps": 0.0, "pending": 0.0, "age_seconds": 0.0}
    assert 'outcome="dropped"} 3.0' in viewing.exposition().decode()


def _gauges(viewing: Viewing) -> dict[str, float]:
    text = viewing.exposition().decode()
    return {
        name: float(value)
        for name, value in re.findall(r"^nexusai_camera_(fps|pending|age_seconds){.*} (.+)$", text, re.M)
    }


def test_restarts_that_people_ask_for_survive_the_reports(database: Database) -> None:
    add(database, "a")
    worker = Leases(database, HERE, "")
    worker.beat({})
    with database.write() as session:
        asked = session.get_one(CameraLease, "a")
        asked.restarts += 1
        session.add(asked)
    assert [each.restarts for each in worker.beat({"a": LIVE})] == [1]


def test_what_a_camera_says_of_itself_never_keeps_a_lease_from_being_renewed(database: Database) -> None:
    add(database, "a", "b")
    worker = Leases(database, HERE, "")
    worker.beat({})
    strange = Report(1, "waiting", "garbage", "it answers with a\0b\ud800\n")
    assert ids(worker.beat({"a": strange, "b": LIVE})) == ["a", "b"]
    told = lease(database, "a")
    assert told is not None
    assert told.detail == "it answers with a b  "


def test_who_waited_to_write_has_not_lost_that_time_of_its_leases(sqlite: Database) -> None:
    add(sqlite, "a")
    worker = Leases(sqlite, HERE, "")
    worker.beat({})
    writes, done = threading.Event(), threading.Event()

    def write() -> None:
        with sqlite.write() as session:
            session.connection()
            writes.set()
            done.wait(10)

    thread = threading.Thread(target=write)
    thread.start()
    assert writes.wait(10)
    threading.Timer(2.0, done.set).start()
    began = time.monotonic()
    worker.beat({"a": LIVE})
    thread.join()
    assert worker.safe_until - began > LEASE_S - MARGIN_S + 1
