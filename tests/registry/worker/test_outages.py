"""When a camera's absence is worth an event."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from sqlmodel import select

from registry.records import CameraEvent, Database, EventKind, open_database
from registry.worker.leases import Report
from registry.worker.outages import AWAY_AFTER_S, BACK_AFTER_S, LEASES_LOST, Outages

NAMES = {"a": "Door"}
Copies = Callable[[], AbstractContextManager[str]]


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def look(outages: Outages, clock: Clock, state: str, seconds: float, reason: str = "") -> None:
    """One look now, another after a while in the same state."""
    outages.look({"a": Report(1, state, reason)}, NAMES)
    clock.now += seconds
    outages.look({"a": Report(1, state, reason)}, NAMES)


def kinds(outages: Outages) -> list[EventKind]:
    return [each.kind for each in outages.waiting()]


def test_a_short_gap_is_no_outage() -> None:
    clock = Clock()
    outages = Outages(clock)
    look(outages, clock, "live", 60)
    look(outages, clock, "stalled", AWAY_AFTER_S / 2)
    look(outages, clock, "live", 60)
    assert kinds(outages) == []


def test_an_outage_is_told_once_with_its_reason_and_ended_when_the_camera_stays_back(database: Database) -> None:
    clock = Clock()
    outages = Outages(clock)
    look(outages, clock, "live", 60)
    look(outages, clock, "waiting", AWAY_AFTER_S + 1, "silent")
    look(outages, clock, "waiting", 60, "silent")
    (away,) = outages.waiting()
    assert (away.kind, away.camera_name, away.detail, away.ended_at) == (EventKind.OFFLINE, "Door", "silent", None)
    outages.keep(database)
    look(outages, clock, "live", BACK_AFTER_S / 2)
    look(outages, clock, "stalled", 1)
    assert kinds(outages) == []  # it did not stay
    look(outages, clock, "live", BACK_AFTER_S + 1)
    over, back = outages.waiting()
    assert (over.id, over.ended_at is not None, back.kind) == (away.id, True, EventKind.ONLINE)
    outages.keep(database)
    with database.read() as session:
        stored = {each.kind: each.ended_at for each in session.exec(select(CameraEvent)).all()}
    assert stored == {EventKind.OFFLINE: over.ended_at, EventKind.ONLINE: back.ended_at}


def test_cameras_that_the_worker_stopped_itself_say_so_until_they_know_better() -> None:
    clock = Clock()
    outages = Outages(clock)
    look(outages, clock, "live", 60)
    outages.leases_lost(["a"])
    look(outages, clock, "live", 1)  # what the worker still had to tell
    outages.look({}, NAMES)
    look(outages, clock, "connecting", AWAY_AFTER_S + 1)
    look(outages, clock, "live", BACK_AFTER_S + 1)
    look(outages, clock, "connecting", AWAY_AFTER_S + 1)
    details = [each.detail for each in outages.waiting() if each.kind is EventKind.OFFLINE and each.ended_at is None]
    assert details == [LEASES_LOST, ""]
    outages.leases_lost(["a"])
    outages.look({}, NAMES)
    look(outages, clock, "waiting", AWAY_AFTER_S + 1, "silent")
    assert outages.waiting()[-1].detail == "silent"
    outages.look({}, NAMES)
    clock.now += 86_400  # another worker had it meanwhile
    look(outages, clock, "connecting", AWAY_AFTER_S + 1)
    assert outages.waiting()[-1].detail == ""


def test_an_outage_that_no_database_takes_holds_up_no_other(copy_postgres: Copies) -> None:
    clock = Clock()
    outages = Outages(clock)
    outages.look({"a": Report(1, "waiting", "garbage", "a\0b"), "b": Report(1, "waiting")}, NAMES)
    clock.now += AWAY_AFTER_S
    outages.look({"a": Report(1, "waiting", "garbage", "a\0b"), "b": Report(1, "waiting")}, NAMES)
    with copy_postgres() as url:
        database = open_database(url)
        outages.keep(database)
        with database.read() as session:
            assert [each.camera_id for each in session.exec(select(CameraEvent)).all()] == ["b"]
        database.close()
    assert (outages.lost, list(outages.waiting())) == (1, [])


def test_a_camera_that_somebody_stops_ends_its_outage_in_silence(sqlite: Database) -> None:
    clock = Clock()
    outages = Outages(clock)
    look(outages, clock, "waiting", AWAY_AFTER_S + 1)
    outages.keep(sqlite)
    outages.look({}, {})
    (over,) = outages.waiting()
    assert over.kind is EventKind.OFFLINE
    assert over.ended_at is not None


def test_an_outage_that_another_worker_told_is_not_told_again() -> None:
    clock = Clock()
    outages = Outages(clock)
    outages.adopt(CameraEvent(id="e", camera_id="a", camera_name="Door", kind=EventKind.OFFLINE))
    look(outages, clock, "waiting", AWAY_AFTER_S + 60)
    assert kinds(outages) == []
    look(outages, clock, "live", BACK_AFTER_S + 1)
    assert [each.id == "e" for each in outages.waiting()] == [True, False]


def test_what_waits_for_the_database_is_bounded_and_its_loss_counted() -> None:
    clock = Clock()
    outages = Outages(clock)
    for _ in range(600):
        look(outages, clock, "waiting", AWAY_AFTER_S + 1)
        look(outages, clock, "live", BACK_AFTER_S + 1)
    assert len(outages.waiting()) == 1_000
    assert outages.lost == 800
