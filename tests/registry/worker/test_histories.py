"""The last hour of a camera, kept by its worker whoever watches."""

from datetime import timedelta
from typing import Any

import pytest

from registry.access import Actor
from registry.access.actor import local_actor
from registry.errors import CameraNotFound, Forbidden
from registry.records import CameraHistory, CameraRecord, Database, Role, camera_history, camera_list, utc_now
from registry.records.camera_history import MOST, STEP_S, Step
from registry.worker.histories import Histories
from registry.worker.leases import Report
from registry.worker.viewing import Viewing
from tests.registry.worker.test_leases import add
from tests.registry.worker.test_outages import Clock

ADMIN = local_actor()


def report(captured: int, inferred: int = 0, gated: int = 0, dropped: int = 0, age_ms: float = 0.0) -> Report:
    account = {
        "captured": captured,
        "inferred": {"m/1": inferred - inferred // 3, "m/2": inferred // 3},
        "gated": gated,
        "dropped": {"rate": dropped},
        "failed": captured - inferred - gated - dropped,
        "pending": 0,
    }
    return Report(1, "live", facts={"account": account, "age_ms": {"p95": age_ms}})


def running(clock: Clock) -> Histories:
    """Half an hour ago, with a wall clock that runs with the other one."""
    nought = utc_now() - timedelta(minutes=30)
    return Histories(clock, lambda: nought + timedelta(seconds=clock.now))


def test_a_step_holds_what_became_of_the_frames_meanwhile_and_is_written_once(database: Database) -> None:
    add(database, "a")
    clock = Clock()
    histories = running(clock)
    writes: list[int] = []
    for number in range(61):  # half a minute of beats
        histories.look({"a": report(5 * number, 3 * number, number, number // 2, 40.0)})
        with database.read() as session:
            writes.append(len(camera_history.steps(session, "a")))
        histories.keep(database)
        clock.now += 0.5
    with database.read() as session:
        first, second = camera_history.steps(session, "a")
    assert (first.seconds, first.captured, first.inferred, first.gated, first.dropped) == (STEP_S, 150, 90, 30, 15)
    assert (second.captured, second.failed, second.age_p95_ms) == (150, 15, 40.0)
    assert max(writes) == 1  # before the last beat
    told = Viewing(database).info(ADMIN, "a")["history"]
    rates = {"fps": 10.0, "inferred_per_minute": 360.0, "gated_per_minute": 120.0, "dropped_per_minute": 60.0}
    assert {name: told[0][name] for name in rates} == rates
    assert told[0]["at"] <= utc_now()


def test_another_worker_goes_on_with_it_and_counts_from_nought(database: Database) -> None:
    add(database, "a")
    clock = Clock()
    for captured in (5_000, 0):
        histories = running(clock)
        histories.look({"a": report(captured)})  # it is told of before it starts here
        with database.read() as session:
            histories.adopt("a", camera_history.steps(session, "a"))
        histories.look({"a": report(captured)})
        clock.now += STEP_S
        histories.look({"a": report(captured + 75, 75)})
        histories.look({"a": report(3)})  # the camera was started again
        clock.now += STEP_S
        histories.look({"a": report(78, 75)})
        histories.keep(database)
    with database.read() as session:
        kept = camera_history.steps(session, "a")
    assert [each.captured for each in kept] == [75, 75, 75, 75]


def test_an_hour_is_kept_and_no_more(database: Database) -> None:
    add(database, "a")
    clock = Clock()
    histories = Histories(clock)
    now = utc_now().timestamp()
    old = [Step(now - STEP_S * (MOST + 50 - each), STEP_S, 1, 1, 0, 0, 0, 0.0) for each in range(MOST + 40)]
    histories.adopt("a", old)
    histories.look({"a": report(0)})
    clock.now += STEP_S
    histories.look({"a": report(9)})
    histories.keep(database)
    with database.read() as session:
        stored = session.get_one(CameraHistory, "a").steps
        told = camera_history.steps(session, "a")
    assert len(stored) == MOST
    assert told[-1].captured == 9
    assert told[0].at >= now - camera_history.SPAN.total_seconds()


def test_what_a_clock_that_is_set_back_leaves_in_the_time_to_come_goes(sqlite: Database) -> None:
    add(sqlite, "a")
    clock, ahead = Clock(), Clock(0.0)
    began = utc_now() - timedelta(minutes=30)
    histories = Histories(clock, lambda: began + timedelta(seconds=clock.now + ahead.now))
    for ahead.now in (0.0, 3_600.0, 0.0):
        histories.look({"a": report(int(clock.now))})
        clock.now += STEP_S
        histories.look({"a": report(int(clock.now))})
    histories.keep(sqlite)
    with sqlite.read() as session:
        rows: list[Any] = session.get_one(CameraHistory, "a").steps
    assert len(rows) == 2
    assert rows[0][0] < rows[1][0] < utc_now().timestamp()


def test_it_goes_with_its_camera_and_is_for_those_who_may_see_it(database: Database) -> None:
    add(database, "a")
    with database.write() as session:
        camera_history.put(session, {"a": [Step(utc_now().timestamp(), STEP_S, 1, 1, 0, 0, 0, 0.0)], "gone": []})
    assert len(Viewing(database).history(ADMIN, "a")) == 1
    with pytest.raises(Forbidden):
        Viewing(database).history(Actor("uma", "uma", Role.USER), "a")
    with pytest.raises(CameraNotFound):
        Viewing(database).history(ADMIN, "gone")
    with database.write() as session:
        camera_list.remove(session, session.get_one(CameraRecord, "a"))
    with database.read() as session:
        assert camera_history.steps(session, "a") == []
        assert session.get(CameraHistory, "gone") is None
