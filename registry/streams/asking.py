"""The thread that asks one detector, for all cameras that look with it."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition, Thread

import structlog
import supervision as sv

from registry.errors import ProcessFailed, Unavailable
from registry.streams.accounting import Drop, Outcome
from registry.streams.blame import Blame
from registry.streams.detecting import Detector, cut
from registry.streams.faults import tell_fault
from registry.streams.lane import Lane, Look
from registry.streams.lanes import Lanes
from registry.streams.regions import Region
from registry.streams.window import BatchWindow

_IDLE_S = 5.0  # a thread whose detector no camera has ends after so long
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Work:
    """One frame on its way; its lane is held until it has its end."""

    lane: Lane
    look: Look
    regions: list[Region]


class Asker:
    """Takes frames from the lanes in turn, runs them in batches, hands on what they show.

    A frame that breaks its detector, or its own analysis, costs that frame: a batch that fails is run again one
    frame at a time. A camera over whose frames the detector is lost (ProcessFailed) again and again is barred.
    """

    def __init__(self, detector: Detector, lanes: Lanes, window: BatchWindow, ended: Callable[["Asker"], None]) -> None:
        self.detector = detector
        self._lanes, self._window, self._ended = lanes, window, ended
        self._more = Condition(lanes.lock)
        self._blame = Blame()
        self._mine: dict[Lane, _Work] = {}  # the lanes that are held
        self._under_way: tuple[float, list[_Work]] | None = None
        self._groups: deque[list[_Work]] = deque()  # of this round, after what is under way
        self._turn = 0
        self._is_ending = False
        self._is_given_up = False
        self._thread = Thread(target=self._run, name="stream-inference", daemon=True)
        self._thread.start()

    def wake(self, now: float) -> None:
        """A frame waits; called with the lock."""
        self._window.arrived(now)
        self._more.notify()

    def look(self) -> None:
        """A lane was let go of; called with the lock."""
        self._more.notify()

    def end(self) -> None:
        """End after the batch that runs; called with the lock."""
        self._is_ending = True
        self._more.notify()

    def join(self, timeout_s: float) -> None:
        """Wait for the end."""
        self._thread.join(timeout_s)

    def hangs(self, now: float, most_s: float) -> bool:
        """Whether the detector has not answered for so long; called with the lock."""
        return self._under_way is not None and now - self._under_way[0] > most_s

    def give_up(self) -> list[Lane]:
        """Leave the thread that hangs to itself; the lanes that it held. Called with the lock."""
        asked = {work.lane for work in self._under_way[1]} if self._under_way else set()
        log.error("detector hangs", detector=self.detector.key, cameras=[lane.camera_id for lane in asked])
        for lane, work in self._mine.items():
            if lane in asked:
                lane.ledger.fail(work.look.frame.frame_id)
            else:
                lane.ledger.settle(work.look.frame.frame_id, Outcome.DROPPED, Drop.STALE)
        held = list(self._mine)
        self._is_given_up, self._under_way = True, None
        self._groups.clear()
        self._mine.clear()
        return held

    def _run(self) -> None:
        goes_on = True
        while goes_on and not self._is_given_up:
            try:
                goes_on = self._wait()
                self._infer(self._collect())
            except Exception:  # noqa: BLE001 - it serves every camera of its detector and has to go on
                tell_fault("inference round failed")
                self._leave_all()

    def _wait(self) -> bool:
        """Until something is to be done; False at the end."""
        with self._more:
            while not self._more.wait_for(lambda: self._is_ending or self._waiting(), _IDLE_S):
                if not self._lanes.of(self.detector):
                    self._ended(self)
                    return False
            if not self._is_ending and (pause := self._window.wait_s(self._waiting())):
                self._more.wait_for(lambda: self._waiting() >= self._window.most_images, pause)
            return not self._is_ending

    def _waiting(self) -> int:
        return self._lanes.waiting(self.detector)

    def _collect(self) -> list[list[_Work]]:
        """A batch of frames from the lanes in turn, so that a busy camera does not keep the others waiting; those of
        suspects in batches of their own.
        """
        with self._more:
            lanes = self._lanes.of(self.detector)
        self._turn = (self._turn + 1) % max(len(lanes), 1)
        lanes = [*lanes[self._turn :], *lanes[: self._turn]]
        works: list[_Work] = []
        alone: list[list[_Work]] = []
        images, now = 0, time.monotonic()
        for lane in lanes:
            if images >= self._window.most_images:
                break
            work = self._take(lane)
            if work is None:
                continue
            images += len(work.regions)
            if self._blame.is_suspect(lane.camera_id, now):
                alone.append([work])
            else:
                works.append(work)
        return [works, *alone] if works else alone

    def _take(self, lane: Lane) -> _Work | None:
        """The next frame of a lane, and what of it to infer; the lane is held where there is one."""
        if not self._lanes.hold(lane, self.detector):
            return None
        work: _Work | None = None
        try:
            look = lane.next(time.monotonic())
            work = self._prepare(lane, look) if look is not None else None
        finally:
            if work is None:
                self._lanes.let_go(lane)
        if work is not None:
            self._mine[lane] = work
        return work

    def _prepare(self, lane: Lane, look: Look) -> _Work | None:
        if self._blame.is_barred(lane.camera_id, time.monotonic()):
            lane.ledger.fail(look.frame.frame_id)
            return None
        try:
            regions = lane.plan(look)
        except Exception:  # noqa: BLE001 - a frame that breaks its analysis costs that frame
            self._fail(lane, look, "plan")
            return None
        if not regions:
            lane.ledger.settle(look.frame.frame_id, Outcome.GATED)
            return None
        return _Work(lane, look, regions)

    def _infer(self, groups: list[list[_Work]]) -> None:
        with self._more:
            self._groups = deque(groups)
        while group := self._set_off():
            self._run_group(group)

    def _set_off(self) -> list[_Work]:
        """The next group of this round; none at its end, or if nobody waits for this thread any more."""
        with self._more:
            if self._is_given_up or not self._groups:
                return []
            self._under_way = (time.monotonic(), self._groups.popleft())
            return self._under_way[1]

    def _land(self) -> bool:
        """The detector came back; False if nobody waits for it any more."""
        with self._more:
            self._under_way = None
            return not self._is_given_up

    def _run_group(self, group: list[_Work]) -> None:
        try:
            found = self._detect(group)
        except Exception as error:  # noqa: BLE001 - foreign code over foreign pixels; `_fail` logs it
            if self._land():
                self._sort_out(group, error)
            return
        if not self._land():
            return
        for work, detections in zip(group, found, strict=True):
            self._finish(work, detections)
            self._leave(work)

    def _sort_out(self, group: list[_Work], error: Exception) -> None:
        """Find out whose frame it was, unless it was none."""
        if len(group) > 1 and not isinstance(error, Unavailable):
            with self._more:
                self._groups.extendleft([work] for work in reversed(group))
            return
        for work in group:
            if isinstance(error, ProcessFailed):
                camera_id = work.lane.camera_id
                barred_s = self._blame.lost(camera_id, time.monotonic())
                log.error("detector lost", detector=self.detector.key, camera=camera_id, barred_s=barred_s)
            self._fail(work.lane, work.look, "detect")
            self._leave(work)

    def _detect(self, group: list[_Work]) -> list[list[sv.Detections]]:
        """Detections by frame, then by region."""
        images = [image for work in group for image in cut(work.look.frame, work.regions)]
        began = time.perf_counter()
        found = list(self.detector.detect(images))
        self._window.ran(len(images), time.perf_counter() - began)
        if len(found) != len(images):
            raise ValueError(f"a detector answered {len(found)} times for {len(images)} images")
        answers = iter(found)
        return [[next(answers) for _ in work.regions] for work in group]

    def _finish(self, work: _Work, found: list[sv.Detections]) -> None:
        try:
            result, events = work.lane.finish(work.look, work.regions, found, self.detector.key)
        except Exception:  # noqa: BLE001 - a frame that breaks its analysis costs that frame
            self._fail(work.lane, work.look, "analysis")
            return
        work.lane.ledger.settle(work.look.frame.frame_id, Outcome.INFERRED, self.detector.key)
        self._lanes.hand_on(events)
        self._lanes.put(result)

    def _leave(self, work: _Work) -> None:
        del self._mine[work.lane]
        self._lanes.let_go(work.lane)

    def _leave_all(self) -> None:
        """After a fault of ours: no camera may stay held for ever."""
        with self._more:
            left = [] if self._is_given_up else list(self._mine.values())
            self._groups.clear()
        for work in left:
            work.lane.ledger.fail(work.look.frame.frame_id)
            self._leave(work)

    def _fail(self, lane: Lane, look: Look, where: str) -> None:
        tell_fault("frame failed", camera=lane.camera_id, frame=look.frame.frame_id, stage=where)
        lane.ledger.fail(look.frame.frame_id)
        if where == "analysis":
            self._lanes.hand_on(lane.reset())
