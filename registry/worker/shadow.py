"""A challenger looks at what the champion saw, on idle capacity; where they disagree, somebody should label."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import psutil
import structlog

from registry.errors import RegistryError
from registry.records import CameraEvent, EventKind, utc_now
from registry.streams import Detector, FrameResult, Notice, Snapshot
from registry.streams.events import take_snapshot
from registry.streams.loss import in_print
from registry.worker.comparing import Disagreement, disagreements

LOOK_EVERY_S = 2.0  # for each camera
KEEP_EVERY_S = 60.0
SHARE = 0.2  # of the time
_log = structlog.get_logger(__name__)

Keep = Callable[[CameraEvent, Snapshot], None]


class _Busy:
    """How much of all processors is used, measured over a second at least."""

    def __init__(self) -> None:
        self._percent = psutil.cpu_percent()
        self._at = time.monotonic()

    def __call__(self) -> float:
        if time.monotonic() - self._at >= 1:
            self._percent, self._at = psutil.cpu_percent(), time.monotonic()
        return self._percent


@dataclass(slots=True)
class Tally:
    """What became of a camera's shadow."""

    model: str = ""
    looked: int = 0
    disagreed: int = 0
    kept: int = 0
    next_at: float = 0.0
    keep_at: float = 0.0


@dataclass(slots=True)
class Shadow:
    """A sink for results. `challenger(camera_id)` is who looks in the shadow, `name_of` a camera's name."""

    challenger: Callable[[str], Detector | None]
    name_of: Callable[[str], str]
    keep: Keep
    busy: Callable[[], float] = field(default_factory=_Busy)
    idle_below: float = 60.0  # per cent of all processors
    tallies: dict[str, Tally] = field(default_factory=dict)
    _free_at: float = 0.0

    def __call__(self, notice: Notice) -> None:
        """Look, if it is time, nobody else needs the processors, and the whole frame was looked at."""
        if not isinstance(notice, FrameResult) or notice.regions != ((0, 0, *notice.frame.size_wh),):
            return
        camera_id, now = notice.frame.camera_id, time.monotonic()
        tally = self.tallies.setdefault(camera_id, Tally())
        detector = self.challenger(camera_id)
        tally.model = detector.key if detector else ""
        if detector is None or detector.key == notice.model or now < max(tally.next_at, self._free_at):
            return
        if self.busy() > self.idle_below:
            return
        try:
            (found,) = detector.detect([notice.frame.to_bgr()])
        except RegistryError as error:
            _log.warning("challenger does not answer", model=detector.key, reason=error.message)
            tally.next_at = now + 10 * LOOK_EVERY_S
            return
        took_s = time.monotonic() - now
        tally.next_at, self._free_at = now + LOOK_EVERY_S, now + took_s / SHARE
        tally.looked += 1
        differing = disagreements(notice.detections, found)
        if differing:
            tally.disagreed += 1
            self._remember(notice, detector.key, differing, tally)

    def keep_only(self, camera_ids: Collection[str]) -> None:
        """No other camera runs here any more."""
        for camera_id in [each for each in list(self.tallies) if each not in camera_ids]:
            self.forget(camera_id)

    def forget(self, camera_id: str) -> None:
        """A camera runs here no longer."""
        self.tallies.pop(camera_id, None)

    def _remember(self, notice: FrameResult, challenger: str, differing: list[Disagreement], tally: Tally) -> None:
        now = time.monotonic()
        if now < tally.keep_at:
            return
        tally.keep_at = now + KEEP_EVERY_S
        first, (width, height) = differing[0], notice.frame.size_wh
        x1, y1, x2, y2 = first.box
        box = (x1 / width, y1 / height, x2 / width, y2 / height)
        more = f", and {len(differing) - 1} more" if len(differing) > 1 else ""
        event = CameraEvent(
            camera_id=notice.frame.camera_id,
            camera_name=self.name_of(notice.frame.camera_id),
            kind=EventKind.DISAGREEMENT,
            label=in_print(first.ours or first.theirs)[:120],
            model=notice.model,
            started_at=notice.frame.captured_at,
            ended_at=utc_now(),
            score=first.score,
            box=list(box),
            detail=in_print(f"{challenger} saw {first.says}{more}")[:300],
        )
        self.keep(event, take_snapshot(notice.frame, box, first.score))
        tally.kept += 1
