"""Workers in real processes over real films: start, change, stop, death, absence of the database."""

import re
import signal
import sqlite3
import subprocess
import sys
import time
from threading import Thread
from typing import TYPE_CHECKING

import psutil
import pytest

from registry.records import NotificationDelivery, NotificationReceiver, ReceiverKind
from registry.settings import PROJECT_ROOT
from registry.worker.leases import LEASE_S, Report
from registry.worker.outages import LEASES_LOST
from registry.worker.worker import Worker
from tests.faults.platform_chaos import accounts

if TYPE_CHECKING:
    from tests.registry.worker.conftest import House

TAKEN_OVER_S = 10.0
CHANGED_S = 2.0
only_sqlite = pytest.mark.parametrize("house", ["sqlite"], indirect=True)


def captured(house: "House", camera_id: str) -> int:
    return int(house.lease(camera_id).report.get("account", {}).get("captured", 0))


@only_sqlite
def test_cameras_start_change_stop_and_end_without_touching_one_another(house: "House") -> None:
    house.add("a")
    house.add("b")
    process = house.start()
    house.wait_live("a", "b")
    assert house.ask("a", "snapshot.jpg").content[:2] == b"\xff\xd8"
    proofless = house.ask("a", "snapshot.jpg").request
    assert proofless.headers["authorization"]

    house.change("a", analysed_fps=10.0)
    assert house.wait(lambda: house.lease("a").revision == 2, "the change") < CHANGED_S + 1
    house.wait(lambda: house.lease("a").report["fps"] > 7, "ten pictures a second")
    house.change("a", url="file:///etc/passwd")
    house.wait(lambda: house.lease("a").reason == "configuration", "the refusal")
    assert house.lease("a").state == "failed"
    assert house.ask("a", "snapshot.jpg").status_code == 409
    house.change("a", url=house.film.as_uri(), is_wanted=False)
    assert house.wait(lambda: not house.lease("a").worker_id, "the stop") < CHANGED_S + 1

    before = captured(house, "b")
    house.wait(lambda: captured(house, "b") > before, "pictures of the other")
    assert house.lease("b").report["connections"] == 1
    told = accounts(house.ask("b", "../../metrics").text)
    assert set(told) == {"b"}
    assert told["b"].balanced

    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0
    assert (house.lease("b").worker_id, house.lease("b").state) == ("", "stopped")
    assert house.workers() == []
    assert not psutil.wait_procs(children, timeout=5)[1]


@pytest.mark.parametrize("house", ["postgresql", pytest.param("sqlite", marks=pytest.mark.slow)], indirect=True)
def test_cameras_of_a_worker_that_hangs_or_dies_are_taken_over_and_never_run_twice(house: "House") -> None:
    names = ["a", "b", "c", "d"]
    first, second = house.start(), house.start()
    house.wait(lambda: len(house.workers()) == 2, "two workers")
    for name in names:
        house.add(name)
    house.wait_live(*names)
    holders = {house.lease(each).worker_id for each in names}
    assert len(holders) == 2  # two cameras each

    first.send_signal(signal.SIGSTOP)
    theirs = [each for each in names if f"/{first.pid}-" in house.lease(each).worker_id]

    def moved() -> bool:
        return all(f"/{second.pid}-" in house.lease(each).worker_id for each in names)

    took_s = house.wait(moved, "the take-over of a worker that hangs")
    house.wait_live(*names)
    print(f"taken over from a worker that hangs after {took_s:.1f} s")
    assert LEASE_S - 1.5 < took_s < TAKEN_OVER_S
    first.send_signal(signal.SIGCONT)
    decoders = psutil.Process(first.pid)
    house.wait(lambda: not _decoders(decoders, theirs), "the end of what it ran")

    house.wait(lambda: len(house.workers()) == 2, "both workers again")
    orphans = psutil.Process(second.pid).children(recursive=True)
    second.kill()
    took_s = house.wait(
        lambda: all(f"/{first.pid}-" in house.lease(each).worker_id for each in names), "the take-over of the dead"
    )
    print(f"taken over from a dead worker after {took_s:.1f} s")
    assert took_s < TAKEN_OVER_S
    house.wait_live(*names)
    assert orphans
    assert not psutil.wait_procs(orphans, timeout=10)[1]  # its decoders and engines end by themselves


@only_sqlite
def test_a_worker_that_cannot_renew_its_leases_stops_in_time_and_goes_on_afterwards(house: "House") -> None:
    house.add("a")
    process = house.start()
    house.wait_live("a")
    worker = psutil.Process(process.pid)
    until = house.lease("a").leased_until
    assert until is not None
    with sqlite3.connect(house.settings.home / "nexusai.db", isolation_level=None) as away:
        away.execute("BEGIN EXCLUSIVE")
        ends_at = time.time() + (until.timestamp() - time.time())
        assert _decoders(worker, ["a"])  # it goes on for as long as nobody else can have the camera
        while _decoders(worker, ["a"]) and time.time() < ends_at + 5:
            time.sleep(0.05)
        assert time.time() < ends_at + 1.5  # renewed once more, perhaps, after `until` was read
        assert not _decoders(worker, ["a"])
        away.execute("ROLLBACK")
    before = captured(house, "a")
    house.wait(lambda: captured(house, "a") > before, "pictures again")
    assert process.poll() is None


@only_sqlite
def test_a_worker_that_stops_its_cameras_itself_knows_why(house: "House") -> None:
    house.add("a")
    worker = Worker(house.settings, loopback=True)
    running = Thread(target=worker.run)
    running.start()
    try:
        house.wait_live("a")
        with sqlite3.connect(house.settings.home / "nexusai.db", isolation_level=None) as away:
            away.execute("BEGIN EXCLUSIVE")
            house.wait(lambda: not worker._names(), "the camera to be stopped")
            assert worker._outages._said("a", Report(1, "connecting")) == LEASES_LOST
            away.execute("ROLLBACK")
    finally:
        worker.end()
        running.join(30)


def _decoders(worker: psutil.Process, _of: list[str]) -> list[psutil.Process]:
    try:
        return [each for each in worker.children() if "ffmpeg" in each.name()]
    except psutil.NoSuchProcess:
        return []


@only_sqlite
def test_a_worker_without_cameras_stays_small(house: "House") -> None:
    process = house.start()
    house.wait(lambda: len(house.workers()) == 1, "the worker")
    loaded = psutil.Process(process.pid).memory_maps()
    assert not [each.path for each in loaded if re.search("cv2|onnxruntime|scipy", each.path)]
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


@only_sqlite
def test_notifications_go_out_where_no_camera_runs(house: "House") -> None:
    """Such as the last event of a camera that was stopped before a worker had told it."""
    receiver = NotificationReceiver(
        name="r", kind=ReceiverKind.WEBHOOK, address="https://192.0.2.1/", owner_id="o", owner_name="o"
    )
    waits = NotificationDelivery(receiver_id=receiver.id, event_id="e", phase="started")
    with house.database.write() as session:
        session.add(receiver)
        session.add(waits)
    house.start()

    def held_by() -> str:
        with house.database.read() as session:
            return session.get_one(NotificationReceiver, receiver.id).held_by

    house.wait(lambda: bool(held_by()), "a postman")


SIGNALLED = """
import os, signal, threading
from registry.worker.worker import on_signal
ending = threading.Event()
on_signal(ending.set)
with ending._cond:  # where `wait` is for some moments of each beat
    os.kill(os.getpid(), signal.SIGTERM)
assert ending.wait(20)
"""


def test_a_signal_at_any_moment_ends_a_worker() -> None:
    assert subprocess.run([sys.executable, "-c", SIGNALLED], timeout=60, cwd=PROJECT_ROOT, check=False).returncode == 0
