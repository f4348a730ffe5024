"""What each camera showed last, and how old it was by then."""

import time
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

from registry.streams import FrameResult, Notice

_KEPT_AGES = 100


@dataclass(slots=True)
class _Shown:
    result: FrameResult
    ages_ms: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT_AGES))


class Board:
    """A sink for results; read by who draws and who reports."""

    def __init__(self) -> None:
        self._shown: dict[str, _Shown] = {}

    def __call__(self, notice: Notice) -> None:
        """Keep a result."""
        if not isinstance(notice, FrameResult):
            return
        camera_id = notice.frame.camera_id
        shown = self._shown.get(camera_id)
        if shown is None:
            shown = self._shown[camera_id] = _Shown(notice)
        shown.result = notice
        shown.ages_ms.append((time.monotonic() - notice.frame.at_s) * 1e3)

    def result(self, camera_id: str) -> FrameResult | None:
        """The newest result of a camera."""
        shown = self._shown.get(camera_id)
        return shown.result if shown else None

    def ages_ms(self, camera_id: str) -> tuple[float, float]:
        """Median and 95th percentile of how old results were when they arrived; zeros before the first."""
        shown = self._shown.get(camera_id)
        ages = sorted(shown.ages_ms) if shown else []
        if not ages:
            return 0.0, 0.0
        return round(ages[len(ages) // 2], 1), round(ages[min(len(ages) - 1, int(0.95 * len(ages)))], 1)

    def keep_only(self, camera_ids: Collection[str]) -> None:
        """No other camera runs here any more."""
        for camera_id in [each for each in list(self._shown) if each not in camera_ids]:
            self.forget(camera_id)

    def forget(self, camera_id: str) -> None:
        """A camera runs here no longer."""
        self._shown.pop(camera_id, None)
