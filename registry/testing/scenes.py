"""A scene of the tests: a lane that is shown detections."""

from datetime import UTC, datetime, timedelta

import numpy as np
import supervision as sv

from registry.streams.accounting import Ledger
from registry.streams.events import Event
from registry.streams.frames import Frame
from registry.streams.lane import AnalysisOptions, FrameResult, Lane, Look
from registry.streams.motion import Motion

SIZE = (640, 360)
MONDAY = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
GRAY = bytes([90]) * (640 * 360) + bytes([128]) * (640 * 180)


def frame(at_s: float, frame_id: int = 1, begin: datetime = MONDAY) -> Frame:
    """A gray one, taken so many seconds after the begin."""
    return Frame("cam", frame_id, at_s, begin + timedelta(seconds=at_s), SIZE, (1280, 720), GRAY)


def found(*objects: tuple[float, float, str, float], size: float = 60.0) -> sv.Detections:
    """Boxes by their middle in pixels, label, score."""
    if not objects:
        return sv.Detections.empty()
    boxes = [[x - size / 2, y - size / 2, x + size / 2, y + size / 2] for x, y, _, _ in objects]
    return sv.Detections(
        xyxy=np.array(boxes, np.float32),
        confidence=np.array([score for *_, score in objects], np.float32),
        class_id=np.array([ord(label[0]) for _, _, label, _ in objects]),
        data={"class_name": np.array([label for _, _, label, _ in objects])},
    )


class Scene:
    """A lane that is shown detections, five times a second; `clock` is the wall's at second 0."""

    def __init__(self, **options: object) -> None:
        self.lane = Lane("cam", AnalysisOptions(motion=None, regions=None, **options), Ledger())  # type: ignore[arg-type]
        self.now = 0.0
        self.clock = MONDAY
        self.events: list[Event] = []
        self.result: FrameResult

    def show(self, *objects: tuple[float, float, str, float], times: int = 1, size: float = 60.0) -> None:
        """Show the same objects so often."""
        for _ in range(times):
            self.now += 0.2
            look = Look(frame(self.now, begin=self.clock), Motion(True))
            self.result, events = self.lane.finish(look, [(0, 0, *SIZE)], [found(*objects, size=size)], "m")
            self.events += events

    @property
    def captured_at(self) -> datetime:
        """When the last frame was taken."""
        return self.result.frame.captured_at

    @property
    def told(self) -> list[tuple[str, str]]:
        """Rule and phase of every event."""
        return [(event.rule, str(event.phase)) for event in self.events]
