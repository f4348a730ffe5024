"""What one detector or one camera does to the others: nothing."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import supervision as sv

from registry.errors import ProcessFailed, Unavailable
from registry.streams import Account, AnalysisOptions, Camera, Detector, Pipeline, SourcePolicy, parse_source
from registry.testing.bright_squares import detect_bright, square_and_flash
from registry.testing.rtsp_server import RtspCamera
from registry.testing.watched import wait_until

BRIGHT = Detector("bright/1", detect_bright)
EVERY_FRAME = AnalysisOptions(motion=None, regions=None)
Images = Sequence[np.ndarray[Any, Any]]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return square_and_flash(tmp_path_factory.mktemp("clips"))


@pytest.fixture
def watch(policy: SourcePolicy, clips: dict[str, bytes]) -> Iterator[Callable[..., Pipeline]]:
    """A pipeline with a camera for each clip and detector that is named."""
    with ExitStack() as stack:

        def begin(**cameras: tuple[str, Detector]) -> Pipeline:
            pipeline = Pipeline(policy)
            stack.callback(pipeline.close)
            for name, (clip, detector) in cameras.items():
                camera = stack.enter_context(RtspCamera(clips[clip]))
                pipeline.add(Camera(name, parse_source(camera.url, policy), analysis=EVERY_FRAME), detector)
            return pipeline

        yield begin


def inferred(account: Account) -> int:
    return sum(account.inferred.values())


def is_poison(images: Images) -> bool:
    return any(image.mean() > 200 for image in images)


def test_a_detector_that_hangs_costs_the_cameras_of_another_nothing(watch: Callable[..., Pipeline]) -> None:
    hangs = threading.Event()

    def slow(images: Images) -> list[sv.Detections]:
        if hangs.is_set():
            time.sleep(3.0)
        return detect_bright(images)

    pipeline = watch(one=("good", Detector("hangs", slow)), two=("good", BRIGHT))
    wait_until(lambda: all(inferred(pipeline.account(name)) >= 3 for name in ("one", "two")), 30)
    before = pipeline.account("two")
    hangs.set()
    wait_until(lambda: pipeline.account("one").dropped, 30)
    hangs.clear()
    wait_until(lambda: inferred(pipeline.account("two")) >= inferred(before) + 20, 30)
    after = pipeline.account("two")
    assert after.captured - before.captured >= 15, "five a second for three seconds"
    assert (after.failed, after.dropped) == (0, before.dropped)
    for name in ("one", "two"):
        assert pipeline.account(name).balanced


def test_a_camera_that_kills_their_detector_is_barred_and_the_others_are_told_of_nothing(
    watch: Callable[..., Pipeline],
) -> None:
    losses: list[tuple[float, int]] = []

    def detect(images: Images) -> list[sv.Detections]:
        if is_poison(images):
            losses.append((time.monotonic(), len(images)))
            time.sleep(0.2)  # until it is there again
            raise ProcessFailed("killed by these images")
        return detect_bright(images)

    detector = Detector("shared", detect)
    pipeline = watch(good=("good", detector), bad=("flash", detector))
    wait_until(lambda: len(losses) >= 5, 60)
    seen = len(losses)
    for name in ("good", "bad"):
        pipeline.remove(name)
    wait_until(lambda: not any(pipeline.account(name).pending for name in ("good", "bad")), 10)
    assert pipeline.account("good").balanced
    assert pipeline.account("bad").balanced
    good, bad = pipeline.account("good"), pipeline.account("bad")
    assert (good.failed, good.dropped) == (0, {})
    assert inferred(good) >= 10
    assert bad.failed > seen - 1, "also what it was barred for"
    assert [images for _, images in losses].count(1) >= seen - 1, "asked alone since the first time"
    assert losses[-1][0] - losses[-2][0] > 1.5, "barred for two seconds by now"


def test_nobody_is_asked_one_by_one_where_there_is_no_detector_to_ask(watch: Callable[..., Pipeline]) -> None:
    asked: list[int] = []
    is_away = threading.Event()

    def detect(images: Images) -> list[sv.Detections]:
        asked.append(len(images))
        time.sleep(0.3)  # so that the cameras' frames come together
        if is_away.is_set():
            raise Unavailable("it is being started again")
        return detect_bright(images)

    detector = Detector("shared", detect)
    pipeline = watch(**{f"c{number}": ("good", detector) for number in range(3)})
    wait_until(lambda: max(asked, default=0) == 3, 30)
    is_away.set()
    begun = len(asked)
    wait_until(lambda: len(asked) >= begun + 6, 30)
    tries = asked[begun + 1 :]
    is_away.clear()
    wait_until(lambda: all(inferred(pipeline.account(name)) >= 3 for name in pipeline.cameras), 30)
    assert sum(tries) / len(tries) > 1.5
    for name in pipeline.cameras:
        pipeline.remove(name)
        assert pipeline.account(name).balanced


def test_a_thread_whose_detector_no_camera_has_any_more_ends(watch: Callable[..., Pipeline], monkeypatch: Any) -> None:
    monkeypatch.setattr("registry.streams.asking._IDLE_S", 0.2)
    others = [thread for thread in threading.enumerate() if thread.name == "stream-inference"]

    def threads() -> int:
        return len([each for each in threading.enumerate() if each.name == "stream-inference" and each not in others])

    pipeline = watch(one=("good", BRIGHT), two=("good", Detector("other", detect_bright)))
    wait_until(lambda: threads() == 2, 30)
    pipeline.swap("two", BRIGHT)
    wait_until(lambda: threads() == 1, 30)
    pipeline.swap("two", Detector("other", detect_bright))
    before = inferred(pipeline.account("two"))
    wait_until(lambda: inferred(pipeline.account("two")) >= before + 3, 30)
    assert threads() == 2


def test_a_camera_whose_frame_is_under_way_is_removed_and_its_events_end(
    policy: SourcePolicy, clips: dict[str, bytes], tmp_path: Path
) -> None:
    from registry.streams import Event, Notice, Rule

    told: list[Event] = []
    under_way, goes_on, is_slow = threading.Event(), threading.Event(), threading.Event()

    def detect(images: Images) -> list[sv.Detections]:
        if is_slow.is_set():
            under_way.set()
            goes_on.wait(20)
        return detect_bright(images)

    def keep(notice: Notice) -> None:
        if isinstance(notice, Event):
            told.append(notice)

    pipeline = Pipeline(policy, (keep,))
    options = AnalysisOptions(motion=None, regions=None, rules=(Rule("seen"),))
    with RtspCamera(clips["good"]) as camera:
        try:
            pipeline.add(Camera("c", parse_source(camera.url, policy), analysis=options), Detector("slow", detect))
            wait_until(lambda: told, 30)
            is_slow.set()
            assert under_way.wait(20)
            pipeline.remove("c")
            assert [event.phase for event in told] == ["started"] * len(told)
            goes_on.set()
            wait_until(lambda: told[-1].phase == "ended", 20)
            wait_until(lambda: pipeline.account("c").pending == 0, 20)
            assert pipeline.account("c").balanced
        finally:
            goes_on.set()
            pipeline.close()
