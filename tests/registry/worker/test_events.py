"""Events are kept once, with their pictures, however long the storage is away."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from registry.errors import StorageUnavailable
from registry.records import (
    CameraEvent,
    Database,
    EventKind,
    NotificationDelivery,
    NotificationReceiver,
    ReceiverKind,
    notifications,
    utc_now,
)
from registry.storage import LocalStorage
from registry.streams import Event, Snapshot
from registry.streams.sinks import SinkPump
from registry.worker.events import EventKeeper, end_left_open

BOX = (0.1, 0.2, 0.3, 0.4)
BEGUN = Event(
    camera_id="a",
    rule="seen",
    track_id=7,
    label="person",
    started_at=utc_now(),
    zones=("door",),
    best_score=0.6,
    snapshot=Snapshot(b"\xff\xd8first", b"\xff\xd8small", BOX, 0.6),
)
ENDED = replace(
    BEGUN,
    label="dog",
    best_score=0.9,
    snapshot=Snapshot(b"\xff\xd8better", b"\xff\xd8small", BOX, 0.9),
    scores=((0.0, 0.6), (1.0, 0.9)),
).ended(BEGUN.started_at + timedelta(seconds=4))


def keeper(database: Database, folder: Path) -> EventKeeper:
    return EventKeeper(database, LocalStorage(folder), lambda _id: "Door", lambda _id: "people/3")


def rows(database: Database) -> list[CameraEvent]:
    with database.read() as session:
        return list(session.exec(select(CameraEvent)).all())


def test_what_is_kept_once_is_told_to_those_who_asked_for_it(database: Database, tmp_path: Path) -> None:
    hook = NotificationReceiver(
        name="hook", kind=ReceiverKind.WEBHOOK, address="", owner_id="a", owner_name="a",
        wanted={"kinds": ["disagreement"]},
    )  # fmt: skip
    with database.write() as session:
        session.add(hook)
    row = CameraEvent(camera_id="a", camera_name="Door", kind=EventKind.DISAGREEMENT, ended_at=utc_now())
    keeper(database, tmp_path / "files").keep_once(row, Snapshot(b"\xff\xd8first", b"\xff\xd8small", BOX, 0.6))
    with database.read() as session:
        assert notifications.waiting(session) == {hook.id: 1}


def test_an_event_is_kept_when_it_begins_and_completed_when_it_is_over(database: Database, tmp_path: Path) -> None:
    keep, storage = keeper(database, tmp_path / "files"), LocalStorage(tmp_path / "files")
    keep(BEGUN)
    (begun,) = rows(database)
    assert (begun.id, begun.camera_name, begun.label, begun.model) == (BEGUN.event_id, "Door", "person", "people/3")
    assert (begun.zones, begun.box, begun.ended_at) == (["door"], list(BOX), None)
    assert storage.get(begun.snapshot) == b"\xff\xd8first"
    keep(BEGUN)  # told twice
    keep(ENDED)
    keep(ENDED)
    (over,) = rows(database)
    assert (over.label, over.score, over.ended_at) == ("dog", 0.9, ENDED.ended_at)
    assert over.track["scores"] == [[0.0, 0.6], [1.0, 0.9]]
    assert storage.get(over.snapshot) == b"\xff\xd8better"


def test_an_end_whose_begin_was_lost_is_a_whole_event(database: Database, tmp_path: Path) -> None:
    keeper(database, tmp_path / "files")(ENDED)
    (row,) = rows(database)
    assert (row.started_at, row.ended_at, row.track_id) == (BEGUN.started_at, ENDED.ended_at, 7)


def test_events_wait_for_a_storage_that_is_away_and_nobody_waits_for_them(
    sqlite: Database, tmp_path: Path, until: Callable[[Callable[[], bool]], bool]
) -> None:
    blocked = tmp_path / "files"
    blocked.write_bytes(b"a file where the folder should be")
    keep = keeper(sqlite, blocked)
    pump = SinkPump(keep)
    for number in range(250):  # more than the line holds
        pump.put(replace(BEGUN, event_id=f"{number:032}"))
    assert until(lambda: pump.lost > 0)
    assert rows(sqlite) == []
    blocked.unlink()
    assert until(lambda: keep.kept + pump.lost == 250)
    assert len(rows(sqlite)) == keep.kept
    pump.close()


def test_a_worker_that_ends_tries_once_more_and_does_not_hang(sqlite: Database, tmp_path: Path) -> None:
    blocked = tmp_path / "files"
    blocked.write_bytes(b"")
    keep = keeper(sqlite, blocked)
    threading.Timer(0.2, keep.end).start()
    with pytest.raises(StorageUnavailable):
        keep(BEGUN)


def test_events_that_a_dead_worker_left_open_end(database: Database, tmp_path: Path) -> None:
    keep = keeper(database, tmp_path / "files")
    keep(BEGUN)
    keep(replace(BEGUN, event_id="f" * 32, camera_id="b"))
    at = utc_now() + timedelta(seconds=1)
    told_of_ends(database)
    end_left_open(database, "a", at)
    assert {row.camera_id: row.ended_at for row in rows(database)} == {"a": at, "b": None}
    assert ends_in_line(database) == [BEGUN.event_id]  # such as MQTT, whose topic would stay on


def test_an_end_counts_though_another_worker_had_set_one(database: Database, tmp_path: Path) -> None:
    keep = keeper(database, tmp_path / "files")
    keep(BEGUN)
    told_of_ends(database)
    end_left_open(database, "a", utc_now() + timedelta(seconds=1))
    keep(ENDED)
    (row,) = rows(database)
    assert (row.ended_at, row.label, row.score) == (ENDED.ended_at, "dog", 0.9)
    assert ends_in_line(database) == [BEGUN.event_id]  # told once


def test_an_event_that_somebody_deleted_while_it_went_on_stays_deleted(database: Database, tmp_path: Path) -> None:
    keep = keeper(database, tmp_path / "files")
    keep(BEGUN)
    with database.write() as session:
        session.delete(session.get_one(CameraEvent, BEGUN.event_id))
    (tmp_path / "files").rename(tmp_path / "gone")
    keep(ENDED)
    assert rows(database) == []
    assert not list((tmp_path / "files").rglob("*.jpg"))


def told_of_ends(database: Database) -> None:
    receiver = NotificationReceiver(
        name="r", kind=ReceiverKind.WEBHOOK, address="-", wanted={"phases": ["ended"]}, owner_id="o", owner_name="o"
    )
    with database.write() as session:
        session.add(receiver)


def ends_in_line(database: Database) -> list[str]:
    with database.read() as session:
        return [each.event_id for each in session.exec(select(NotificationDelivery)).all() if each.phase == "ended"]
