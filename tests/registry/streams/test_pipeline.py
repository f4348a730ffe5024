"""Cameras in, notices out: real cameras, one inference thread, sinks of all kinds."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import supervision as sv

from registry.errors import Conflict, InvalidInput, NotFound
from registry.streams import (
    Account,
    AnalysisOptions,
    Camera,
    CameraState,
    DecodeOptions,
    Detector,
    Drop,
    Event,
    FrameResult,
    Line,
    MotionOptions,
    Notice,
    Pipeline,
    Polygon,
    Rule,
    SourcePolicy,
    StateChange,
    Zone,
    parse_source,
)
from registry.testing.bright_squares import bright_square_clip, detect_bright
from registry.testing.h264 import encode_h264
from registry.testing.rtsp_server import Mischief, RtspCamera
from registry.testing.watched import wait_until

BRIGHT = Detector("bright/1", detect_bright)
EVERY_FRAME = AnalysisOptions(motion=None, regions=None)


@dataclass
class Taken:
    """A sink that keeps what it gets, as slowly as wished."""

    delay_s: float = 0.0
    notices: list[Notice] = field(default_factory=list)

    def __call__(self, notice: Notice) -> None:
        time.sleep(self.delay_s)
        self.notices.append(notice)

    def of(self, kind: type[Any], camera_id: str = "") -> list[Any]:
        """Notices of one kind, of one camera or of all."""
        found = [notice for notice in self.notices if isinstance(notice, kind)]
        return [each for each in found if not camera_id or camera_of(each) == camera_id]


def camera_of(notice: Notice) -> str:
    return notice.frame.camera_id if isinstance(notice, FrameResult) else notice.camera_id


@pytest.fixture(scope="module")
def square(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return bright_square_clip(tmp_path_factory.mktemp("square") / "square.h264")


@pytest.fixture
def cameras(square: bytes) -> Iterator[list[RtspCamera]]:
    made = [RtspCamera(square) for _ in range(3)]
    yield made
    for camera in made:
        camera.close()


@pytest.fixture
def pipeline_of(policy: SourcePolicy) -> Iterator[Callable[..., Pipeline]]:
    begun: list[Pipeline] = []

    def make(*sinks: Callable[[Notice], None]) -> Pipeline:
        begun.append(Pipeline(policy, sinks))
        return begun[-1]

    yield make
    for pipeline in begun:
        pipeline.close()


def as_camera(camera: RtspCamera, policy: SourcePolicy, name: str, analysis: AnalysisOptions = EVERY_FRAME) -> Camera:
    return Camera(name, parse_source(camera.url, policy), analysis=analysis)


def wait(holds: Callable[[], object], seconds: float = 30.0) -> None:
    wait_until(holds, seconds)


def inferred(account: Account) -> int:
    return sum(account.inferred.values())


def test_events_of_a_camera_that_goes_away_end_with_its_last_frame(
    pipeline_of: Callable[..., Pipeline], policy: SourcePolicy, cameras: list[RtspCamera]
) -> None:
    taken = Taken()
    pipeline = pipeline_of(taken)
    pipeline.add(as_camera(cameras[0], policy, "door", replace(EVERY_FRAME, rules=(Rule("seen"),))), BRIGHT)

    def told(phase: str) -> list[Event]:
        return [event for event in taken.of(Event) if event.phase == phase]

    wait(lambda: len(told("started")) >= 2)  # the second has the whole way before it
    begun = told("started")[-1]
    cameras[0].settings.mischief = Mischief.HANG_UP
    cameras[0].hang_up()
    wait(lambda: any(event.event_id == begun.event_id for event in told("ended")), 15)
    assert pipeline.status("door").state is not CameraState.LIVE
    ended, latest = told("ended")[-1], pipeline.latest("door")
    assert latest is not None
    assert abs((ended.ended_at - latest.captured_at).total_seconds()) < 0.1
    cameras[0].settings.mischief = Mischief.NONE
    wait(lambda: told("started")[-1].event_id != begun.event_id)


def test_a_square_is_detected_tracked_counted_and_told(
    pipeline_of: Callable[..., Pipeline], policy: SourcePolicy, cameras: list[RtspCamera]
) -> None:
    taken = Taken()
    right = Zone("right", Polygon(((0.5, 0), (1, 0), (1, 1), (0.5, 1))), inertia=2)
    analysis = AnalysisOptions(
        zones=(right,),
        lines=(Line("middle", (0.5, 0.0), (0.5, 1.0)),),
        rules=(Rule("arrived", labels=frozenset({"square"}), zones=frozenset({"right"})),),
    )
    pipeline = pipeline_of(taken)
    pipeline.add(as_camera(cameras[0], policy, "door", analysis), BRIGHT)
    wait(lambda: any(event.phase == "ended" for event in taken.of(Event)))
    begun = taken.of(Event)[0]
    assert (begun.camera_id, begun.rule, begun.label, begun.zones) == ("door", "arrived", "square", ("right",))
    assert begun.snapshot.jpeg[:2] == b"\xff\xd8"
    wait(lambda: sum(taken.of(FrameResult)[-1].counts.values()) > 0)
    assert set(taken.of(FrameResult)[-1].counts) == {("middle", "out")}
    assert any(len(result.regions) and result.regions[0][2] < 640 for result in taken.of(FrameResult)), "crops are used"
    assert [change.status.state for change in taken.of(StateChange)] == [CameraState.LIVE]
    pipeline.remove("door")
    account = pipeline.account("door")
    assert account.balanced
    assert account.pending == 0
    assert inferred(account) > 0


def test_what_one_frame_breaks_is_that_frame(
    pipeline_of: Callable[..., Pipeline], policy: SourcePolicy, cameras: list[RtspCamera], tmp_path: Path
) -> None:
    def detect(images: Sequence[np.ndarray[Any, Any]]) -> list[sv.Detections]:
        if any(image.mean() > 200 for image in images):
            raise MemoryError("a frame that no model survives")
        return detect_bright(images)

    half_white = "color=c=0x404040:s=640x360:r=25,drawbox=c=white:t=fill:enable='lt(t,2)'"
    poisonous = encode_h264(["-f", "lavfi", "-i", half_white], tmp_path / "poison.h264").read_bytes()
    pipeline = pipeline_of()
    detector = Detector("poisonable", detect)
    with RtspCamera(poisonous) as poisoner:
        pipeline.add(as_camera(cameras[0], policy, "good"), detector)
        pipeline.add(as_camera(poisoner, policy, "poisoned"), detector)
        wait(lambda: pipeline.account("poisoned").failed >= 5 and inferred(pipeline.account("poisoned")) >= 5)
    for name in ("good", "poisoned"):
        pipeline.remove(name)
        assert pipeline.account(name).balanced
    assert pipeline.account("good").failed == 0, "the other camera loses nothing, though they share batches"
    assert inferred(pipeline.account("good")) >= 8


@pytest.mark.parametrize("answers", [lambda images: [], lambda images: [None] * len(images), lambda images: None])
def test_an_answer_that_is_none_costs_its_frames(
    pipeline_of: Callable[..., Pipeline], policy: SourcePolicy, cameras: list[RtspCamera], answers: Any
) -> None:
    pipeline = pipeline_of()
    pipeline.add(as_camera(cameras[0], policy, "bad"), Detector("bad", answers))
    pipeline.add(as_camera(cameras[1], policy, "good"), BRIGHT)
    wait(lambda: pipeline.account("bad").failed >= 3 and inferred(pipeline.account("good")) >= 3)
    assert pipeline.status("bad").state is CameraState.LIVE
    assert inferred(pipeline.account("bad")) == 0


def test_a_slow_sink_and_a_broken_one_hold_nothing_up(
    pipeline_of: Callable[..., Pipeline], policy: SourcePolicy, cameras: list[RtspCamera]
) -> None:
    def broken(notice: Notice) -> None:
        raise RuntimeError("never works")

    slow, quick = Taken(delay_s=1.0), Taken()
    pipeline = pipeline_of(slow, broken, quick)
    pipeline.add(as_camera(cameras[0], policy, "c"), BRIGHT)
    wait(lambda: len(quick.of(FrameResult)) >= 20)
    frames = [result.frame for result in quick.of(FrameResult)]
    assert frames[-1].at_s - frames[0].at_s < 20 / 5 * 1.5, "twenty frames at five a second"
    assert len(slow.notices) <= 8
    assert pipeline.pumps[0].skipped > 0
    assert pipeline.pumps[1].failed >= 20
    assert pipeline.account("c").dropped == {}


def test_in_a_swap_every_frame_is_in_exactly_one_of_old_new_dropped(
    pipeline_of: Callable[..., Pipeline], policy: SourcePolicy, cameras: list[RtspCamera]
) -> None:
    seen: dict[str, list[tuple[str, int]]] = {"old": [], "new": []}
    taken = Taken()

    def keep(notice: Notice) -> None:
        taken(notice)
        if isinstance(notice, FrameResult):
            seen[notice.model].append((notice.frame.camera_id, notice.frame.frame_id))

    pipeline = pipeline_of(keep)
    models = {name: Detector(name, detect_bright) for name in seen}
    for number, camera in enumerate(cameras):
        pipeline.add(as_camera(camera, policy, f"c{number}"), models["old"])
    wait(lambda: all(inferred(pipeline.account(name)) > 2 for name in pipeline.cameras))
    for turn in range(20):
        for name in pipeline.cameras:
            pipeline.swap(name, models["new" if turn % 2 == 0 else "old"])
        time.sleep(0.13)
    names = pipeline.cameras
    for name in names:
        pipeline.remove(name)
        account = pipeline.account(name)
        assert account.balanced
        assert account.pending == 0
        assert set(account.inferred) == {"old", "new"}
        assert account.failed == 0
    pipeline.close()
    for name in names:
        mine = [frame for model in seen.values() for camera, frame in model if camera == name]
        assert len(mine) == len(set(mine)), "no frame twice"
        assert len(mine) <= inferred(pipeline.account(name))


def test_without_a_model_frames_are_dropped_and_told_as_such(
    pipeline_of: Callable[..., Pipeline], policy: SourcePolicy, cameras: list[RtspCamera]
) -> None:
    pipeline = pipeline_of()
    pipeline.add(as_camera(cameras[0], policy, "c"))
    wait(lambda: pipeline.account("c").dropped.get(Drop.NO_MODEL, 0) >= 3)
    pipeline.swap("c", BRIGHT)
    wait(lambda: inferred(pipeline.account("c")) >= 3)


def test_a_model_that_is_too_slow_costs_the_old_frames_and_never_the_memory(
    pipeline_of: Callable[..., Pipeline], policy: SourcePolicy, cameras: list[RtspCamera]
) -> None:
    def slow(images: Sequence[np.ndarray[Any, Any]]) -> list[sv.Detections]:
        time.sleep(0.7)
        return detect_bright(images)

    taken = Taken()
    pipeline = pipeline_of(taken)
    for number, camera in enumerate(cameras):
        pipeline.add(as_camera(camera, policy, f"c{number}"), Detector("slow", slow))
    wait(lambda: all(inferred(pipeline.account(name)) >= 4 for name in pipeline.cameras))
    accounts = [pipeline.account(name) for name in pipeline.cameras]
    assert all(account.balanced for account in accounts)
    assert all(account.pending <= 5 for account in accounts), "what waits is bounded"
    assert all(account.dropped.get(Drop.OVERRUN, 0) + account.dropped.get(Drop.STALE, 0) > 0 for account in accounts)
    assert max(abs(inferred(a) - inferred(b)) for a in accounts for b in accounts) <= 3, "all get their turn"


def test_a_detector_that_hangs_is_given_up_and_the_others_go_on(
    policy: SourcePolicy, cameras: list[RtspCamera]
) -> None:
    release, calls = threading.Event(), []

    def hang(images: Sequence[np.ndarray[Any, Any]]) -> list[sv.Detections]:
        calls.append(len(images))
        release.wait(60)
        return detect_bright(images)

    pipeline = Pipeline(policy, detect_most_s=1.0)
    try:
        pipeline.add(as_camera(cameras[0], policy, "good"), BRIGHT)
        wait(lambda: inferred(pipeline.account("good")) >= 3)
        pipeline.add(as_camera(cameras[1], policy, "hangs"), Detector("hangs", hang))
        wait(lambda: pipeline.account("hangs").failed >= 5)
        before = inferred(pipeline.account("good"))
        wait(lambda: inferred(pipeline.account("good")) >= before + 5, 10)
        assert len(calls) == 1, "nobody waits for it again"
        pipeline.swap("hangs", BRIGHT)
        wait(lambda: inferred(pipeline.account("hangs")) >= 3, 10)
        release.set()  # it comes back at last, and nobody listens
        for name in ("good", "hangs"):
            pipeline.remove(name)
            assert pipeline.account(name).balanced
        wait(lambda: all(pipeline.account(name).pending == 0 for name in ("good", "hangs")), 5)
    finally:
        release.set()
        pipeline.close()


def test_the_newest_frame_can_be_had_for_a_snapshot(
    pipeline_of: Callable[..., Pipeline], policy: SourcePolicy, cameras: list[RtspCamera]
) -> None:
    pipeline = pipeline_of()
    pipeline.add(as_camera(cameras[0], policy, "c"))
    wait(lambda: pipeline.latest("c"))
    frame = pipeline.latest("c")
    assert frame is not None
    assert frame.to_bgr().shape == (360, 640, 3)


@pytest.mark.parametrize("wrong", [{"fps": 0.0}, {"fps": 61.0}, {"fps": float("nan")}, {"height": 361}, {"height": 0}])
def test_what_cannot_be_decoded_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        DecodeOptions(**wrong)


@pytest.mark.parametrize("wrong", [{"sensitivity": 1.5}, {"min_area": -0.1}, {"light_change": float("nan")}])
def test_what_cannot_be_a_gate_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        MotionOptions(**wrong)


def test_a_camera_that_is_away_holds_nobody_up_and_what_is_removed_is_gone(
    pipeline_of: Callable[..., Pipeline], policy: SourcePolicy, cameras: list[RtspCamera], square: bytes
) -> None:
    before = {thread.name for thread in threading.enumerate()}
    taken = Taken()
    pipeline = pipeline_of(taken)
    cameras[0].settings.mischief = Mischief.SILENCE
    gone = as_camera(cameras[1], policy, "gone")
    cameras[1].close()
    pipeline.add(as_camera(cameras[0], policy, "silent"), BRIGHT)
    pipeline.add(gone, BRIGHT)
    pipeline.add(as_camera(cameras[2], policy, "here"), BRIGHT)
    with pytest.raises(Conflict):
        pipeline.add(gone, BRIGHT)
    wait(lambda: inferred(pipeline.account("here")) >= 5, 8)
    wait(lambda: pipeline.status("gone").state is CameraState.WAITING)
    with RtspCamera(square, port=cameras[1].port):
        wait(lambda: pipeline.status("gone").state is CameraState.LIVE, 8)
    for name in ("silent", "gone", "here"):
        pipeline.remove(name)
    with pytest.raises(NotFound):
        pipeline.status("here")
    pipeline.close()
    wait(
        lambda: (
            not {t.name for t in threading.enumerate() if t.name.startswith(("camera-", "stream-", "sink"))} - before
        )
    )


def test_still_pictures_are_gated(pipeline_of: Callable[..., Pipeline], policy: SourcePolicy, tmp_path: Path) -> None:
    still = bright_square_clip(tmp_path / "still.h264", duty=0.01)
    with RtspCamera(still) as camera:
        pipeline = pipeline_of()
        pipeline.add(as_camera(camera, policy, "c", AnalysisOptions()), BRIGHT)
        wait(lambda: pipeline.account("c").gated >= 15)
        account = pipeline.account("c")
        assert inferred(account) <= account.gated / 2
        assert account.balanced


def test_other_things_are_looked_for_over_the_same_connection_with_every_frame_accounted(
    pipeline_of: Callable[..., Pipeline], cameras: list[RtspCamera], policy: SourcePolicy
) -> None:
    taken = Taken()
    pipeline = pipeline_of(taken)
    zone = Zone("all", Polygon(((0, 0), (1, 0), (1, 1), (0, 1))), inertia=1)
    pipeline.add(Camera("a", parse_source(cameras[0].url, policy), analysis=EVERY_FRAME), BRIGHT)
    wait_until(lambda: len(taken.of(FrameResult)) > 3, 30)
    assert not any(track.zones for result in taken.of(FrameResult) for track in result.tracks)
    pipeline.analyse("a", AnalysisOptions(motion=None, regions=None, zones=(zone,)))
    assert pipeline.latest("a") is not None
    wait_until(lambda: any(track.zones == ("all",) for each in taken.of(FrameResult)[-3:] for track in each.tracks), 30)
    assert pipeline.status("a").connections == 1
    pipeline.remove("a")
    wait_until(lambda: pipeline.account("a").pending == 0, 30)
    with pytest.raises(NotFound):
        pipeline.analyse("a", EVERY_FRAME)
