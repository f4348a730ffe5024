"""Workers whose clock is set while they record: an hour forward, then two back."""

import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlmodel import select

from registry.records import CameraLease, Database, EventKind, RecordingSegment, WorkerRecord, utc_now
from registry.records.clock import Aging, ClockWatch
from registry.testing.requirements import require_tool
from registry.testing.set_clock import SetClock
from registry.worker.leases import LEASE_S, Leases
from registry.worker.outages import AWAY_AFTER_S, BACK_AFTER_S, Outages
from tests.registry.worker.test_leases import HERE, add, elsewhere, ids, lease
from tests.registry.worker.test_outages import NAMES, Clock, look

if TYPE_CHECKING:
    from tests.registry.worker.conftest import House

HOUR_S = 3_600
STANDS_S = 3 * LEASE_S / 2  # by then any lease that is not renewed has ended


@pytest.fixture
def clock(tmp_path: Path) -> SetClock:
    require_tool("cc", "install a C compiler, e.g. apt install gcc")
    return SetClock(tmp_path)


@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
def test_no_camera_changes_its_worker_and_nothing_recorded_is_lost(house: "House", clock: SetClock) -> None:
    names = ["a", "b"]
    for _ in names:
        house.start(**clock.environment)
    house.wait(lambda: len(house.workers()) == 2, "two workers")
    for name in names:
        house.add(name, recording={"mode": "continuous"})
    house.wait_live(*names)
    house.wait(lambda: all(house.lease(each).report["recording"]["bytes_written"] for each in names), "recordings")
    holders = [house.lease(each).worker_id for each in names]
    assert len(set(holders)) == 2
    began = time.monotonic()

    def stands() -> None:
        until = time.monotonic() + STANDS_S
        while time.monotonic() < until:
            for each, holder in zip(names, holders, strict=True):
                held = house.lease(each)
                assert (held.worker_id, held.state) == (holder, "live")
            time.sleep(0.1)

    for ahead_s in (HOUR_S, -HOUR_S, 0):
        clock.set(ahead_s)
        house.wait(lambda: abs(ahead(house, "a") - ahead_s) < 5, "a report by the new time")  # noqa: B023 - now
        stands()
    recorded_s = time.monotonic() - began
    house.change("a", is_wanted=False)
    house.change("b", is_wanted=False)
    house.wait(lambda: not any(house.lease(each).worker_id for each in names), "the stop")
    for each in names:
        told = house.lease(each).report
        assert (told["connections"], told["recording"]["lost"], told["recording"]["refused"]) == (1, 0, 0)
    house.wait(lambda: min(kept_s(house, each) for each in names) >= recorded_s, "the rows of all that was recorded")


def ahead(house: "House", camera_id: str) -> float:
    """By how many seconds a camera's worker is ahead of us."""
    at = house.lease(camera_id).reported_at
    return (at - utc_now()).total_seconds() if at else 0.0


def kept_s(house: "House", camera_id: str) -> float:
    """Seconds of a camera that were recorded."""
    with house.database.read() as session:
        rows = session.exec(select(RecordingSegment).where(RecordingSegment.camera_id == camera_id)).all()
    lasted = [(row.ended_at - row.started_at).total_seconds() for row in rows]
    assert all(each > 0 for each in lasted)
    return sum(lasted)


def test_a_lease_of_a_time_to_come_is_nobodys_and_so_is_its_worker(database: Database) -> None:
    add(database, "a")
    dead, ours = elsewhere("dead"), Leases(database, HERE, "http://here")
    assert ids(Leases(database, dead, "http://there").beat({})) == ["a"]
    with database.write() as session:  # as it stands once the clock is set back by an hour
        for row in (*session.exec(select(CameraLease)), *session.exec(select(WorkerRecord))):
            name = "leased_until" if isinstance(row, CameraLease) else "beat_at"
            setattr(row, name, getattr(row, name) + timedelta(hours=1))
            session.add(row)
    assert ids(ours.beat({})) == ["a"]
    held = lease(database, "a")
    assert held is not None
    assert held.worker_id == HERE.id
    with database.read() as session:
        assert [each.id for each in session.exec(select(WorkerRecord))] == [HERE.id]


def test_a_clock_that_is_set_is_told_from_one_that_runs() -> None:
    passed, now = Clock(), utc_now()
    watch = ClockWatch(passed)
    assert watch.look(now) == 0
    passed.now += 50
    assert watch.look(now + timedelta(seconds=50.4)) == 0
    assert watch.look(now + timedelta(hours=1, seconds=50)) == pytest.approx(HOUR_S, abs=1)
    assert watch.look(now + timedelta(seconds=50)) == pytest.approx(-HOUR_S, abs=1)


def test_what_is_old_by_a_clock_that_leapt_stays_until_the_clock_has_stood() -> None:
    passed, ahead, began = Clock(), Clock(0.0), utc_now()
    aging = Aging(lambda: began + timedelta(seconds=passed.now + ahead.now), passed)
    assert aging.counts()
    ahead.now = 365 * 24 * HOUR_S
    assert not aging.counts()
    passed.now += HOUR_S / 2
    assert not aging.counts()
    ahead.now = 0.0  # it was wrong, and is set right
    assert aging.counts()
    ahead.now = HOUR_S
    assert not aging.counts()
    passed.now += HOUR_S + 1
    assert aging.counts()  # it was right


def test_a_process_that_comes_after_another_knows_of_the_leap_too(tmp_path: Path) -> None:
    passed, ahead, began, kept = Clock(), Clock(0.0), utc_now(), tmp_path / "run" / "clock.json"

    def aging() -> Aging:
        return Aging(lambda: began + timedelta(seconds=passed.now + ahead.now), passed, kept=kept)

    first = aging()
    assert first.counts()
    ahead.now = 400 * 24 * HOUR_S
    passed.now += 5  # nobody looks while the clock is set
    assert not aging().counts()
    passed.now += HOUR_S / 2
    second = aging()
    assert not second.counts()
    passed.now += HOUR_S / 2 + 1
    assert second.counts()
    assert aging().counts()
    ahead.now += HOUR_S
    kept.write_text(kept.read_text().replace('["', '["another boot'))  # whose monotonic clock was another one
    assert aging().counts()
    for broken in ("", "[]", "null", '["x", "y", 1, 2]', "{}"):
        kept.write_text(broken)
        assert aging().counts()


@pytest.mark.parametrize("set_s", [-HOUR_S, HOUR_S])
def test_an_outage_lasts_as_long_as_it_did(set_s: int, monkeypatch: pytest.MonkeyPatch) -> None:
    passed = Clock()
    outages = Outages(passed)
    look(outages, passed, "live", 60)
    look(outages, passed, "waiting", AWAY_AFTER_S + 1, "silent")
    later = utc_now() + timedelta(seconds=set_s)
    monkeypatch.setattr("registry.worker.outages.utc_now", lambda: later)
    look(outages, passed, "live", BACK_AFTER_S + 1)
    _, over, back = outages.waiting()
    assert over.ended_at is not None
    assert (over.ended_at - over.started_at).total_seconds() == pytest.approx(AWAY_AFTER_S + 1)
    assert (back.kind, back.detail) == (EventKind.ONLINE, f"after {AWAY_AFTER_S + 1:.0f} s")
    assert NAMES[back.camera_id] == back.camera_name
