"""The pages of cameras: what each role gets, what each state says, what a press does."""

from datetime import datetime
from typing import Any

import pytest
from sqlmodel import select
from streamlit.testing.v1 import AppTest

from app.ui.camera_history import figures as camera_figures
from app.ui.camera_history import time_axis
from registry.access.actor import local_actor
from registry.records import (
    CameraLease,
    CameraRecord,
    Role,
    User,
    camera_history,
    utc_now,
)
from registry.records.camera_history import STEP_S, Step
from tests.app.camera_scene import REPORT, add, buttons, cameras, events, recordings, said
from tests.app.conftest import Pages

pytestmark = pytest.mark.usefixtures("no_cameras")


OFFERS = {Role.ADMIN: True, Role.ENGINEER: True, Role.OPERATOR: False}


@pytest.mark.parametrize("role", OFFERS)
def test_without_cameras_the_page_says_what_to_do_to_whom_can_do_it(
    pages: Pages, roles: dict[Role, User], role: Role
) -> None:
    drawn = pages.draw(cameras, roles[role])
    assert "No cameras yet" in said(drawn)
    assert ("Add camera" in buttons(drawn)) is OFFERS[role]
    assert ("Groups" in buttons(drawn)) is OFFERS[role]


@pytest.mark.parametrize("page", [cameras, events, recordings], ids=["cameras", "events", "recordings"])
def test_who_may_not_see_a_page_does_not_get_it(pages: Pages, roles: dict[Role, User], page: Any) -> None:
    add(pages)
    drawn = pages.draw(page, roles[Role.USER])
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
def test_a_tile_says_what_its_camera_is_doing(pages: Pages, roles: dict[Role, User], case: str) -> None:
    state, reason, words = STATES[case]
    add(pages, state=state, reason=reason, model="")
    with pages.platform.database.write() as session:  # a model that no registry has to know
        for record in session.exec(select(CameraRecord)):
            record.model, record.alias = "people", "champion"
    seen = said(pages.draw(cameras, roles[Role.OPERATOR]))
    for word in words:
        assert word in seen


def test_a_camera_without_a_picture_yet_shows_no_figures_of_one(pages: Pages, roles: dict[Role, User]) -> None:
    camera = add(pages, state="live", model="")
    account = {"captured": 0, "inferred": {}, "gated": 0, "dropped": {}, "failed": 0, "pending": 0}
    with pages.platform.database.write() as session:
        record = session.get_one(CameraRecord, camera.id)
        record.model = "people"
        lease = session.get_one(CameraLease, camera.id)
        lease.report = REPORT | {"account": account, "objects": {}, "counts": {}, "age_ms": {"median": 0.0, "p95": 0.0}}
        session.add_all([record, lease])
    for at in ({}, {"camera": camera.id}):
        seen = said(pages.draw(cameras, roles[Role.OPERATOR], **at))
        assert "–" in seen
        assert "0 ms" not in seen
        assert "Nothing in sight" not in seen


def test_the_grid_is_filtered_by_state_and_text(pages: Pages, roles: dict[Role, User]) -> None:
    add(pages, "Yard", state="live")
    add(pages, "Gate")
    drawn = pages.draw(cameras, roles[Role.OPERATOR])
    assert "2 cameras" in said(drawn)
    drawn.selectbox(key="cameras.state").select("live").run()
    assert "1 camera" in said(drawn)
    drawn.text_input(key="cameras.search").set_value("gate").run()
    assert "No such camera" in said(drawn)


def test_the_last_hour_of_a_camera_is_drawn_though_nobody_watched(pages: Pages, roles: dict[Role, User]) -> None:
    camera = add(pages, state="live", recording={"mode": "continuous"})
    at = {"camera": camera.id}
    assert "once the camera has run for half a minute" in said(pages.draw(cameras, roles[Role.OPERATOR], **at))
    now = utc_now().timestamp()
    steps = [Step(now - STEP_S * each, STEP_S, 75, 20, 50, 4, 1, 88.0) for each in (100, 99, 3, 2, 1)]
    with pages.platform.database.write() as session:
        camera_history.put(session, {camera.id: steps})
        lease = session.get_one(CameraLease, camera.id)
        lease.report = REPORT | {"recording_problem": "the disk is full"}
        session.add(lease)
    drawn = pages.draw(cameras, roles[Role.OPERATOR], **at)
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
    ticks = [datetime.fromisoformat(each) for each in axis["values"]]
    assert axis["format"] == "%H:%M"
    assert len({f"{each:%H:%M}" for each in ticks}) == len(ticks) <= 7
    assert all(ends[0] <= each.timestamp() <= ends[1] and not each.second for each in ticks)
    assert minutes < 2 or len(ticks) >= 2


def test_an_operator_stops_and_starts_but_has_nothing_to_change(pages: Pages, roles: dict[Role, User]) -> None:
    camera = add(pages, state="live")
    drawn = pages.draw(cameras, roles[Role.OPERATOR], camera=camera.id)
    assert "Boxes, zones and lines" in [each.label for each in drawn.toggle]
    assert not drawn.segmented_control
    assert buttons(drawn) <= {"All cameras", "Stop"}
    drawn.button(key=f"camera.control.{camera.id}").click().run()
    assert not pages.platform.cameras.get(local_actor(), camera.id).record.is_wanted
    drawn.button(key=f"camera.control.{camera.id}").click().run()
    assert pages.platform.cameras.get(local_actor(), camera.id).record.is_wanted


def test_a_camera_is_added_and_its_password_never_shown_again(pages: Pages, roles: dict[Role, User]) -> None:
    drawn = pages.draw(cameras, roles[Role.ENGINEER])
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
    shown = pages.draw(cameras, roles[Role.ENGINEER], camera=camera.id)
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
    pages: Pages, roles: dict[Role, User]
) -> None:
    mask = [[0.0, 0.0], [0.5, 0.0], [0.5, 0.2]]
    camera = add(pages, analysis={"motion": {"masks": [mask], "min_area": 0.00123}, "iou": 0.5})
    before, key = camera.record.analysis, f"camera_form.{camera.id}.r1"
    drawn = pages.draw(cameras, roles[Role.ENGINEER], camera=camera.id)
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


def test_a_camera_is_deleted_after_a_question(pages: Pages, roles: dict[Role, User]) -> None:
    camera = add(pages)
    drawn = pages.draw(cameras, roles[Role.ENGINEER], camera=camera.id)
    drawn.segmented_control(key="camera.view").set_value(":material/tune: Settings").run()
    drawn.button(key="camera.delete").click().run()
    assert pages.platform.cameras.page(local_actor())[1] == 1
    drawn.button(key="camera.delete.really").click().run()
    assert pages.platform.cameras.page(local_actor())[1] == 0
    assert "No cameras yet" in said(drawn)


def test_a_camera_that_is_gone_is_said_to_be(pages: Pages, roles: dict[Role, User]) -> None:
    assert "there is no camera" in said(pages.draw(cameras, roles[Role.OPERATOR], camera="0" * 32)).lower()


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
