"""The last hour of every camera here in steps, from what is reported of it; written once a step."""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from registry.records import Database, utc_now
from registry.records.camera_history import MOST, STEP_S, Step, put
from registry.worker.leases import Report

_COUNTED = ("captured", "inferred", "gated", "dropped", "failed")


@dataclass(slots=True)
class _Line:
    since_s: float
    counts: dict[str, int]
    steps: deque[Step] = field(default_factory=lambda: deque(maxlen=MOST))


@dataclass(slots=True)
class Histories:
    """`look` is called with each report; `keep` stores the cameras that have made a step."""

    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = utc_now
    _lines: dict[str, _Line] = field(default_factory=dict)
    _adopted: dict[str, Sequence[Step]] = field(default_factory=dict)
    _changed: set[str] = field(default_factory=set)

    def adopt(self, camera_id: str, steps: Sequence[Step]) -> None:
        """What an earlier worker knew of a camera that is about to start here."""
        self._adopted[camera_id] = steps

    def look(self, reports: Mapping[str, Report]) -> None:
        """See what every camera here has done."""
        now_s = self.clock()
        for camera_id, report in reports.items():
            counts = _counts(report)
            line = self._lines.get(camera_id)
            if line is None:
                line = self._lines[camera_id] = _Line(now_s, counts)
            elif counts["captured"] < line.counts["captured"]:  # it begins anew
                line.since_s, line.counts = now_s, counts
            elif now_s - line.since_s >= STEP_S:
                self._step(camera_id, line, counts, now_s, report)
            if earlier := self._adopted.pop(camera_id, ()):
                line.steps = deque((*earlier, *line.steps), MOST)
        for camera_id in self._lines.keys() - reports.keys():
            del self._lines[camera_id]

    def keep(self, database: Database) -> None:
        """Store those that have made a step, all in one transaction. Raises DatabaseUnavailable."""
        changed = {camera_id: self._lines[camera_id].steps for camera_id in self._changed & self._lines.keys()}
        if changed:
            with database.write() as session:
                put(session, changed)
        self._changed.clear()

    def _step(self, camera_id: str, line: _Line, counts: dict[str, int], now_s: float, report: Report) -> None:
        at = self.now().timestamp()
        while line.steps and line.steps[-1].at >= at:  # the clock was set back
            line.steps.pop()
        passed = {name: counts[name] - line.counts[name] for name in _COUNTED}
        age_ms = report.facts.get("age_ms", {}).get("p95", 0.0) if passed["inferred"] else 0.0
        line.steps.append(Step(round(at, 1), round(now_s - line.since_s, 1), **passed, age_p95_ms=age_ms))
        line.since_s, line.counts = now_s, counts
        self._changed.add(camera_id)


def _counts(report: Report) -> dict[str, int]:
    account = report.facts.get("account", {})
    return {name: _total(account.get(name, 0)) for name in _COUNTED}


def _total(count: int | Mapping[str, int]) -> int:
    return sum(count.values()) if isinstance(count, Mapping) else count
