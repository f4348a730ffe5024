"""What the worker shows of its cameras: pictures, status, figures."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from registry.errors import CameraNotRunning
from registry.streams import AnalysisOptions, CameraState, Frame, Pipeline
from registry.worker import overlay as drawing
from registry.worker.board import Board
from registry.worker.crew import Crew
from registry.worker.exposition import CameraLine, exposition
from registry.worker.reports import Reporter
from registry.worker.streaming import Encoders


class Views:
    """Answers the live server; nothing here waits for a camera or a model."""

    def __init__(self, pipeline: Pipeline, crew: Crew, board: Board, reporter: Reporter) -> None:
        self._pipeline, self._crew, self._board, self._reporter = pipeline, crew, board, reporter
        self._encoders = Encoders()

    def snapshot(self, camera_id: str, *, overlay: bool) -> bytes:
        """The newest picture as JPEG. Raises CameraNotRunning with the reason where there is none that is live."""
        status = self._running(camera_id)
        frame = self._pipeline.latest(camera_id)
        if frame is None or status[0] != CameraState.LIVE:
            raise CameraNotRunning(_says(*status), details={"state": status[0], "reason": status[1]})
        return self._encode(frame, overlay=overlay)

    @contextmanager
    def stream(self, camera_id: str, *, overlay: bool) -> Iterator[Iterator[bytes]]:
        """Pictures as JPEG as they come, empty bytes where none comes for long. Raises CameraNotRunning."""
        self._running(camera_id)
        encode = partial(self._encode, overlay=overlay)
        encoder = self._encoders.enter(camera_id, partial(self._pipeline.latest, camera_id), encode, overlay=overlay)
        try:
            yield encoder.pictures()
        finally:
            encoder.leave()

    def status(self, camera_id: str) -> dict[str, Any]:
        """A camera's report of this moment. Raises CameraNotRunning."""
        post = self._crew.posts().get(camera_id)
        if post is None:
            raise CameraNotRunning("the camera does not run here")
        report = self._reporter.report(camera_id, post)
        told = {"state": report.state, "reason": report.reason, "detail": report.detail, "revision": report.revision}
        return told | {"since": report.since.isoformat() if report.since else None} | report.facts

    def metrics(self) -> bytes:
        """Every camera here, in Prometheus' text format."""
        posts = self._crew.posts()
        reports = self._reporter.reports()
        lines = {
            key: CameraLine(posts[key].record.name, each.state, each.facts)
            for key, each in reports.items()
            if key in posts
        }
        return exposition(lines)

    def _running(self, camera_id: str) -> tuple[str, str, str]:
        told = self.status(camera_id)
        state, reason, detail = str(told["state"]), str(told["reason"]), str(told["detail"])
        if camera_id not in self._pipeline.cameras:
            raise CameraNotRunning(_says(state, reason, detail), details={"state": state, "reason": reason})
        return state, reason, detail

    def _analysis(self, camera_id: str) -> AnalysisOptions:
        post = self._crew.posts().get(camera_id)
        return post.camera.analysis if post and post.camera else AnalysisOptions()

    def _encode(self, frame: Frame, *, overlay: bool) -> bytes:
        result = self._board.result(frame.camera_id)
        return drawing.jpeg(frame, self._analysis(frame.camera_id), result, overlay=overlay)


def _says(state: str, reason: str, detail: str) -> str:
    why = ": ".join(part for part in (reason, detail) if part)
    return f"the camera shows nothing now, it is {state}" + (f" ({why})" if why else "")
