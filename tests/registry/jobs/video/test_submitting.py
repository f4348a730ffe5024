"""Which videos are taken: refused ones, those on the server, those of a camera, the same one twice."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from registry.access import Actor
from registry.errors import (
    CameraNotFound,
    Forbidden,
    InvalidInput,
    InvalidVideo,
    InvalidZone,
    NotFound,
    RecordingNotFound,
)
from registry.jobs.rooms import JobRooms
from registry.jobs.running import JobRun
from registry.jobs.video.analysis import analyse_video
from registry.jobs.video.parameters import VideoAsked
from registry.jobs.video.videos import Asked, Stretch
from registry.models.publish import Draft
from registry.models.thresholds import Thresholds
from registry.recordings.library import Recordings
from registry.records import JobState
from registry.runtime.card import MODEL_FILE
from registry.settings import PROJECT_ROOT, Settings
from registry.testing import onnx_models as made
from registry.testing.films import keep_recorded
from registry.testing.odd_videos import cut_short, odd_video, sound_only
from tests.registry.jobs.video.conftest import ADA, LINE, ZONE, Works, succeeded


def test_what_could_not_be_analysed_is_refused_and_leaves_nothing(works: Works, clip: Path, tmp_path: Path) -> None:
    picture = tmp_path / "picture.mp4"
    picture.write_bytes(next((PROJECT_ROOT / "data" / "samples").glob("*.jpg")).read_bytes())
    empty = tmp_path / "empty.mp4"
    empty.touch()
    for path in (
        picture,
        empty,
        sound_only(tmp_path),
        cut_short(odd_video(clip, "late_index", tmp_path), 0.5, tmp_path),
    ):
        with pytest.raises(InvalidVideo):
            works.start(path)
    same = {"name": "left", "start": (0, 0), "end": (1, 1)}
    bow = {"name": "bow", "polygon": [(0, 0), (1, 1), (1, 0), (0, 1)]}
    for about in ({"zones": [ZONE], "lines": [same]}, {"zones": [bow]}, {"lines": [LINE], "track": False}):
        with pytest.raises(InvalidZone):
            works.start(clip, **about)
    with pytest.raises(InvalidInput, match="confidence"):
        works.start(clip, confidence=1.5)
    with pytest.raises(InvalidInput, match="`every` and `fps` both"):
        works.start(clip, every=2, fps=3)
    works.models.publish(ADA, Draft(f"{works.name}-c", {MODEL_FILE: made.colour_classifier()}, made.COLOUR_CARD))
    with pytest.raises(InvalidInput, match="boxes"):
        works.videos.start_upload(ADA, Asked(f"{works.name}-c", version=1), "a.mp4", [clip.read_bytes()])
    assert list(works.storage.keys()) == []
    assert works.jobs.page(ADA) == ([], 0)


def test_a_model_deleted_while_it_works_ends_its_video_and_no_other(works: Works, clip: Path) -> None:
    job, later = works.start(clip), works.start(clip, every=2)

    def deleted(run: JobRun) -> dict[str, Any]:
        tell = run.progress

        def progress(done: int, total: int, stage: str) -> None:
            tell(done, total, stage)
            if done == 10:
                with works.models.connected() as client:
                    client.delete_registered_model(works.name)
                works.serving._resolver.forget(works.name)

        run.progress = progress  # type: ignore[method-assign]
        return analyse_video(run, works.rooms, 1)

    assert succeeded(works.run(job, deleted))["pictures"] == 100
    failed = works.run(later)
    assert failed.state == JobState.FAILED
    assert failed.error is not None
    assert (failed.error["code"], bool(failed.error["hint"])) == ("model_not_found", True)


def test_a_file_on_the_server_is_read_in_place_by_those_who_may(
    works: Works, clip: Path, tmp_path: Path, user: Actor
) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    film, link = folder / "film.mp4", folder / "link.mp4"
    film.write_bytes(clip.read_bytes())
    link.symlink_to(clip)
    works.models.settings = works.models.settings.model_copy(update={"batch_folders": (str(folder),)})
    works.rooms = JobRooms(
        works.models.settings, works.database, works.models.live, works.storage, works.models, works.serving
    )
    asked = Asked(works.name)
    job, changed = works.videos.start_path(ADA, asked, str(film)), Asked(works.name, thresholds=Thresholds(0.4))
    assert succeeded(works.run(job))["pictures"] == 100
    assert film.exists()
    vanished = works.videos.start_path(ADA, Asked(works.name, thresholds=Thresholds(0.6)), str(film))
    film.rename(folder / "away.mp4")
    error = works.run(vanished).error or {}
    assert (error["message"], bool(error["hint"])) == (f"there is no file {str(film)!r} that can be read", True)
    (folder / "away.mp4").rename(film)
    (folder / "sub").mkdir()
    os.mkfifo(folder / "pipe.mp4")
    odd = [link, *(folder / name for name in ("none.mp4", "sub", "sub/..", "pipe.mp4", "a\0b.mp4"))]
    for path in (*odd, folder, clip, Path("/etc/passwd"), Path("film.mp4")):
        with pytest.raises(NotFound):
            works.videos.start_path(ADA, asked, str(path))
    left_open = [link for link in Path("/proc/self/fd").iterdir() if os.path.realpath(link).startswith(str(folder))]
    assert not left_open
    with pytest.raises(Forbidden):
        works.videos.start_path(user, asked, str(film))
    other = works.videos.start_path(ADA, changed, str(film))
    film.write_bytes(odd_video(clip, "one_key", tmp_path).read_bytes())
    failed = works.run(other)
    assert failed.error is not None
    assert "another one" in failed.error["message"]


def test_what_a_camera_recorded_is_analysed_by_those_who_may(
    works: Works, clip: Path, user: Actor, settings: Settings, tmp_path: Path
) -> None:
    begun, film = datetime(2026, 5, 4, 8, tzinfo=UTC), odd_video(clip, "fragmented", tmp_path).read_bytes()
    starts = [begun, begun + timedelta(seconds=4), begun + timedelta(minutes=30)]  # two follow each other, then a gap
    folder = settings.recordings
    files = [keep_recorded(works.database, folder, "gate", "Gate/1", start, film) for start in starts]
    recordings = Recordings(settings, works.models.live, works.database, works.storage)
    stretch = Stretch("gate", begun, begun + timedelta(minutes=31))
    asked = Asked(works.name, about=VideoAsked.model_validate({"every": 5, "zones": [ZONE]}))
    job = works.videos.start_camera(ADA, asked, recordings, stretch)
    for file in files:  # the job has its film: what becomes of the recordings does not matter
        file.unlink()
    result = succeeded(works.run(job))
    seconds = result["video"]["duration_s"] / 3
    assert result["video"]["name"] == "Gate-1 2026-05-04 08.00.00 UTC.mp4"
    assert result["video"]["recorded_from"] == "2026-05-04T08:00:00.000+00:00"
    assert len(works.film(job)) == result["pictures"] == result["video"]["pictures"] / 5
    table = works.table(job)
    late = table["time_s"] > 2 * seconds - 0.01
    gap = timedelta(minutes=30) - timedelta(seconds=2 * seconds)
    told = table["recorded_at"] - pd.to_timedelta(table["time_s"], unit="s")
    assert abs(told[~late] - begun).max() < timedelta(seconds=0.5)
    assert abs(told[late] - begun - gap).max() < timedelta(seconds=0.01)
    for name, at in (("tracks.csv", "recorded_from"), ("events.csv", "recorded_at")):
        moments = pd.to_datetime(works.table(job, name)[at])
        assert moments.between(begun, begun + timedelta(minutes=31)).all()
        assert len(moments)
    with pytest.raises(Forbidden):
        works.videos.start_camera(user, asked, recordings, stretch)
    with pytest.raises(CameraNotFound):
        works.videos.start_camera(ADA, asked, recordings, replace(stretch, camera_id="none"))
    with pytest.raises(RecordingNotFound, match="are gone"):  # their rows are still there
        works.videos.start_camera(ADA, replace(asked, about=VideoAsked()), recordings, stretch)
    for until in (begun, begun + timedelta(hours=25)):
        with pytest.raises(InvalidInput, match="at most 1440 minutes"):
            works.videos.start_camera(ADA, asked, recordings, replace(stretch, until=until))
    assert not [path for path in (settings.recordings / ".scratch").rglob("*") if path.is_file()]


def test_the_same_video_asked_about_alike_is_one_job(works: Works, clip: Path) -> None:
    first = works.start(clip, fps=5)
    assert works.start(clip, fps=5).id == first.id
    assert works.start(clip, fps=6).id != first.id
    assert len({key.split("/")[1] for key in works.storage.keys("jobs/")}) == 2, "what was sent again is not kept again"
