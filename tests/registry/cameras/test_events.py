"""Events of cameras: filters, pictures, their end, on SQLite and PostgreSQL."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from registry.access import Actor
from registry.access.live import Change, Live, SettingsEditor
from registry.cameras.events import Events, event_dict
from registry.cameras.upkeep import EventUpkeep
from registry.errors import EventNotFound, Forbidden, InvalidInput
from registry.records import CameraEvent, CameraGroup, CameraRecord, Database, camera_events
from registry.records.camera_events import EventFilter
from registry.storage import LocalStorage

Until = Callable[[Callable[[], bool]], bool]
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def _add(database: Database, *rows: dict[str, Any]) -> list[str]:
    made = [CameraEvent(**({"camera_id": "c1", "camera_name": "Tor", "started_at": NOON} | row)) for row in rows]
    with database.write() as session:
        session.add_all(made)
        session.flush()
        return [event.id for event in made]


def test_events_are_found_by_every_filter(events: Events, database: Database, operator: Actor, user: Actor) -> None:
    with database.write() as session:
        session.add(CameraGroup(id="g", name="Hall"))
        session.add(CameraRecord(id="c2", name="Bay", url="rtsp://h:1/", group_id="g", owner_id="o", owner_name="o"))
    minute = timedelta(minutes=1)
    _add(
        database,
        {"label": "person", "rule": "night", "zones": ["door", 'the "yard"'], "started_at": NOON},
        {"label": "car", "zones": ["Tür"], "started_at": NOON + minute},
        {"label": "person", "camera_id": "c2", "camera_name": "Bay", "started_at": NOON + 2 * minute},
        {"kind": "offline", "detail": "unreachable: nothing answers", "started_at": NOON + 3 * minute},
    )

    def found(**wanted: Any) -> list[int]:
        page, total = events.page(operator, EventFilter(**wanted))
        assert total == len(page)
        return [round((event.started_at - NOON) / minute) for event in page]

    assert found() == [3, 2, 1, 0]
    assert found(camera_id="c2") == found(group_id="g") == [2]
    assert found(label="person") == [2, 0]
    assert found(kind="offline") == found(text="NOTHING answers") == [3]
    assert found(rule="night") == found(zone="door") == found(zone='the "yard"') == [0]
    assert found(zone="Tür") == [1]
    assert found(zone="tür") == found(zone="doo") == found(text="%") == []
    assert found(since=NOON + minute, until=NOON + 3 * minute) == [2, 1]
    page, total = events.page(operator, number=2, size=3)
    assert (len(page), total) == (1, 4)
    assert list(events.labels(operator)) == ["car", "person"]
    with pytest.raises(Forbidden):
        events.page(user)


def test_the_histogram_counts_by_span_and_label(events: Events, database: Database, operator: Actor) -> None:
    times = [NOON, NOON + timedelta(minutes=10), NOON + timedelta(minutes=70)]
    _add(database, *({"label": "person", "started_at": at} for at in times), {"label": "car"})
    wanted = EventFilter(since=NOON - timedelta(hours=1), until=NOON + timedelta(hours=3))
    told = [
        (each["start"], each["label"], each["events"]) for each in events.spans(operator, wanted, timedelta(hours=1))
    ]
    assert sorted(told) == [(NOON, "car", 1), (NOON, "person", 2), (NOON + timedelta(hours=1), "person", 1)]
    with pytest.raises(InvalidInput, match="spans"):
        events.spans(operator, EventFilter(since=NOON - timedelta(days=900), until=NOON), timedelta(minutes=1))


def test_a_time_that_ends_before_it_begins_is_refused(events: Events, operator: Actor) -> None:
    turned = EventFilter(since=NOON, until=NOON - timedelta(seconds=1))
    for ask in (
        lambda: events.page(operator, turned),
        lambda: events.spans(operator, turned, timedelta(hours=1)),
        lambda: events.export(operator, turned),  # before its first line
    ):
        with pytest.raises(InvalidInput, match="before it begins"):
            ask()
    assert events.page(operator, EventFilter(since=NOON, until=NOON))[1] == 0


def test_an_event_goes_with_its_files(events: Events, database: Database, engineer: Actor, operator: Actor) -> None:
    storage: LocalStorage = events._storage  # type: ignore[assignment]
    ids = _add(database, {"snapshot": "events/a/s.jpg", "thumbnail": "events/a/t.jpg", "clip": "events/a/c.mp4"}, {})
    for key in ("s.jpg", "t.jpg", "c.mp4"):
        storage.put(f"events/a/{key}", key.encode())
    assert events.picture(operator, ids[0], "snapshot") == b"s.jpg"
    assert events.picture(operator, ids[0], "thumbnail") == b"t.jpg"
    with events.open_clip(operator, ids[0]) as clip:
        assert clip.read() == b"c.mp4"
    for nothing in (
        lambda: events.picture(operator, ids[1], "snapshot"),
        lambda: events.open_clip(operator, ids[1]),
        lambda: events.get(operator, "x" * 99),
    ):
        with pytest.raises(EventNotFound):
            nothing()
    with pytest.raises(Forbidden):
        events.delete(operator, ids)
    assert events.delete(engineer, [*ids, "gone", "x" * 99]) == 2
    assert not list(storage.keys())
    assert events.delete(engineer, ids) == 0
    with pytest.raises(EventNotFound):
        events.delete_one(engineer, ids[0])


def test_old_events_go(events: Events, database: Database, live: Live, admin: Actor, until: Until) -> None:
    old, _new = _add(
        database,
        {"started_at": datetime.now(UTC) - timedelta(days=100), "snapshot": "events/old.jpg"},
        {"started_at": datetime.now(UTC) - timedelta(days=80)},
    )
    events._storage.put("events/old.jpg", b"x")
    editor = SettingsEditor(database, live)
    editor.bulk(admin, {"camera_event_days": Change(value=0)})
    assert events.expire() == 0
    editor.bulk(admin, {"camera_event_days": Change(value=90)})
    upkeep = EventUpkeep(lambda: events, first_s=0.01)
    upkeep.start()
    assert until(lambda: not events._storage.exists("events/old.jpg"))
    upkeep.close()
    assert until(lambda: events.page(admin)[1] == 1)
    assert events.expire() == 0
    assert not events._storage.exists("events/old.jpg")
    with database.read() as session:
        assert [event.id for event in session.exec(select(CameraEvent))] == [_new]
    assert old != _new


def test_the_export_has_every_event_once_and_no_formula(events: Events, database: Database, operator: Actor) -> None:
    rows: list[dict[str, Any]] = [{"label": f"l{number}", "started_at": NOON} for number in range(1_203)]
    _add(database, *rows, {"label": "=1+1", "camera_name": "@gate", "zones": ["a", "b"]})
    lines = list(csv.DictReader(io.StringIO("".join(events.export(operator)))))
    assert len(lines) == len({line["id"] for line in lines}) == 1_204
    odd = next(line for line in lines if line["zones"])
    assert (odd["label"], odd["camera"], odd["zones"]) == ("'=1+1", "'@gate", "a, b")


def test_a_list_tells_no_storage_key_and_reads_no_track(events: Events, database: Database, operator: Actor) -> None:
    _add(database, {"snapshot": "events/secret-key.jpg", "track": {"path": [[0, 0.5, 0.5]] * 500}})
    page, _ = events.page(operator)
    assert "track" not in page[0].__dict__
    assert "secret-key" not in str(event_dict(page[0]))
    assert event_dict(events.get(operator, page[0].id), with_track=True)["track"]["path"]


@pytest.mark.parametrize(
    "wanted",
    [EventFilter(), EventFilter(camera_id="c1"), EventFilter(label="person"), EventFilter(since=NOON)],
    ids=["all", "camera", "label", "time"],
)
def test_a_page_of_many_events_is_read_through_an_index(sqlite: Database, wanted: EventFilter) -> None:
    seen: list[str] = []
    with sqlite.read() as session:
        from sqlalchemy import event as events_of_sql

        def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
            seen.append(statement)

        events_of_sql.listen(sqlite.engine, "before_cursor_execute", note)
        camera_events.page(session, wanted, number=3, size=50)
        plans = [
            str(row[3])
            for statement in seen
            if statement.startswith("SELECT") and "LIMIT" in statement
            for row in session.connection().exec_driver_sql(
                f"EXPLAIN QUERY PLAN {statement}", tuple(["2026"] * statement.count("?"))
            )
        ]
    assert plans
    assert not [step for step in plans if step.startswith("SCAN camera_events") and "INDEX" not in step], plans
