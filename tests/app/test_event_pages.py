"""The page of events: the list, its filters, one event, sending it to a dataset."""

from datetime import UTC, datetime

import pytest

from registry.access.actor import local_actor, of_user
from registry.records import (
    CameraEvent,
    EventKind,
    Role,
    User,
    utc_now,
)
from tests.app.camera_scene import add, buttons, events, happened, said
from tests.app.conftest import Pages

pytestmark = pytest.mark.usefixtures("no_cameras")


def test_events_are_listed_filtered_and_opened(pages: Pages, roles: dict[Role, User]) -> None:
    camera = add(pages)
    event = happened(pages, camera)
    with pages.platform.database.write() as session:
        away = {"camera_id": camera.id, "camera_name": "Yard", "kind": EventKind.OFFLINE, "detail": "silent"}
        session.add(CameraEvent(**away))
        session.add(CameraEvent(**away, started_at=datetime(2026, 1, 1, tzinfo=UTC)))
    drawn = pages.draw(events, roles[Role.OPERATOR])
    assert {"person in door", "Camera went offline: no pictures come"} <= {
        each.label.replace("\\", "") for each in drawn.button
    }
    assert "2 events" in said(drawn)
    drawn.selectbox(key="events.time").select("8760").run()
    assert "3 events" in said(drawn)
    drawn.selectbox(key="events.kind").select("object").run()
    assert "1 event" in said(drawn)
    drawn.selectbox(key="events.label").select("person").run()
    opened = pages.draw(events, roles[Role.OPERATOR], event=event.id)
    assert "person in door" in said(opened)
    assert not {"Send", "Delete event"} & buttons(opened)


def test_events_are_found_by_rule_and_by_words(pages: Pages, roles: dict[Role, User]) -> None:
    door = {"name": "at the door", "labels": ["person"]}
    camera = add(pages, analysis={"rules": [door, {"name": "any"}]})
    with pages.platform.database.write() as session:
        for rule, label in (("at the door", "person"), ("any", "person"), ("any", "dog")):
            seen = {"camera_id": camera.id, "camera_name": "Yard", "kind": EventKind.OBJECT}
            session.add(CameraEvent(**seen, rule=rule, label=label, ended_at=utc_now()))
    drawn = pages.draw(events, roles[Role.OPERATOR])
    assert "3 events" in said(drawn)
    drawn.selectbox(key="events.rule").select("any").run()
    assert "2 events" in said(drawn)
    drawn.text_input(key="events.text").set_value(" dog ").run()
    assert "1 event" in said(drawn)
    [csv] = [each for each in drawn.get("link_button") if each.proto.label == "Download CSV"]
    assert {"rule=any", "text=dog"} <= set(csv.proto.url.partition("?")[2].split("&"))
    drawn.text_input(key="events.text").set_value("nobody says this").run()
    assert "Nothing matches" in said(drawn)


def test_an_event_is_sent_to_a_new_dataset_and_remembers_it(pages: Pages, roles: dict[Role, User]) -> None:
    event = happened(pages, add(pages))
    drawn = pages.draw(events, roles[Role.ENGINEER], event=event.id)
    drawn.text_input(key="event.dataset.new").set_value("yard-people").run()
    drawn.button(key="event.dataset.send").click().run()
    assert "In yard-people, version 1" in said(drawn).replace("**", "")
    held = pages.platform.datasets.open(of_user(roles[Role.ENGINEER], "session"), "yard-people").dataset
    assert held.classes == ("person",)
    assert held.samples[0].objects[0].box == (32.0, 18.0, 96.0, 72.0)
    assert pages.platform.events.get(local_actor(), event.id).sent_to == "yard-people/1"
    assert "Send" not in buttons(pages.draw(events, roles[Role.ENGINEER], event=event.id))
