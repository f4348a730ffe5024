"""The one thread that infers for all cameras."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition, Thread, current_thread

import structlog
import supervision as sv

from registry.streams.accounting import Drop, Outcome
from registry.streams.detecting import Detector, cut
from registry.streams.events import Event
from registry.streams.faults import tell_fault
from registry.streams.lane import Lane, Look
from registry.streams.regions import Region
from registry.streams.sinks import Notice
from registry.streams.window import BatchWindow

DETECT_MOST_S = 10.0
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Work:
    """One frame on its way, bound to the detector that its camera had when it was taken."""

    lane: Lane
    look: Look
    regions: list[Region]
    detector: Detector


class InferenceThread:
    """Takes frames from the lanes in turn, runs them in batches, hands on what they show.

    A frame that breaks its detector, or its own analysis, costs that frame: a batch that fails is run again one
    frame at a time. A detector that has not answered after `most_s` is given up with the thread that called it: its
    frames fail until the camera gets another one.
    """

    def __init__(
        self, put: Callable[[Notice], None], window: BatchWindow | None = None, most_s: float = DETECT_MOST_S
    ) -> None:
        self._put = put
        self._most_s = most_s
        self._barred: set[Detector] = set()  # those that hung
        self._under_way: tuple[float, list[_Work]] | None = None
        self._groups: deque[list[_Work]] = deque()  # of this round, after what is under way
        self._window = window or BatchWindow()
        self._lanes: list[Lane] = []
        self._more = Condition()
        self._is_ending = False
        self._resetting: list[Lane] = []
        self._begin()

    def add(self, lane: Lane) -> None:
        """Serve one more camera."""
        with self._more:
            self._lanes.append(lane)

    def remove(self, lane: Lane) -> None:
        """Serve a camera no longer; its open events end."""
        lane.close()
        with self._more:
            self._lanes.remove(lane)
            self._resetting.append(lane)
            self._more.notify()

    def forget(self, lane: Lane) -> None:
        """Its camera is away: nothing is tracked any more, its open events end."""
        with self._more:
            if lane in self._lanes:
                self._resetting.append(lane)
                self._more.notify()

    def wake(self) -> None:
        """A frame waits. The cameras' threads call this, so they are who notices a detector that hangs."""
        now = time.monotonic()
        with self._more:
            if self._under_way is not None and now - self._under_way[0] > self._most_s:
                self._give_up(self._under_way[1])
            self._window.arrived(now)
            self._more.notify()

    def close(self) -> None:
        """End after the batch that runs."""
        with self._more:
            self._is_ending = True
            self._more.notify()
        self._thread.join(self._most_s)

    def _begin(self) -> None:
        self._thread = Thread(target=self._run, name="stream-inference", daemon=True)
        self._thread.start()

    def _give_up(self, works: list[_Work]) -> None:
        """Leave the thread that hangs to itself."""
        log.error("detector hangs", detector=works[0].detector.key, cameras=[work.lane.camera_id for work in works])
        self._barred.add(works[0].detector)
        for work in works:
            work.lane.ledger.fail(work.look.frame.frame_id)
        for work in (later for group in self._groups for later in group):
            work.lane.ledger.settle(work.look.frame.frame_id, Outcome.DROPPED, Drop.STALE)
        self._under_way = None
        self._groups.clear()
        self._begin()

    def _is_replaced(self) -> bool:
        """Whether this is a thread that was given up and has come back."""
        return current_thread() is not self._thread

    def _run(self) -> None:
        goes_on = True
        while goes_on and not self._is_replaced():
            try:
                goes_on = self._wait()
                self._infer(self._collect())
            except Exception:  # noqa: BLE001 - it serves every camera and has to go on
                tell_fault("inference round failed")

    def _wait(self) -> bool:
        """Until something is to be done; False at the end."""
        with self._more:
            self._more.wait_for(lambda: self._is_ending or self._resetting or self._waiting())
            resetting, self._resetting = self._resetting, []
            if not self._is_ending and (pause := self._window.wait_s(self._waiting())):
                self._more.wait_for(lambda: self._waiting() >= self._window.most_images, pause)
            ending = self._is_ending
        for lane in resetting:
            self._hand_on(lane.reset())
        return not ending or bool(resetting)

    def _waiting(self) -> int:
        return sum(len(lane.ring) for lane in self._lanes)

    def _collect(self) -> list[_Work]:
        """Frames of the lanes in turn, so that a busy camera does not keep the others waiting."""
        with self._more:
            self._lanes = [*self._lanes[1:], *self._lanes[:1]]
            lanes = list(self._lanes)
        works: list[_Work] = []
        images = 0
        for lane in lanes:
            if images >= self._window.most_images:
                break
            look = lane.next(time.monotonic())
            if look is None:
                continue
            work = self._prepare(lane, look)
            if work is not None:
                works.append(work)
                images += len(work.regions)
        return works

    def _prepare(self, lane: Lane, look: Look) -> _Work | None:
        detector, frame_id = lane.detector, look.frame.frame_id
        if detector is None:
            lane.ledger.settle(frame_id, Outcome.DROPPED, Drop.NO_MODEL)
            return None
        if detector in self._barred:
            lane.ledger.fail(frame_id)
            return None
        try:
            regions = lane.plan(look)
        except Exception:  # noqa: BLE001 - a frame that breaks its analysis costs that frame
            self._fail(lane, look, "plan")
            return None
        if not regions:
            lane.ledger.settle(frame_id, Outcome.GATED)
            return None
        return _Work(lane, look, regions, detector)

    def _infer(self, works: list[_Work]) -> None:
        by_detector: dict[Detector, list[_Work]] = {}
        for work in works:
            by_detector.setdefault(work.detector, []).append(work)
        with self._more:
            self._groups = deque(by_detector.values())
        while group := self._set_off():
            self._run_group(group)

    def _set_off(self) -> list[_Work]:
        """The next group of this round; none at its end, or if nobody waits for this thread any more."""
        with self._more:
            if self._is_replaced() or not self._groups:
                return []
            self._under_way = (time.monotonic(), self._groups.popleft())
            return self._under_way[1]

    def _land(self) -> bool:
        """The detector came back; False if nobody waits for it any more."""
        with self._more:
            if self._is_replaced():
                return False
            self._under_way = None
            return True

    def _run_group(self, group: list[_Work]) -> None:
        try:
            found = self._detect(group)
        except Exception:  # noqa: BLE001 - foreign code over foreign pixels; `_fail` logs it
            if not self._land():
                return
            if len(group) == 1:
                self._fail(group[0].lane, group[0].look, "detect")
            else:  # find out who it was
                with self._more:
                    self._groups.extendleft([work] for work in reversed(group))
            return
        if not self._land():
            return
        for work, detections in zip(group, found, strict=True):
            self._finish(work, detections)

    def _detect(self, group: list[_Work]) -> list[list[sv.Detections]]:
        """Detections by frame, then by region."""
        images = [image for work in group for image in cut(work.look.frame, work.regions)]
        began = time.perf_counter()
        found = list(group[0].detector.detect(images))
        self._window.ran(len(images), time.perf_counter() - began)
        if len(found) != len(images):
            raise ValueError(f"a detector answered {len(found)} times for {len(images)} images")
        answers = iter(found)
        return [[next(answers) for _ in work.regions] for work in group]

    def _finish(self, work: _Work, found: list[sv.Detections]) -> None:
        try:
            result, events = work.lane.finish(work.look, work.regions, found, work.detector.key)
        except Exception:  # noqa: BLE001 - a frame that breaks its analysis costs that frame
            self._fail(work.lane, work.look, "analysis")
            return
        work.lane.ledger.settle(work.look.frame.frame_id, Outcome.INFERRED, work.detector.key)
        self._hand_on(events)
        self._put(result)

    def _fail(self, lane: Lane, look: Look, where: str) -> None:
        tell_fault("frame failed", camera=lane.camera_id, frame=look.frame.frame_id, stage=where)
        lane.ledger.fail(look.frame.frame_id)
        if where == "analysis":
            self._hand_on(lane.reset())

    def _hand_on(self, events: list[Event]) -> None:
        for event in events:
            self._put(event)
