"""What the worker tells about its cameras, once a second and over HTTP."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from registry.errors import NotFound
from registry.records import utc_now
from registry.streams import CameraStatus, Pipeline
from registry.worker.board import Board
from registry.worker.crew import Crew, Post
from registry.worker.detectors import Detectors, Seeing
from registry.worker.leases import Report
from registry.worker.shadow import Shadow, Tally

_Recorded = Mapping[str, Mapping[str, int]]


class Reporter:
    """Puts together what pipeline, models and results know of each camera."""

    def __init__(
        self,
        crew: Crew,
        pipeline: Pipeline,
        detectors: Detectors,
        board: Board,
        recorded: Callable[[], _Recorded],
        not_recorded: Callable[[], Mapping[str, str]],
        shadow: Shadow,
    ) -> None:
        self._crew, self._pipeline, self._detectors, self._board = crew, pipeline, detectors, board
        self._recorded, self._not_recorded, self._shadow = recorded, not_recorded, shadow
        self._since: dict[str, tuple[float, datetime]] = {}

    def reports(self) -> dict[str, Report]:
        """A report for each camera here."""
        posts = self._crew.posts()
        self._since = {key: each for key, each in self._since.items() if key in posts}
        self._board.keep_only(posts)
        self._shadow.keep_only(posts)
        recorded = self._recorded()
        return {camera_id: self._report(camera_id, post, recorded) for camera_id, post in posts.items()}

    def report(self, camera_id: str, post: Post) -> Report:
        """What one camera is doing."""
        return self._report(camera_id, post, self._recorded())

    def _report(self, camera_id: str, post: Post, recorded: _Recorded) -> Report:
        revision = post.record.revision
        if post.problem:
            return Report(
                revision,
                "failed",
                "configuration",
                post.problem,
                post.since,
                self._facts(camera_id, post, None, recorded),
            )
        try:
            status = self._pipeline.status(camera_id)
        except NotFound:
            return Report(revision, "connecting", since=post.since, facts=self._facts(camera_id, post, None, recorded))
        since = self._since_utc(camera_id, status.since_s)
        facts = self._facts(camera_id, post, status, recorded)
        return Report(revision, str(status.state), str(status.reason), status.detail, since, facts)

    def _facts(self, camera_id: str, post: Post, status: CameraStatus | None, recorded: _Recorded) -> dict[str, Any]:
        seeing = self._detectors.seeing(camera_id)
        name, _, version = seeing.reference.partition("/")
        median_ms, p95_ms = self._board.ages_ms(camera_id)
        result = self._board.result(camera_id)
        return {
            "fps": round(status.fps, 2) if status else 0.0,
            "size": list(status.size_wh) if status else [0, 0],
            "source_size": list(status.source_wh) if status else [0, 0],
            "repeating": status.repeating if status else False,
            "retry_in_s": round(status.retry_in_s, 1) if status else 0.0,
            "connections": status.connections if status else 0,
            "account": self.account(camera_id),
            "model": {"name": name, "version": int(version) if version else None, "problem": seeing.problem},
            "unknown_labels": _unknown(post, seeing),
            "counts": _counts(result.counts if result else {}),
            "tracks": len(result.tracks) if result else 0,
            "objects": dict(Counter(track.label for track in result.tracks)) if result else {},
            "recording": dict(recorded.get(camera_id, {})),
            "recording_problem": self._not_recorded().get(camera_id, ""),
            "shadow": self._in_shadow(camera_id),
            "age_ms": {"median": median_ms, "p95": p95_ms},
        }

    def _in_shadow(self, camera_id: str) -> dict[str, Any]:
        tally = self._shadow.tallies.get(camera_id) or Tally()
        return {"model": tally.model, "looked": tally.looked, "disagreed": tally.disagreed, "kept": tally.kept}

    def account(self, camera_id: str) -> dict[str, Any]:
        """What became of a camera's frames; all zeros before the first."""
        try:
            account = self._pipeline.account(camera_id)
        except NotFound:
            return {"captured": 0, "inferred": {}, "gated": 0, "dropped": {}, "failed": 0, "pending": 0}
        return {key: dict(value) if isinstance(value, Mapping) else value for key, value in asdict(account).items()}

    def _since_utc(self, camera_id: str, since_s: float) -> datetime:
        known = self._since.get(camera_id)
        if known is None or known[0] != since_s:
            known = self._since[camera_id] = (since_s, utc_now() - timedelta(seconds=time.monotonic() - since_s))
        return known[1]


def _unknown(post: Post, seeing: Seeing) -> list[str]:
    """What rules wait for and the model does not know: it never comes."""
    if post.camera is None or not seeing.reference:
        return []
    return sorted({label for rule in post.camera.analysis.rules for label in rule.labels} - set(seeing.labels))


def _counts(counts: Mapping[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    """Crossings by line, then by direction."""
    told: dict[str, dict[str, int]] = {}
    for (line, direction), number in counts.items():
        told.setdefault(line, {"in": 0, "out": 0})[direction] = number
    return told
