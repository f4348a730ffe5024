"""Noticing that a schedule is due, and having its job started."""

import subprocess
import sys
import time

import structlog

from registry.records import Database, schedules, utc_now
from registry.settings import PROJECT_ROOT, Settings, child_environment

_LONGEST_S = 300.0
_PAUSE_S = 15.0  # after a start that may have come to nothing, since something is away
_log = structlog.get_logger(__name__)


class Due:
    """The runner's part: it only looks; `flows.start_due` starts, in a process that needs everything for a moment."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database, self._settings = database, settings
        self._not_before = 0.0

    def step(self) -> None:
        """Start what is due. Raises DatabaseUnavailable."""
        if time.monotonic() < self._not_before or not self._is_due():
            return
        environment = child_environment(self._settings, PYTHONPATH=str(PROJECT_ROOT))
        try:
            done = subprocess.run(
                [sys.executable, "-m", "flows.start_due"], env=environment, timeout=_LONGEST_S, check=False
            )
            if done.returncode:
                _log.error("start_due_failed", status=done.returncode)
        except subprocess.TimeoutExpired:
            _log.error("start_due_failed", status="it did not end in time")
        if self._is_due():
            self._not_before = time.monotonic() + _PAUSE_S

    def _is_due(self) -> bool:
        with self._database.read() as session:
            return bool(schedules.due(session, utc_now()))
