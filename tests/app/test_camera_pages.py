"""The pages of cameras, events and recordings: what each role gets, what each state says, what a press does."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from sqlmodel import select
from streamlit.testing.v1 import AppTest

from app.ui.camera_history import figures as camera_figures
from app.ui.camera_history import time_axis
from registry.access.actor import local_actor, of_user
from registry.cameras.asked import NewCamera
from registry.cameras.view import CameraView
from registry.models.publish import Draft
from registry.models.types import CHAMPION
from registry.records import (
    CameraEvent,
    CameraHistory,
    CameraLease,
    CameraRecord,
    EventKind,
    RecordingSegment,
    Role,
    User,
    WorkerRecord,
    camera_history,
    utc_now,
)
from registry.records.camera_history import STEP_S, Step
from registry.testing import onnx_models as tiny
from registry.testing.films import keep_recorded
from registry.vision.encoding import encode_jpeg
from tests.app.conftest import Pages

PICTURE = encode_jpeg(np.full((90, 160, 3), 70, np.uint8))
REPORT = {
    "fps": 5.0,
    "size": [640, 360],
    "source_size": [1280, 720],
    "connections": 1,
    "account": {"captured": 90, "inferred": {"people/1": 20}, "gated": 66, "dropped": {"overrun": 3}, "failed": 1},
    "model": {"name": "people", "version": 1, "problem": ""},
    "counts": {"gate": {"in": 4, "out": 2}},
    "tracks": 3,
    "objects": {"person": 2, "dog": 1},
    "age_ms": {"median": 41.0, "p95": 88.0},
}


def cameras() -> None:  # a script of its own: what it uses it imports
    from app.pages import cameras
    from app.ui.states import error_box
    from registry.errors import RegistryError

    try:
        cameras.draw()
    except RegistryError as error:
        error_box(error)


def events() -> None:
    from app.pages import events
    from app.ui.states import error_box
    from registry.errors import RegistryError

    try:
        events.draw()
    except RegistryError as error:
        error_box(error)


def recordings() -> None:
    from app.pages import recordings
    from app.ui.states import error_box
    from registry.errors import RegistryError

    try:
        recordings.draw()
    except RegistryError as error:
        error_box(error)


@pytest.fixture(scope="module")
def people(pages: Pages) -> dict[Role, User]:
    return {role: pages.person(role) for role in Role}


@pytest.fixture(autouse=True)
def nothing_left(pages: Pages) -> Iterator[None]:
    """Every test begins without cameras."""
    yield
    with pages.platform.database.write() as session:
        for table in (CameraRecord, CameraLease, CameraHistory, CameraEvent, RecordingSegment, WorkerRecord):
            for row in session.exec(select(table)):
                session.delete(row)


def add(pages: Pages, name: str = "Yard", *, state: str = "", reason: str = "", **more: Any) -> CameraView:
    """A camera, in a state as its worker would have reported it."""
    asked = {"name": name, "url": "rtsp://10.20.0.7/yard", "username": "viewer", "password": "hunter-22"} | more
    camera = pages.platform.cameras.create(local_actor(), NewCamera.model_validate(asked))
    if state:
        now = utc_now()
        with pages.platform.database.write() as session:
            session.merge(WorkerRecord(id="w", beat_at=now))
            session.add(
                CameraLease(
                    camera_id=camera.id,
                    worker_id="w",
                    leased_until=now + timedelta(minutes=5),
                    state=state,
                    reason=reason,
                    report=REPORT if state == "live" else {},
                    reported_at=now,
                    since=now,
                )
            )
    return camera


def happened(pages: Pages, camera: CameraView, **more: Any) -> CameraEvent:
    """An event with its picture."""
    event = CameraEvent(
        camera_id=camera.id,
        camera_name=camera.record.name,
        label="person",
        rule="entry",
        zones=["door"],
        score=0.9,
        box=[0.2, 0.2, 0.6, 0.8],
        track={"scores": [[0.0, 0.7], [0.5, 0.9]], "path": [[0.0, 0.3, 0.8], [0.5, 0.4, 0.8]]},
        **more,
    )
    event.snapshot = event.thumbnail = f"events/{event.id}.jpg"
    pages.platform.storage.put(event.snapshot, PICTURE)
    with pages.platform.database.write() as session:
        session.add(event)
    return event


def said(drawn: AppTest) -> str:
    assert not drawn.exception
    texts = [*drawn.markdown, *drawn.error, *drawn.caption, *drawn.warning, *drawn.title, *drawn.subheader]
    return " ".join(each.value for each in texts).replace("\\", "").replace("\u2060", "")


def buttons(drawn: AppTest) -> set[str]:
    return {each.label for each in drawn.button}


OFFERS = {Role.ADMIN: True, Role.ENGINEER: True, Role.OPERATOR: False}


@pytest.mark.parametrize("role", OFFERS)
def test_without_cameras_the_page_says_what_to_do_to_whom_can_do_it(
    pages: Pages, people: dict[Role, User], role: Role
) -> None:
    drawn = pages.draw(cameras, people[role])
    assert "No cameras yet" in said(drawn)
    assert ("Add camera" in buttons(drawn)) is OFFERS[role]
    assert ("Groups" in buttons(drawn)) is OFFERS[role]


@pytest.mark.parametrize("page", [cameras, events, recordings], ids=["cameras", "events", "recordings"])
def test_who_may_not_see_a_page_does_not_get_it(pages: Pages, people: dict[Role, User], page: Any) -> None:
    add(pages)
    drawn = pages.draw(page, people[Role.USER])
    assert "another role" in said(drawn)
    assert not drawn.button
    assert not pages.draw(page, None).button


STATES = {
    "live": ("live", "", ["Live", "person ×2 · dog", "gate 4 in, 2 out", "5.0 fps", "41 ms"]),
    "wrong password": ("failed", "unauthorised", ["Needs a person", "refuses the name and password"]),
    "waiting": ("waiting", "unreachable", ["Waiting", "Nothing answers"]),
    "no worker": ("", "", ["Waiting", "No camera worker runs"]),
}


@pytest.mark.parametrize("case", STATES)
def test_a_tile_says_what_its_camera_is_doing(pages: Pages, people: dict[Role, User], case: str) -> None:
    state, reason, words = STATES[case]
    add(pages, state=state, reason=reason, model="")
    with pages.platform.database.write() as session:  # a model that no registry has to know
        for record in session.exec(select(CameraRecord)):
            record.model, record.alias = "people", "champion"
    seen = said(pages.draw(cameras, people[Role.OPERATOR]))
    for word in words:
        assert word in seen


def test_the_grid_is_filtered_by_state_and_text(pages: Pages, people: dict[Role, User]) -> None:
    add(pages, "Yard", state="live")
    add(pages, "Gate")
    drawn = pages.draw(cameras, people[Role.OPERATOR])
    assert "2 cameras" in said(drawn)
    drawn.selectbox(key="cameras.state").select("live").run()
    assert "1 camera" in said(drawn)
    drawn.text_input(key="cameras.search").set_value("gate").run()
    assert "No such camera" in said(drawn)


def test_the_last_hour_of_a_camera_is_drawn_though_nobody_watched(pages: Pages, people: dict[Role, User]) -> None:
    camera = add(pages, state="live", recording={"mode": "continuous"})
    at = {"camera": camera.id}
    assert "once the camera has run for half a minute" in said(pages.draw(cameras, people[Role.OPERATOR], **at))
    now = utc_now().timestamp()
    steps = [Step(now - STEP_S * each, STEP_S, 75, 20, 50, 4, 1, 88.0) for each in (100, 99, 3, 2, 1)]
    with pages.platform.database.write() as session:
        camera_history.put(session, {camera.id: steps})
        lease = session.get_one(CameraLease, camera.id)
        lease.report = REPORT | {"recording_problem": "the disk is full"}
        session.add(lease)
    drawn = pages.draw(cameras, people[Role.OPERATOR], **at)
    assert len(drawn.get("vega_lite_chart")) == 3
    assert "Not recorded: the disk is full" in said(drawn)
    told = camera_figures(steps)
    assert list(told["Analysed"].dropna()) == [80.0] * 5
    assert list(told["Dropped"].dropna()) == [20.0] * 5
    assert told["fps"].isna().sum() == 1  # a line is broken where nobody ran the camera
    assert set(told["age"].dropna()) == {88.0}


@pytest.mark.parametrize("minutes", [0.5, 2, 5, 12, 31, 60])
def test_every_tick_of_a_cameras_charts_has_another_label(minutes: float) -> None:
    ends = (1_790_000_000.0, 1_790_000_000.0 + minutes * 60)
    axis = time_axis([Step(at, STEP_S, 1, 1, 0, 0, 0, 1.0) for at in ends]).to_dict()
    assert (axis["format"], axis["tickCount"]["interval"]) == ("%H:%M", "minute")
    assert axis["tickCount"]["step"] >= 1
    assert minutes / axis["tickCount"]["step"] <= 6


def test_an_operator_stops_and_starts_but_has_nothing_to_change(pages: Pages, people: dict[Role, User]) -> None:
    camera = add(pages, state="live")
    drawn = pages.draw(cameras, people[Role.OPERATOR], camera=camera.id)
    assert "Boxes, zones and lines" in [each.label for each in drawn.toggle]
    assert not drawn.segmented_control
    assert buttons(drawn) <= {"All cameras", "Stop"}
    drawn.button(key=f"camera.control.{camera.id}").click().run()
    assert not pages.platform.cameras.get(local_actor(), camera.id).record.is_wanted
    drawn.button(key=f"camera.control.{camera.id}").click().run()
    assert pages.platform.cameras.get(local_actor(), camera.id).record.is_wanted


def test_a_camera_is_added_and_its_password_never_shown_again(pages: Pages, people: dict[Role, User]) -> None:
    drawn = pages.draw(cameras, people[Role.ENGINEER])
    drawn.button(key="cameras.add").click().run()
    key = "camera_form.new"
    drawn.text_input(key=f"{key}.name").set_value("Gate")
    drawn.text_input(key=f"{key}.url").set_value("gopher://10.20.0.8/gate").run()
    drawn.text_input(key=f"{key}.username").set_value("viewer")
    drawn.text_input(key=f"{key}.password").set_value("hunter-22")
    drawn.button(key=f"{key}.save").click().run()
    assert "a camera's url starts with" in said(drawn).lower()
    assert pages.platform.cameras.page(local_actor())[1] == 0
    drawn.text_input(key=f"{key}.url").set_value("rtsp://10.20.0.8/gate").run()
    drawn.button(key=f"{key}.save").click().run()
    [camera], _ = pages.platform.cameras.page(local_actor())
    assert camera.record.sealed
    shown = pages.draw(cameras, people[Role.ENGINEER], camera=camera.id)
    shown.segmented_control(key="camera.view").set_value(":material/tune: Settings").run()
    assert "hunter-22" not in said(shown) + " ".join(str(each.value) for each in shown.text_input)
    assert not camera.record.analysis.get("fast_decoding")
    shown.text_input(key=f"camera_form.{camera.id}.r1.name").set_value("North gate")
    shown.toggle(key=f"camera_form.{camera.id}.r1.fast").set_value(True)
    shown.button(key=f"camera_form.{camera.id}.r1.save").click().run()
    changed = pages.platform.cameras.get(local_actor(), camera.id).record
    assert (changed.name, changed.sealed) == ("North gate", camera.record.sealed)
    assert changed.analysis["fast_decoding"] is True
    assert changed.analysis["rules"] == camera.record.analysis["rules"]


def test_how_a_camera_looks_is_set_in_its_form_and_what_nobody_touched_stays(
    pages: Pages, people: dict[Role, User]
) -> None:
    mask = [[0.0, 0.0], [0.5, 0.0], [0.5, 0.2]]
    camera = add(pages, analysis={"motion": {"masks": [mask], "min_area": 0.00123}, "iou": 0.5})
    before, key = camera.record.analysis, f"camera_form.{camera.id}.r1"
    drawn = pages.draw(cameras, people[Role.ENGINEER], camera=camera.id)
    drawn.segmented_control(key="camera.view").set_value(":material/tune: Settings").run()
    fields = ("sensitivity", "min_area", "confidence", "iou", "height")
    shown = {name: drawn.number_input(key=f"{key}.{name}") for name in fields}
    assert [each.value for each in shown.values()] == [0.6, pytest.approx(0.123), None, 0.5, 360]
    assert all(each.help and " (" in each.label for each in shown.values()), "bounds and help stand beside each"
    drawn.text_input(key=f"{key}.name").set_value("Garden")
    drawn.button(key=f"{key}.save").click().run()
    untouched = pages.platform.cameras.get(local_actor(), camera.id).record
    assert (untouched.name, untouched.analysis) == ("Garden", before)
    key = f"camera_form.{camera.id}.r2"
    drawn.number_input(key=f"{key}.sensitivity").set_value(0.8)
    drawn.number_input(key=f"{key}.min_area").set_value(0.5)
    drawn.number_input(key=f"{key}.confidence").set_value(0.3)
    drawn.number_input(key=f"{key}.iou").set_value(None)
    drawn.number_input(key=f"{key}.height").set_value(720)
    drawn.toggle(key=f"{key}.regions").set_value(False)
    drawn.button(key=f"{key}.save").click().run()
    changed = pages.platform.cameras.get(local_actor(), camera.id).record.analysis
    motion = {"on": True, "sensitivity": 0.8, "min_area": 0.005, "masks": [mask]}
    assert changed == before | {
        "motion": motion,
        "confidence": 0.3,
        "iou": None,
        "height": 720,
        "regions": False,
        "fast_decoding": False,
    }
    drawn.number_input(key=f"camera_form.{camera.id}.r3.height").set_value(361)
    drawn.button(key=f"camera_form.{camera.id}.r3.save").click().run()
    assert "multiple of 2" in said(drawn)


def test_a_camera_is_deleted_after_a_question(pages: Pages, people: dict[Role, User]) -> None:
    camera = add(pages)
    drawn = pages.draw(cameras, people[Role.ENGINEER], camera=camera.id)
    drawn.segmented_control(key="camera.view").set_value(":material/tune: Settings").run()
    drawn.button(key="camera.delete").click().run()
    assert pages.platform.cameras.page(local_actor())[1] == 1
    drawn.button(key="camera.delete.really").click().run()
    assert pages.platform.cameras.page(local_actor())[1] == 0
    assert "No cameras yet" in said(drawn)


def test_a_camera_that_is_gone_is_said_to_be(pages: Pages, people: dict[Role, User]) -> None:
    assert "there is no camera" in said(pages.draw(cameras, people[Role.OPERATOR], camera="0" * 32)).lower()


def test_events_are_listed_filtered_and_opened(pages: Pages, people: dict[Role, User]) -> None:
    camera = add(pages)
    event = happened(pages, camera)
    with pages.platform.database.write() as session:
        away = {"camera_id": camera.id, "camera_name": "Yard", "kind": EventKind.OFFLINE, "detail": "silent"}
        session.add(CameraEvent(**away))
        session.add(CameraEvent(**away, started_at=datetime(2026, 1, 1, tzinfo=UTC)))
    drawn = pages.draw(events, people[Role.OPERATOR])
    assert {"person in door", "Camera went offline: no pictures come"} <= {
        each.label.replace("\\", "") for each in drawn.button
    }
    assert "2 events" in said(drawn)
    drawn.selectbox(key="events.time").select("8760").run()
    assert "3 events" in said(drawn)
    drawn.selectbox(key="events.kind").select("object").run()
    assert "1 event" in said(drawn)
    drawn.selectbox(key="events.label").select("person").run()
    opened = pages.draw(events, people[Role.OPERATOR], event=event.id)
    assert "person in door" in said(opened)
    assert not {"Send", "Delete event"} & buttons(opened)


def test_events_are_found_by_rule_and_by_words(pages: Pages, people: dict[Role, User]) -> None:
    door = {"name": "at the door", "labels": ["person"]}
    camera = add(pages, analysis={"rules": [door, {"name": "any"}]})
    with pages.platform.database.write() as session:
        for rule, label in (("at the door", "person"), ("any", "person"), ("any", "dog")):
            seen = {"camera_id": camera.id, "camera_name": "Yard", "kind": EventKind.OBJECT}
            session.add(CameraEvent(**seen, rule=rule, label=label, ended_at=utc_now()))
    drawn = pages.draw(events, people[Role.OPERATOR])
    assert "3 events" in said(drawn)
    drawn.selectbox(key="events.rule").select("any").run()
    assert "2 events" in said(drawn)
    drawn.text_input(key="events.text").set_value(" dog ").run()
    assert "1 event" in said(drawn)
    [csv] = [each for each in drawn.get("link_button") if each.proto.label == "Download CSV"]
    assert {"rule=any", "text=dog"} <= set(csv.proto.url.partition("?")[2].split("&"))
    drawn.text_input(key="events.text").set_value("nobody says this").run()
    assert "Nothing matches" in said(drawn)


def test_an_event_is_sent_to_a_new_dataset_and_remembers_it(pages: Pages, people: dict[Role, User]) -> None:
    event = happened(pages, add(pages))
    drawn = pages.draw(events, people[Role.ENGINEER], event=event.id)
    drawn.text_input(key="event.dataset.new").set_value("yard-people").run()
    drawn.button(key="event.dataset.send").click().run()
    assert "In yard-people, version 1" in said(drawn).replace("**", "")
    held = pages.platform.datasets.open(of_user(people[Role.ENGINEER], "session"), "yard-people").dataset
    assert held.classes == ("person",)
    assert held.samples[0].objects[0].box == (32.0, 18.0, 96.0, 72.0)
    assert pages.platform.events.get(local_actor(), event.id).sent_to == "yard-people/1"
    assert "Send" not in buttons(pages.draw(events, people[Role.ENGINEER], event=event.id))


def test_recordings_open_with_the_camera_recorded_last_and_then_with_the_one_chosen_before(
    pages: Pages, people: dict[Role, User]
) -> None:
    first, second, third = (add(pages, name) for name in ("Attic", "Barn", "Cellar"))
    folder, database = pages.platform.settings.recordings, pages.platform.database
    for camera, age_s in ((third, 600), (second, 300)):
        begun = utc_now() - timedelta(seconds=age_s)
        keep_recorded(database, folder, camera.id, camera.record.name, begun)

    def one_of_two_pages() -> None:
        import streamlit as st

        from app.pages import recordings

        if not st.session_state.get("elsewhere"):
            recordings.draw()

    drawn = pages.draw(one_of_two_pages, people[Role.OPERATOR])
    assert drawn.selectbox(key="recordings.camera").value == second.id
    drawn.selectbox(key="recordings.camera").select(third.id).run()
    for elsewhere in (True, False):
        drawn.session_state["elsewhere"] = elsewhere
        drawn.run()
    assert drawn.selectbox(key="recordings.camera").value == third.id
    asked = pages.draw(recordings, people[Role.OPERATOR], camera=first.id)
    assert asked.selectbox(key="recordings.camera").value == first.id


def test_a_day_of_recordings_is_told_and_where_there_is_none_why(pages: Pages, people: dict[Role, User]) -> None:
    camera = add(pages, recording={"mode": "events"})
    drawn = pages.draw(recordings, people[Role.OPERATOR])
    assert "No recordings of this day" in said(drawn)
    assert "Kept: with events 30 days, with motion 7 days, the rest 3 days, 20 GB at most" in said(drawn)
    now = utc_now().replace(hour=12)
    with pages.platform.database.write() as session:
        for number in range(3):
            begin = now + timedelta(seconds=10 * number)
            session.add(
                RecordingSegment(
                    id=f"{number:032d}",  # in the order of their recording
                    camera_id=camera.id,
                    camera_name="Yard",
                    started_at=begin,
                    ended_at=begin + timedelta(seconds=10),
                    path=f"{number}.mp4",
                    has_event=number == 2,
                )
            )
    seen = said(pages.draw(recordings, people[Role.OPERATOR]))
    assert "30 s on this day, in 2 parts" in seen.replace("**", "")


def both_pages() -> None:
    import streamlit as st

    from app.pages import jobs, recordings

    drawn = {
        "recordings": st.Page(recordings.draw, title="Recordings", url_path="recordings", default=True),
        "jobs": st.Page(jobs.draw, title="Jobs", url_path="jobs"),
    }
    st.session_state["pages"] = drawn
    st.navigation(list(drawn.values())).run()


def test_a_part_of_the_recordings_is_analysed_with_the_cameras_zones(
    pages: Pages, people: dict[Role, User], unique: str
) -> None:
    draft = Draft(unique, {"model.onnx": tiny.blob_detector()}, tiny.BLOB_CARD, alias=CHAMPION)
    pages.platform.models.publish(local_actor(), draft)
    zone = {"name": "gate", "points": [[0, 0], [1, 0], [1, 1]]}
    camera = add(pages, analysis={"zones": [zone]}, recording={"mode": "continuous"})
    begun = utc_now().replace(hour=0, minute=1, second=10)
    keep_recorded(pages.platform.database, pages.platform.settings.recordings, camera.id, "Yard", begun)
    drawn = pages.draw(both_pages, people[Role.OPERATOR])
    assert "Analyse" in buttons(drawn)
    next(each for each in drawn.button if each.label == "Analyse").click().run()
    assert "What Yard recorded on" in said(drawn).replace("**", "")
    assert not drawn.get("file_uploader")
    assert '"name": "gate"' in drawn.text_area(key=f"video.places.{camera.id}").value
    drawn.selectbox(key="video.model.").set_value(unique)
    next(each for each in drawn.button if each.label == "Start").click().run()
    [job], _ = pages.platform.jobs.page(of_user(people[Role.OPERATOR], "session"), kind="video")
    assert job.parameters["name"] == f"Yard {begun:%Y-%m-%d %H.%M.%S} UTC.mp4"
    assert [each["name"] for each in job.parameters["zones"]] == ["gate"]


def test_a_part_that_is_gone_is_told_and_another_video_can_be_chosen(
    pages: Pages, people: dict[Role, User], unique: str
) -> None:
    draft = Draft(unique, {"model.onnx": tiny.blob_detector()}, tiny.BLOB_CARD, alias=CHAMPION)
    pages.platform.models.publish(local_actor(), draft)
    camera = add(pages, recording={"mode": "continuous"})
    begun = utc_now().replace(hour=0, minute=2, second=10)
    file = keep_recorded(pages.platform.database, pages.platform.settings.recordings, camera.id, "Yard", begun)
    drawn = pages.draw(both_pages, people[Role.OPERATOR])
    next(each for each in drawn.button if each.label == "Analyse").click().run()
    file.unlink()
    next(each for each in drawn.button if each.label == "Start").click().run()
    assert "are gone" in said(drawn)
    drawn.button(key="video.another").click().run()
    assert drawn.get("file_uploader")


def which_model() -> None:
    import streamlit as st

    from app.ui.camera_model import _which, is_kept
    from registry.cameras.view import CameraView
    from registry.models.types import ModelSummary
    from registry.records import CameraRecord, utc_now

    now = utc_now()
    model = ModelSummary("people", "detect", "", "private", "o", "o", frozenset(), now, now, 3, {"tested": 2})
    for alias, version in (("", ""), ("gone", ""), ("tested", ""), ("", "1")):
        record = CameraRecord(
            name="n", url="-", model="people", alias=alias, version=version, owner_id="o", owner_name="o"
        )
        camera = CameraView(record, None, "", "stopped", "", "", None)
        chosen = {"model": "people", **_which(f"{alias}{version}", model, camera)}
        st.text(f"{is_kept(camera, chosen)} {is_kept(camera, {**chosen, 'alias': 'tested', 'version': None})}")


def test_a_form_that_nobody_touched_chooses_no_other_model() -> None:
    drawn = AppTest.from_function(which_model).run(timeout=30)
    assert not drawn.exception
    assert [each.value for each in drawn.text] == ["True False", "True False", "True True", "True False"]
