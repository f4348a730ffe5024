"""Videos through the starter detector: tracks, counts and films, odd files, kills in between, cancelling."""

import io
import json
import os
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pandas as pd
import pytest

from registry.access import Actor
from registry.access.actor import local_actor
from registry.errors import (
    CameraNotFound,
    Forbidden,
    InvalidInput,
    InvalidVideo,
    InvalidZone,
    NotFound,
    RecordingNotFound,
)
from registry.jobs.jobs import Jobs
from registry.jobs.rooms import JobRooms
from registry.jobs.running import JobRun, execute
from registry.jobs.video import analysis, segments
from registry.jobs.video.analysis import analyse_video
from registry.jobs.video.detecting import network_bgr
from registry.jobs.video.parameters import VideoAsked
from registry.jobs.video.scene import Scene
from registry.jobs.video.videos import Asked, Stretch, Videos
from registry.models.publish import Draft
from registry.models.registry import ModelRegistry
from registry.models.serving import Serving
from registry.models.thresholds import Thresholds
from registry.models.types import CHAMPION
from registry.recordings.library import Recordings
from registry.records import Database, Job, JobState, jobs
from registry.runtime.card import MODEL_FILE, ModelCard
from registry.settings import PROJECT_ROOT, Settings
from registry.storage import LocalStorage
from registry.streams.video_file import VideoFile
from registry.streams.video_frames import pictures
from registry.streams.video_probe import index, look
from registry.testing import onnx_models as made
from registry.testing.films import keep_recorded
from registry.testing.odd_videos import cut_short, odd_video, sound_only
from registry.testing.video import Clip, write_digit_clip
from registry.testing.watched import wait_until
from registry.training.digits import load_digits
from tests.registry.full_disk import room_for_files_of

ADA = local_actor()
STARTER = PROJECT_ROOT / "data" / "starter" / "digit-detector"
ZONE = {"name": "left", "polygon": [(0, 0), (0.5, 0), (0.5, 1), (0, 1)]}
LINE = {"name": "middle", "start": (0.5, 0), "end": (0.5, 1)}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds of three digits that move: 100 pictures, a key frame each second."""
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    write_digit_clip(path, load_digits(), Clip(seconds=4.0, size_wh=(320, 180)))
    return path


class Works:
    """One platform's videos, run in this process by hand."""

    def __init__(self, models: ModelRegistry, serving: Serving, database: Database, folder: Path, name: str) -> None:
        self.models, self.serving, self.database, self.name = models, serving, database, name
        self.storage = LocalStorage(folder)
        self.jobs = Jobs(database, self.storage)
        self.videos = Videos(self.jobs, models)
        self.rooms = JobRooms(models.settings, database, models.live, self.storage, models, serving)
        files: dict[str, bytes | Path] = {MODEL_FILE: (STARTER / "model.onnx").read_bytes()}
        card = ModelCard.parse((STARTER / "card.json").read_text())
        models.publish(ADA, Draft(name, files, card, alias=CHAMPION))

    def start(self, path: Path, confidence: float | None = None, **about: Any) -> Job:
        asked = Asked(self.name, thresholds=Thresholds(confidence), about=VideoAsked.model_validate(about))
        return self.videos.start_upload(ADA, asked, path.name, [path.read_bytes()])

    def run(self, job: Job, work: Callable[[JobRun], dict[str, Any]] | None = None, lanes: int = 1) -> Job:
        with self.database.write() as session:
            found = session.get(Job, job.id)
            assert found is not None
            ticket = jobs.hand_over(session, found)
        own = work or (lambda run: analyse_video(run, self.rooms, lanes))
        execute(self.database, self.storage, job.id, ticket, own)
        return self.jobs.get(ADA, job.id)

    def read(self, job: Job, name: str) -> bytes:
        with self.jobs.open_result(ADA, job.id, name)[0] as file:
            return file.read()

    def table(self, job: Job, name: str = "results.parquet") -> pd.DataFrame:
        data = io.BytesIO(self.read(job, name))
        return pd.read_parquet(data) if name.endswith("parquet") else pd.read_csv(data)

    def film(self, job: Job) -> list[float]:
        """The times of a film's pictures, after a look at its shape."""
        data = self.read(job, "annotated.mp4")
        assert data.index(b"moov") < data.index(b"mdat"), "players begin before the whole is there"
        with av.open(io.BytesIO(data)) as film:
            codec = film.streams.video[0].codec_context
            assert (codec.name, codec.pix_fmt) == ("h264", "yuv420p")
            return [round(float(frame.time or 0), 3) for frame in film.decode(video=0)]


@pytest.fixture
def works(models: ModelRegistry, serving: Serving, sqlite: Database, tmp_path: Path, unique: str) -> Works:
    return Works(models, serving, sqlite, tmp_path / "storage", unique)


@pytest.fixture
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "PICTURES", 20)


def _succeeded(job: Job) -> dict[str, Any]:
    assert job.state == JobState.SUCCEEDED, job.error
    assert job.result is not None
    return job.result


def _plain_run(works: Works, path: Path, about: VideoAsked) -> list[tuple[float, int, list[float]]]:
    """The same without any of the job's machinery: one picture after the other."""
    video = VideoFile(path.open("rb"))
    sight = look(video)
    found = index(video, sight)
    scene, rows = Scene(about, sight.size_wh, found.fps), []
    spec = works.serving.ready(ADA, works.name).version.card.input
    for picture in pictures(video, sight.size_wh, found, about.sampling):
        small, (ratio_x, ratio_y) = network_bgr(picture.yuv, spec)
        answer = works.serving.predict(ADA, small, model=works.name).prediction.detections
        assert answer is not None
        answer.xyxy = (answer.xyxy * np.array([ratio_x, ratio_y] * 2)).astype(np.float32)
        placed = scene.look(picture.at_s, answer).detections
        for track, box in zip(placed.tracker_id.tolist(), placed.xyxy.tolist(), strict=True):
            rows.append((round(picture.at_s, 3), track, box))
    video.close()
    return rows


def _same(table: pd.DataFrame, rows: list[tuple[float, int, list[float]]]) -> None:
    """The table's rows are these: the same times, tracks and boxes."""
    columns = ["time_s", "track_id", "x1", "y1", "x2", "y2"]
    ours = table.assign(track_id=table["track_id"].fillna(-1))[columns].to_numpy(float)
    plain = np.array([(at_s, track, *box) for at_s, track, box in rows])
    assert len(ours) == len(plain)
    order = [np.lexsort(each[:, ::-1].round(0).T) for each in (ours, plain)]
    assert np.allclose(ours[order[0]], plain[order[1]], atol=0.05)


def test_a_video_becomes_tracks_counts_charts_and_a_film(works: Works, clip: Path) -> None:
    job = works.run(works.start(clip, zones=[ZONE], lines=[LINE]))
    result = _succeeded(job)
    assert result["video"] | {"name": ""} == {
        "name": "", "width": 320, "height": 180, "duration_s": 4.0, "fps": 25.0, "pictures": 100,
    }  # fmt: skip
    assert (result["pictures"], job.done, job.total) == (100, 100, 100)
    assert works.film(job) == [round(n / 25, 3) for n in range(100)]
    table = works.table(job)
    assert len(table) == result["found"]
    _same(table, _plain_run(works, clip, VideoAsked()))
    tracks = works.table(job, "tracks.csv")
    assert len(tracks) == result["tracks"] == table["track_id"].nunique()
    assert tracks.nlargest(2, "pictures")["pictures"].min() > 50, "most of the time a digit is one and the same"
    crossed = works.table(job, "events.csv").query("place == 'middle'")["event"].value_counts().to_dict()
    assert {"in": 0, "out": 0} | crossed == result["lines"]["middle"]
    assert result["zones"]["left"]["most_at_once"] >= 1
    assert works.table(job, "timeline.csv")["second"].unique().tolist() == [0, 1, 2, 3]
    heat = cv2.imdecode(np.frombuffer(works.read(job, "heatmap.png"), np.uint8), cv2.IMREAD_COLOR)
    assert heat.shape == (180, 320, 3)
    with zipfile.ZipFile(io.BytesIO(works.read(job, "gallery.zip"))) as archive:
        assert len(archive.namelist()) == result["tracks"]
    assert json.loads(works.read(job, "summary.json"))["labels"] == result["labels"]
    with works.models.connected() as client:
        assert client.get_run(job.mlflow_run_id).data.metrics["tracks"] == result["tracks"]
    assert all("/results/" in key for key in works.storage.keys(f"jobs/{job.id}/"))


def test_segments_side_by_side_are_stitched_to_the_same_tracks(works: Works, clip: Path, short_segments: None) -> None:
    one_by_one = works.run(works.start(clip, confidence=0.3, zones=[ZONE], annotate=False))
    together = works.run(works.start(clip, confidence=0.3, zones=[ZONE]), lanes=3)
    first, second = works.table(one_by_one), works.table(together)
    assert first["track_id"].nunique() >= 2
    pd.testing.assert_frame_equal(first, second)
    assert _succeeded(one_by_one)["zones"] == _succeeded(together)["zones"]
    assert len(works.film(together)) == 100


def test_segments_side_by_side_are_gone_on_with_where_a_run_died(
    works: Works, clip: Path, short_segments: None
) -> None:
    whole = works.run(works.start(clip, confidence=0.35, zones=[ZONE]))
    job = works.start(clip, confidence=0.35, zones=[ZONE], draw=["boxes"])
    told: list[int] = []

    class Died(BaseException):
        """As if the process were gone."""

    def dies(run: JobRun) -> dict[str, Any]:
        def progress(done: int, total: int, stage: str) -> None:
            told.append(done)
            if done >= 150:
                raise Died

        run.progress = progress  # type: ignore[method-assign]
        return analyse_video(run, works.rooms, 3)

    with pytest.raises(Died):
        works.run(job, dies)
    assert told == sorted(told), "what is told never falls within a run"
    with works.database.write() as session:
        jobs.put_back(session, job.id, 1)
    engine = works.serving.engine
    wait_until(lambda: not engine._running and not engine._waiting, 30)
    answered = works.serving.answered
    ended = works.run(job, lanes=3)
    assert works.serving.answered - answered <= 50, "what was stored is not looked at again"
    pd.testing.assert_frame_equal(works.table(ended), works.table(whole))
    assert len(works.film(ended)) == 100


def test_a_run_that_died_is_gone_on_with_and_the_results_are_there_once(
    works: Works, clip: Path, short_segments: None
) -> None:
    whole = works.run(works.start(clip, confidence=0.31, zones=[ZONE], lines=[LINE]))
    job = works.start(clip, confidence=0.31, zones=[ZONE], lines=[LINE], draw=["boxes"])

    class Died(BaseException):
        """As if the process were gone."""

    def dies(run: JobRun) -> dict[str, Any]:
        def progress(done: int, total: int, stage: str) -> None:
            run.done = done
            if done >= 60:
                raise Died

        run.progress = progress  # type: ignore[method-assign]
        return analyse_video(run, works.rooms, 1)

    with pytest.raises(Died):
        works.run(job, dies)
    kept = {key.rpartition("/")[2] for key in works.storage.keys(f"jobs/{job.id}/parts/")}
    assert {"000000.npz", "000000.mkv", "000001.npz"} <= kept
    assert "000002.npz" not in kept
    with works.database.write() as session:
        jobs.put_back(session, job.id, 1)
    engine = works.serving.engine  # what the dead run had asked for is still answered: with its process that were gone
    wait_until(lambda: not engine._running and not engine._waiting, 30)
    answered = works.serving.answered
    ended = works.run(job)
    assert works.serving.answered - answered == 50, "what was stored is not looked at again"
    pd.testing.assert_frame_equal(works.table(ended), works.table(whole))
    pd.testing.assert_frame_equal(works.table(ended, "events.csv"), works.table(whole, "events.csv"))
    assert len(works.film(ended)) == 100
    assert {**_succeeded(ended), "files": []} == {**_succeeded(whole), "files": []}


def test_results_without_room_are_waited_for_and_cost_no_finished_segment(
    works: Works, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = works.start(clip, confidence=0.33, zones=[ZONE], every=10)
    write = analysis.write_results

    def without_room(*args: Any, **kwargs: Any) -> dict[str, Any]:
        with room_for_files_of(100):
            return write(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(analysis, "write_results", without_room)
        waiting = works.run(job)
    assert (waiting.state, waiting.error) == (JobState.QUEUED, None)
    answered = works.serving.answered
    ended = works.run(job)
    assert works.serving.answered == answered, "what was stored is not looked at again"
    assert len(works.film(ended)) == _succeeded(ended)["pictures"] == 10


def _cancelled_at(works: Works, job: Job, count: int, lanes: int) -> Job:
    """A run that is cancelled as soon as so much is done."""

    def work(run: JobRun) -> dict[str, Any]:
        tell = run.progress

        def progress(done: int, total: int, stage: str) -> None:
            tell(done, total, stage)
            if done >= count and not run.cancelled:
                works.jobs.cancel(ADA, job.id)
                run.beat()

        run.progress = progress  # type: ignore[method-assign]
        return analyse_video(run, works.rooms, lanes)

    ended = works.run(job, work)
    assert ended.state == JobState.CANCELLED
    assert ended.result is not None
    return ended


def test_cancelling_keeps_what_is_finished(works: Works, clip: Path) -> None:
    ended = _cancelled_at(works, works.start(clip, confidence=0.32), 30, lanes=1)
    assert ended.result is not None
    assert ended.result["pictures"] == len(works.film(ended)) == 30
    assert works.table(ended)["time_s"].max() <= 29 / 25


@pytest.mark.parametrize("count", [80, 130])  # of 200: each picture is looked at, then followed
def test_cancelling_keeps_what_segments_side_by_side_had_found(
    works: Works, clip: Path, short_segments: None, count: int
) -> None:
    whole = works.table(works.run(works.start(clip, confidence=0.33, annotate=False)))
    ended = _cancelled_at(works, works.start(clip, confidence=0.33), count, lanes=3)
    assert ended.result is not None
    assert 0 < ended.result["pictures"] == len(works.film(ended)) <= 100
    kept = works.table(ended)
    assert len(kept)
    pd.testing.assert_frame_equal(kept, whole.iloc[: len(kept)])


def test_of_segments_side_by_side_the_first_is_kept_that_was_only_begun(works: Works, clip: Path) -> None:
    ended = _cancelled_at(works, works.start(clip, confidence=0.34), 30, lanes=3)  # the clip is one segment
    assert ended.result is not None
    assert 0 < ended.result["pictures"] == len(works.film(ended)) < 100


@pytest.mark.parametrize(
    ("about", "times"),
    [
        ({"every": 10}, [n / 2.5 for n in range(10)]),
        ({"fps": 5}, [n / 5 for n in range(20)]),
        ({"fps": 1_00, "track": False}, [n / 25 for n in range(100)]),
    ],
    ids=["every", "fps", "more-than-there-are"],
)
def test_fewer_pictures_are_looked_at_on_request(
    works: Works, clip: Path, about: dict[str, Any], times: list[float]
) -> None:
    job = works.run(works.start(clip, zones=[ZONE], **about))
    result = _succeeded(job)
    assert works.film(job) == [round(each, 3) for each in times]
    assert result["pictures"] == len(times)
    assert (result["tracks"] > 0) == about.get("track", True)
    assert result["found"] > len(times)
    assert result["zones"]["left"]["most_at_once"] >= 1


@pytest.mark.parametrize("kind", ["rotated", "odd_size", "variable_rate"])
def test_odd_videos_are_analysed(works: Works, clip: Path, kind: str, tmp_path: Path) -> None:
    job = works.run(works.start(odd_video(clip, kind, tmp_path)))
    result = _succeeded(job)
    size = {"rotated": (180, 320), "odd_size": (318, 178)}.get(kind, (320, 180))
    assert (result["video"]["width"], result["video"]["height"]) == size
    numbers = [n for n in range(100) if kind != "variable_rate" or n % 10 < 4]
    assert works.film(job) == [round(n / 25, 3) for n in numbers]
    if kind != "rotated":  # digits that lie on their side are nobody's
        assert result["tracks"] >= 2


def test_of_a_video_that_is_cut_short_what_is_there_is_analysed(works: Works, clip: Path, tmp_path: Path) -> None:
    result = _succeeded(works.run(works.start(cut_short(clip, 0.6, tmp_path))))
    assert 30 < result["pictures"] < 90
    assert "cut short" in result["notes"][0]


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

    assert _succeeded(works.run(job, deleted))["pictures"] == 100
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
    assert _succeeded(works.run(job))["pictures"] == 100
    assert film.exists()
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
    result = _succeeded(works.run(job))
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
