"""Cameras that share an engine, or a worker: what breaks one costs the others nothing."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

import numpy as np
import psutil
import pytest
import supervision as sv

from registry.models.types import ModelVersion
from registry.settings import Settings
from registry.streams import (
    Account,
    AllowedNetworks,
    AnalysisOptions,
    Camera,
    Detector,
    Pipeline,
    SourcePolicy,
    parse_source,
)
from registry.testing.bright_squares import square_and_flash
from registry.testing.onnx_models import blob_detector
from registry.testing.rtsp_server import RtspCamera
from registry.testing.watched import wait_until
from registry.worker.engine import Engine
from registry.worker.wire import Thresholds, UInt8

POLICY = SourcePolicy(AllowedNetworks(loopback=True))
BACK_WITHIN_S = 3.0
KEPT = 0.9  # of the other camera's frames
KILLS, KILL_EVERY_S = 8, 1.0

Begin = Callable[..., Pipeline]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return square_and_flash(tmp_path_factory.mktemp("clips"))


@pytest.fixture
def engine_of(settings: Settings, cached: Callable[..., ModelVersion]) -> Iterator[Callable[[int], Engine]]:
    begun: list[Engine] = []

    def start(number: int) -> Engine:
        begun.append(Engine(settings, cached(blob_detector(metadata={"n": str(number)}), number)))
        begun[-1].start()
        return begun[-1]

    yield start
    for engine in begun:
        engine.close()


@pytest.fixture
def watch(clips: dict[str, bytes]) -> Iterator[Begin]:
    """A pipeline with a camera for each clip and detector that is named, all looking already."""
    with ExitStack() as stack:

        def begin(**cameras: tuple[str, Detector]) -> Pipeline:
            pipeline = Pipeline(POLICY)
            stack.callback(pipeline.close)
            for name, (clip, detector) in cameras.items():
                camera = stack.enter_context(RtspCamera(clips[clip]))
                watched = Camera(
                    name, parse_source(camera.url, POLICY), analysis=AnalysisOptions(motion=None, regions=None)
                )
                pipeline.add(watched, detector)
            wait_until(lambda: all(inferred(pipeline.account(name)) >= 3 for name in cameras), 60)
            return pipeline

        yield begin


def inferred(account: Account) -> int:
    return sum(account.inferred.values())


def asking(engine: Engine) -> Detector:
    return Detector(engine.version.reference, lambda images: engine.detect(Thresholds(), images))


class Killed:
    """How long an engine was without a process that answers each time."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.away_s: list[float] = []

    def kill_when_asked(self, pid: int) -> None:
        """The process takes what it is sent next (small enough for the socket), and is gone before it answers."""
        os.kill(pid, signal.SIGSTOP)
        threading.Timer(0.05, self._kill, (pid,)).start()

    def _kill(self, pid: int) -> None:
        began = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: self.engine.pid not in {None, pid}, 60)
        self.away_s.append(time.monotonic() - began)

    def report(self) -> None:
        print("an engine was back after", ", ".join(f"{each:.2f} s" for each in self.away_s))
        assert max(self.away_s) < BACK_WITHIN_S


def kept(pipeline: Pipeline, name: str, before: Account) -> float:
    """The part of a camera's frames that were analysed since, what was under way then and now apart."""
    after = pipeline.account(name)
    assert after.balanced
    lost = after.failed - before.failed + sum(after.dropped.values()) - sum(before.dropped.values())
    looked = inferred(after) - inferred(before)
    print(f"{name}: {looked} frames analysed, {lost} lost")
    return looked / (looked + lost)


def test_a_camera_whose_frames_kill_the_engine_costs_the_other_nothing(
    engine_of: Callable[[int], Engine], watch: Begin
) -> None:
    engine, is_armed = engine_of(1), threading.Event()
    killed = Killed(engine)

    def detect(images: Sequence[UInt8]) -> list[sv.Detections]:
        pid = engine.pid
        if is_armed.is_set() and pid is not None and any(image.mean() > 200 for image in images):
            killed.kill_when_asked(pid)
        return engine.detect(Thresholds(), [np.ascontiguousarray(image[::4, ::4]) for image in images])

    detector = Detector("shared", detect)
    pipeline = watch(other=("good", detector), killer=("flash", detector))
    before = pipeline.account("other")
    is_armed.set()
    wait_until(lambda: len(killed.away_s) >= 4, 60)
    assert pipeline.account("killer").failed > 4, "barred meanwhile"
    killed.report()
    assert kept(pipeline, "other", before) >= KEPT


def test_an_engine_that_is_killed_every_second_costs_no_camera_a_tenth_of_its_frames(
    engine_of: Callable[[int], Engine], watch: Begin
) -> None:
    engine = engine_of(1)
    killed, detector = Killed(engine), asking(engine)
    pipeline = watch(one=("good", detector), two=("good", detector))
    before = {name: pipeline.account(name) for name in pipeline.cameras}
    ending = threading.Event()
    for _ in range(KILLS):
        pid = engine.pid
        assert pid is not None
        killed._kill(pid)
        ending.wait(KILL_EVERY_S)
    killed.report()
    assert all(kept(pipeline, name, before[name]) >= KEPT for name in before)


def test_an_engine_that_hangs_costs_the_cameras_of_another_nothing(
    engine_of: Callable[[int], Engine], watch: Begin
) -> None:
    hangs, goes_on = engine_of(1), engine_of(2)
    pipeline = watch(one=("good", asking(hangs)), two=("good", asking(goes_on)))
    before = pipeline.account("two")
    assert hangs.pid is not None
    process = psutil.Process(hangs.pid)
    process.suspend()
    wait_until(lambda: hangs.pid not in {None, process.pid}, 60)
    wait_until(lambda: pipeline.account("one").failed >= 1, 30)
    looked = inferred(pipeline.account("one"))
    wait_until(lambda: inferred(pipeline.account("one")) >= looked + 3, 30)
    after = pipeline.account("two")
    assert after.captured - before.captured >= 15, "five a second for three seconds"
    assert (after.failed, after.dropped) == (before.failed, before.dropped)
