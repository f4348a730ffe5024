"""The benches in a few seconds: what must hold at any speed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from registry.streams import Detector
from registry.testing.bright_squares import bright_square_clip
from registry.testing.onnx_models import blob_detector
from registry.testing.platform import Running
from registry.testing.video import Clip, write_digit_clip
from registry.training.digits import load_digits
from registry.vision.samples import find_samples
from registry.worker.engine import Engine
from tests.perf import bench_cameras
from tests.perf.bench_predict import flood_figures
from tests.perf.bench_video import opened
from tests.perf.camera_run import asking, engine_of, home, measure
from tests.perf.camera_sources import Sources, sources
from tests.perf.camera_swaps import swap
from tests.perf.clients import HttpPredict, Outcome, closed_loop, open_loop, quantile
from tests.perf.report import Report
from tests.perf.side_by_side import paired_ratio
from tests.perf.square_network import make_square_network

MODEL, SECONDS, CLIENTS, FLOOD_CLIENTS = "digit-detector", 2.0, 8, 40


@pytest.fixture(scope="module")
def picture() -> bytes:
    return next(iter(find_samples())).path.read_bytes()


@contextmanager
def _clients(platform: Running, picture: bytes, count: int) -> Iterator[list[HttpPredict]]:
    yield [HttpPredict(platform, picture, MODEL) for _ in range(count)]


def test_eight_clients_are_all_answered_by_one_version(platform: Running, picture: bytes) -> None:
    with _clients(platform, picture, CLIENTS) as clients:
        outcome = closed_loop(clients, SECONDS)
    assert outcome.failed == []
    assert outcome.refusals == []
    assert len(outcome.versions) == 1
    assert len(outcome.answers) >= CLIENTS


def test_a_flood_is_answered_or_refused_and_never_fails(platform: Running, picture: bytes) -> None:
    with _clients(platform, picture, FLOOD_CLIENTS) as clients:
        able = closed_loop(clients[:CLIENTS], SECONDS).a_second
        flood = open_loop(clients, 3 * able, SECONDS)
        after = closed_loop(clients[:1], SECONDS)
    assert flood.failed == []
    assert flood.answers
    assert flood.refusals
    assert after.answers, "afterwards it answers as before"
    assert after.failed == []


def test_a_bench_compares_neighbouring_blocks() -> None:
    slow_for_a_while = [10.0] * 4 + [40.0] * 4 + [10.0] * 4
    assert paired_ratio([each * 1.1 for each in slow_for_a_while], slow_for_a_while) == pytest.approx(1.1)


def test_a_videos_bench_looks_at_every_picture_and_watches_memory(platform: Running, tmp_path: Path) -> None:
    clip = Clip(seconds=8.0, size_wh=(192, 108))
    write_digit_clip(tmp_path / "clip.mp4", load_digits(), clip)
    with opened(platform.settings) as ours:
        outcome = ours.analyse(MODEL, tmp_path / "clip.mp4", None)
    assert (outcome.pictures, [frames for frames, _ in outcome.memory]) == (clip.frames, [100, 200, 200])
    assert min(outcome.cpu_ms.values()) > 0
    grows = replace(outcome, memory=[(frames, 100 + frames / 500) for frames in range(0, 3_000, 100)])
    assert grows.slope_mib == pytest.approx(2.0)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    plain = tmp_path_factory.mktemp("network") / "plain.onnx"
    plain.write_bytes(blob_detector(0))
    with home() as settings, engine_of(settings, make_square_network(plain, plain.with_name("square.onnx"))) as made:
        yield made


@pytest.fixture(scope="module")
def cameras(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sources]:
    film = tmp_path_factory.mktemp("film") / "clip.h264"
    bright_square_clip(film, size_wh=(640, 360), seconds=20.0)
    with sources(2, film) as made:
        yield made


def test_a_bench_of_cameras_judges_every_frame(engine: Engine, cameras: Sources) -> None:
    told = measure(cameras.urls, engine, seconds=3.0, warm_s=1.0)
    assert told["unbalanced"] == told["failed"] == 0
    assert told["duty"] > 0.9
    assert 0 < told["looks"] <= told["frames"]
    assert told["analysed"] > 0
    assert set(told["regions"]) <= {0, 192, 256, 320}
    assert sum(told["batches"].values()) > 0
    assert told["cpu_ms_per_camera_second"]["decoders"] > 0


def test_every_frame_during_hot_swaps_has_one_end(engine: Engine, cameras: Sources) -> None:
    detectors = [Detector(key, asking(engine)) for key in ("old", "new")]
    told = swap(cameras.urls, detectors, swaps=6, every_s=0.1)
    assert told["lost"] == told["twice"] == told["told_otherwise"] == 0
    assert "failed" not in told["ends"]
    assert told["changes"] == [6, 6]


@pytest.mark.parametrize("most", [2, 5, 9])
def test_a_peer_is_asked_for_more_cameras_until_it_gives_up_wherever_that_begins(
    monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    def step(_module: str, cameras: int, *_: object, **__: object) -> dict[str, object]:
        return {"cameras": cameras, "share": 1.0 if cameras <= most else 0.9, "age_ms": {}, "others_cores": 0.0}

    monkeypatch.setattr(bench_cameras, "step", step)
    found = bench_cameras.around(5, Path("none.onnx"), 1.0, peer="plain")
    assert bench_cameras.borne(found) == most
    assert {each["cameras"] for each in found} == set(range(min(most, 5), max(most + 1, 5) + 1))


@pytest.mark.parametrize("most", [8, 9, 11, 22])
def test_ours_is_found_to_the_camera(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    def step(_module: str, cameras: int, *_: object, **__: object) -> dict[str, object]:
        return {"cameras": cameras, "share": 1.0 if cameras <= most else 0.9, "age_ms": {}, "others_cores": 0.0}

    monkeypatch.setattr(bench_cameras, "step", step)
    found = [each["cameras"] for each in bench_cameras.exactly(8, Path("none.onnx"), 1.0)]
    assert {most, most + 1} <= set(found)
    assert len(found) == len(set(found)), "no number twice"


def test_figures_are_those_of_what_was_accepted() -> None:
    flood = Outcome(seconds=2.0, answers=[(0.3, 0.3), (1.6, 0.1)], refusals=[0.004, 0.002, 0.003])
    assert flood_figures(flood) == {
        "accepted_a_second": 1.0,
        "accepted_p50_ms": 300.0,
        "accepted_p99_ms": 300.0,
        "accepted_p99_later_ms": pytest.approx(100.0),
        "refused": 3,
        "refusal_p50_ms": 3.0,
    }
    assert quantile([3, 1, 2, 4], 0.25) == 2


def test_a_bound_that_does_not_hold_is_said(tmp_path: Path) -> None:
    report = Report("x", {}, {}, ratio=1.0, bound=1.1, repeats=1, limits={"failed": (1.0, 0.0)})
    assert not report.holds
