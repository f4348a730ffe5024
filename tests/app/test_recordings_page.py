"""The page of recordings: which camera and day, what there is, analysing a part."""

from datetime import timedelta

import pytest

from registry.access.actor import local_actor, of_user
from registry.models.publish import Draft
from registry.models.types import CHAMPION
from registry.records import (
    RecordingSegment,
    Role,
    User,
    utc_now,
)
from registry.testing import onnx_models as tiny
from registry.testing.films import keep_recorded
from tests.app.camera_scene import add, buttons, recordings, said
from tests.app.conftest import Pages

pytestmark = pytest.mark.usefixtures("no_cameras")


def test_recordings_open_with_the_camera_recorded_last_and_then_with_the_one_chosen_before(
    pages: Pages, roles: dict[Role, User]
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

    drawn = pages.draw(one_of_two_pages, roles[Role.OPERATOR])
    assert drawn.selectbox(key="recordings.camera").value == second.id
    drawn.selectbox(key="recordings.camera").select(third.id).run()
    for elsewhere in (True, False):
        drawn.session_state["elsewhere"] = elsewhere
        drawn.run()
    assert drawn.selectbox(key="recordings.camera").value == third.id
    asked = pages.draw(recordings, roles[Role.OPERATOR], camera=first.id)
    assert asked.selectbox(key="recordings.camera").value == first.id


@pytest.mark.parametrize("role", [Role.ENGINEER, Role.OPERATOR])
def test_a_camera_that_records_nothing_leads_to_its_settings_whom_may_change_them(
    pages: Pages, roles: dict[Role, User], role: Role
) -> None:
    add(pages)
    drawn = pages.draw(recordings, roles[role])
    assert said(drawn).count("Nothing is recorded of this camera") == 1
    assert ("Open the camera" in buttons(drawn)) is (role is Role.ENGINEER)


def test_a_day_of_recordings_is_told_and_where_there_is_none_why(pages: Pages, roles: dict[Role, User]) -> None:
    camera = add(pages, recording={"mode": "events"})
    drawn = pages.draw(recordings, roles[Role.OPERATOR])
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
    seen = said(pages.draw(recordings, roles[Role.OPERATOR]))
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
    pages: Pages, roles: dict[Role, User], unique: str
) -> None:
    draft = Draft(unique, {"model.onnx": tiny.blob_detector()}, tiny.BLOB_CARD, alias=CHAMPION)
    pages.platform.models.publish(local_actor(), draft)
    zone = {"name": "gate", "points": [[0, 0], [1, 0], [1, 1]]}
    camera = add(pages, analysis={"zones": [zone]}, recording={"mode": "continuous"})
    begun = utc_now().replace(hour=0, minute=1, second=10)
    keep_recorded(pages.platform.database, pages.platform.settings.recordings, camera.id, "Yard", begun)
    drawn = pages.draw(both_pages, roles[Role.OPERATOR])
    assert "Analyse" in buttons(drawn)
    next(each for each in drawn.button if each.label == "Analyse").click().run()
    assert "What Yard recorded on" in said(drawn).replace("**", "")
    assert not drawn.get("file_uploader")
    assert '"name": "gate"' in drawn.text_area(key=f"video.places.{camera.id}").value
    drawn.selectbox(key="video.model.").set_value(unique)
    next(each for each in drawn.button if each.label == "Start").click().run()
    [job], _ = pages.platform.jobs.page(of_user(roles[Role.OPERATOR], "session"), kind="video")
    assert job.parameters["name"] == f"Yard {begun:%Y-%m-%d %H.%M.%S} UTC.mp4"
    assert [each["name"] for each in job.parameters["zones"]] == ["gate"]


def test_a_part_that_is_gone_is_told_and_another_video_can_be_chosen(
    pages: Pages, roles: dict[Role, User], unique: str
) -> None:
    draft = Draft(unique, {"model.onnx": tiny.blob_detector()}, tiny.BLOB_CARD, alias=CHAMPION)
    pages.platform.models.publish(local_actor(), draft)
    camera = add(pages, recording={"mode": "continuous"})
    begun = utc_now().replace(hour=0, minute=2, second=10)
    file = keep_recorded(pages.platform.database, pages.platform.settings.recordings, camera.id, "Yard", begun)
    drawn = pages.draw(both_pages, roles[Role.OPERATOR])
    next(each for each in drawn.button if each.label == "Analyse").click().run()
    file.unlink()
    next(each for each in drawn.button if each.label == "Start").click().run()
    assert "are gone" in said(drawn)
    drawn.button(key="video.another").click().run()
    assert drawn.get("file_uploader")
