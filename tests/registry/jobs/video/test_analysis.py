"""Videos through the starter detector: tracks, counts, charts and films, also of odd files."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

from registry.jobs.video import analysis
from registry.jobs.video.detecting import network_bgr
from registry.jobs.video.parameters import VideoAsked
from registry.jobs.video.scene import Scene
from registry.records import JobState
from registry.streams.video_file import VideoFile
from registry.streams.video_frames import pictures
from registry.streams.video_probe import index, look
from registry.testing.odd_videos import cut_short, odd_video
from tests.registry.full_disk import room_for_files_of
from tests.registry.jobs.video.conftest import ADA, LINE, ZONE, Works, succeeded


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
    result = succeeded(job)
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
    assert len(works.film(ended)) == succeeded(ended)["pictures"] == 10


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
    result = succeeded(job)
    assert works.film(job) == [round(each, 3) for each in times]
    assert result["pictures"] == len(times)
    assert (result["tracks"] > 0) == about.get("track", True)
    assert result["found"] > len(times)
    assert result["zones"]["left"]["most_at_once"] >= 1


@pytest.mark.parametrize("kind", ["rotated", "odd_size", "variable_rate"])
def test_odd_videos_are_analysed(works: Works, clip: Path, kind: str, tmp_path: Path) -> None:
    job = works.run(works.start(odd_video(clip, kind, tmp_path)))
    result = succeeded(job)
    size = {"rotated": (180, 320), "odd_size": (318, 178)}.get(kind, (320, 180))
    assert (result["video"]["width"], result["video"]["height"]) == size
    numbers = [n for n in range(100) if kind != "variable_rate" or n % 10 < 4]
    assert works.film(job) == [round(n / 25, 3) for n in numbers]
    if kind != "rotated":  # digits that lie on their side are nobody's
        assert result["tracks"] >= 2


def test_of_a_video_that_is_cut_short_what_is_there_is_analysed(works: Works, clip: Path, tmp_path: Path) -> None:
    result = succeeded(works.run(works.start(cut_short(clip, 0.6, tmp_path))))
    assert 30 < result["pictures"] < 90
    assert "cut short" in result["notes"][0]
