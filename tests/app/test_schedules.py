"""Schedules of every kind: what each starts, what is refused before, and the form that makes one."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.platform import Platform
from registry.access import Actor
from registry.access.actor import local_actor, of_user
from registry.cameras.asked import NewCamera
from registry.cameras.view import CameraView
from registry.errors import (
    CameraNotFound,
    DatasetNotFound,
    Forbidden,
    InvalidInput,
    InvalidModel,
    NotFound,
    RecordingNotFound,
)
from registry.jobs.schedules import Plan
from registry.models.files import CHECKPOINT
from registry.models.publish import Draft
from registry.models.types import CHAMPION
from registry.records import Role, Schedule, utc_now
from registry.testing import onnx_models as tiny
from registry.testing.films import keep_recorded
from registry.testing.odd_videos import tiny_video
from registry.training.datasets.changes import NewVersion
from tests.app.conftest import Pages
from tests.contract.asking_work import lesson_zip

ADA = local_actor()
WEEKLY = "0 4 * * 0"


@pytest.fixture
def model(pages: Pages, unique: str) -> str:
    draft = Draft(unique, {"model.onnx": tiny.blob_detector()}, tiny.BLOB_CARD, alias=CHAMPION)
    pages.platform.models.publish(ADA, draft)
    return unique


@pytest.fixture
def engineer(pages: Pages) -> Actor:
    return of_user(pages.person(Role.ENGINEER), "session")


@pytest.fixture
def lesson(pages: Pages, unique: str) -> str:
    """A dataset that everybody may use."""
    pages.platform.dataset_changes.receive(ADA, iter([lesson_zip()]), NewVersion(f"d-{unique}"))
    return f"d-{unique}"


@pytest.fixture
def videos(pages: Pages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that jobs may read, with a video."""
    (tmp_path / "gate.mp4").write_bytes(tiny_video())
    allowed = pages.platform.models.settings.model_copy(update={"batch_folders": (str(tmp_path),)})
    monkeypatch.setattr(pages.platform.models, "settings", allowed)
    return tmp_path


def plan(kind: str, **parameters: Any) -> Plan:
    return Plan(f"A {kind}", kind, parameters, WEEKLY)


def test_a_batch_of_a_dataset_is_of_its_newest_version(pages: Pages, model: str, lesson: str, engineer: Actor) -> None:
    made = pages.platform.schedules.create(engineer, plan("batch", model=model, dataset=lesson))
    job = pages.platform.schedules.run_now(engineer, made.id)
    assert (job.kind, job.parameters["source"]) == ("batch", f"dataset:{lesson}/1")
    assert pages.platform.schedules.run_now(engineer, made.id).id == job.id, "the same pictures are not answered again"
    with pytest.raises(DatasetNotFound):
        pages.platform.schedules.create(engineer, plan("batch", model=model, dataset="nowhere"))
    for both in ({}, {"dataset": lesson, "folder": "/srv"}):
        with pytest.raises(InvalidInput, match="either a folder or a dataset"):
            pages.platform.schedules.create(engineer, plan("batch", model=model, **both))


def test_a_video_on_the_server_is_looked_at_again_once_it_is_another(
    pages: Pages, model: str, videos: Path, engineer: Actor
) -> None:
    wanted = plan("video", model=model, path=str(videos / "gate.mp4"), every=2, track=False)
    made = pages.platform.schedules.create(engineer, wanted)
    job = pages.platform.schedules.run_now(engineer, made.id)
    assert (job.kind, job.parameters["every"], job.parameters["track"]) == ("video", 2, False)
    assert pages.platform.schedules.run_now(engineer, made.id).id == job.id
    (videos / "gate.mp4").write_bytes(tiny_video() + bytes(8))
    assert pages.platform.schedules.run_now(engineer, made.id).id != job.id
    with pytest.raises(NotFound):
        pages.platform.schedules.create(engineer, replace(wanted, parameters={"model": model, "path": "/etc/passwd"}))
    for both in ({}, {"path": "/srv/a.mp4", "camera": "c"}):
        with pytest.raises(InvalidInput, match="either a file"):
            pages.platform.schedules.create(engineer, plan("video", model=model, **both))


def test_what_a_camera_recorded_last_is_analysed_once_for_each_time(
    pages: Pages, model: str, engineer: Actor, unique: str
) -> None:
    platform, now = pages.platform, utc_now()
    camera = platform.cameras.create(engineer, NewCamera(name=unique, url="rtsp://10.99.0.7/live", start=False))
    record(platform, camera, now - timedelta(minutes=5))
    made = platform.schedules.create(engineer, plan("video", model=model, camera=camera.id, hours=0.25))
    with platform.database.write() as session:
        found = session.get(Schedule, made.id)
        assert found is not None
        found.next_at = now
        session.add(found)
    [job] = [each for each in platform.schedules.start_due(now) if each.kind == "video"]
    assert job.parameters["name"].startswith(unique)
    again = platform.schedules.starts["video"].start(
        engineer, platform.schedules.starts["video"].parameters(**made.parameters), str(job.idempotency_key), now
    )
    assert again.id == job.id, "two that look at once start one job"
    with pytest.raises(CameraNotFound):
        platform.schedules.create(engineer, plan("video", model=model, camera="0" * 32))
    with pytest.raises(InvalidInput, match="above 0, at most 24"):
        platform.schedules.create(engineer, plan("video", model=model, camera=camera.id, hours=25))


def test_without_hours_a_camera_is_analysed_from_where_the_last_time_ended(
    pages: Pages, model: str, engineer: Actor, unique: str
) -> None:
    platform, now = pages.platform, utc_now()
    camera = platform.cameras.create(engineer, NewCamera(name=unique, url="rtsp://10.99.0.8/live", start=False))
    for minutes in (60 * 23, 30, 5):
        record(platform, camera, now - timedelta(minutes=minutes))
    made = platform.schedules.create(engineer, plan("video", model=model, camera=camera.id))
    first = platform.schedules.run_now(engineer, made.id)
    assert first.parameters["name"].startswith(f"{unique} {now - timedelta(hours=23):%Y-%m-%d %H.%M}")
    with platform.database.write() as session:
        found = session.get(Schedule, made.id)
        assert found is not None
        found.last_at = now - timedelta(minutes=20)
        session.add(found)
    again = platform.schedules.run_now(engineer, made.id)
    assert again.parameters["name"].startswith(f"{unique} {now - timedelta(minutes=5):%Y-%m-%d %H.%M}")
    with pytest.raises(RecordingNotFound):
        platform.schedules.run_now(engineer, made.id)


def record(platform: Platform, camera: CameraView, begun: datetime) -> None:
    keep_recorded(platform.database, platform.settings.recordings, camera.id, camera.record.name, begun)


def test_a_training_is_on_the_newest_version_and_done_once_for_each(
    pages: Pages, model: str, lesson: str, engineer: Actor
) -> None:
    with pytest.raises(InvalidModel, match="keeps no checkpoint"):
        pages.platform.schedules.create(ADA, plan("train", model=model, dataset=lesson, new_classes=True))
    notes = {CHECKPOINT: b"weights"}
    draft = Draft(model, {"model.onnx": tiny.blob_detector()}, tiny.BLOB_CARD, alias=CHAMPION, notes=notes)
    pages.platform.models.publish(ADA, draft)
    admin = of_user(pages.person(Role.ADMIN), "session")
    wanted = plan("train", model=model, dataset=lesson, epochs=3, new_classes=True)
    made = pages.platform.schedules.create(admin, wanted)
    job = pages.platform.schedules.run_now(admin, made.id)
    about = (job.kind, job.parameters["dataset_version"], job.parameters["epochs"], job.parameters["parent"])
    assert about == ("train", 1, 3, f"{model}/2")
    assert pages.platform.schedules.run_now(admin, made.id).id == job.id
    with pytest.raises(Forbidden):
        pages.platform.schedules.create(of_user(pages.person(Role.OPERATOR), "session"), wanted)


def page() -> None:  # a script of its own: what it uses it imports
    from app.ui import schedule_form
    from app.ui.session import required
    from registry.access import Action

    schedule_form.draw(required(Action.READ_SCHEDULE), None)


def test_the_form_makes_a_schedule_of_a_video(pages: Pages, model: str, videos: Path) -> None:
    person = pages.person(Role.OPERATOR)
    drawn = pages.draw(page, person)
    assert set(drawn.selectbox(key="schedule.new.kind").options) == {"Batch inference", "Video analysis"}
    drawn.selectbox(key="schedule.new.kind").set_value("video").run()
    drawn.text_input(key="schedule.new.name").set_value("Gate")
    drawn.selectbox(key="schedule.new.video.model").set_value(model)
    drawn.text_input(key="schedule.new.video.path").set_value(str(videos / "gate.mp4"))
    drawn.button(key="schedule.new.save").click().run()
    assert not drawn.exception
    [made], _ = pages.platform.schedules.page(of_user(person, "session"))
    assert (made.name, made.kind, made.parameters["path"]) == ("Gate", "video", str(videos / "gate.mp4"))
    assert made.parameters["camera"] == ""


def test_the_form_leaves_the_dataset_of_a_batch_empty_until_one_is_chosen(
    pages: Pages, model: str, lesson: str
) -> None:
    person = pages.person(Role.ENGINEER)
    drawn = pages.draw(page, person)
    drawn.text_input(key="schedule.new.name").set_value("Each week")
    drawn.selectbox(key="schedule.new.batch.model").set_value(model)
    assert drawn.selectbox(key="schedule.new.batch.dataset").value == ""
    drawn.selectbox(key="schedule.new.batch.dataset").set_value(lesson)
    drawn.button(key="schedule.new.save").click().run()
    assert not drawn.exception
    [made], _ = pages.platform.schedules.page(of_user(person, "session"))
    assert (made.parameters["dataset"], made.parameters["folder"]) == (lesson, "")


def test_a_file_or_folder_that_is_gone_is_told_on_the_schedule(
    pages: Pages, model: str, videos: Path, engineer: Actor
) -> None:
    (videos / "shift").mkdir()
    film = videos / "shift" / "gate.mp4"
    film.write_bytes(tiny_video())
    schedules = pages.platform.schedules
    made = schedules.create(engineer, plan("video", model=model, path=str(film)))
    film.unlink()
    schedules.start_due(utc_now() + timedelta(days=8))
    seen = schedules.get(engineer, made.id)
    assert (seen.last_job_id, seen.problem) == ("", f"there is no file {str(film)!r} that can be read")
    film.parent.rmdir()
    with pytest.raises(NotFound, match="does not exist") as refused:
        schedules.run_now(engineer, made.id)
    assert "Put it back" in refused.value.hint
    assert schedules.get(engineer, made.id).problem == f"the folder {str(film.parent)!r} does not exist"
    film.parent.mkdir()
    film.write_bytes(tiny_video())
    assert schedules.run_now(engineer, made.id).state == "queued"
    assert schedules.get(engineer, made.id).problem == ""
