"""The cameras that run here: started, changed and stopped, each for itself, as the leases say."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

import structlog

from registry.cameras.configuration import analysis_of
from registry.errors import NotFound, RegistryError
from registry.models.types import CHAMPION
from registry.records import CameraRecord, utc_now
from registry.streams import Camera, Pipeline, SourcePolicy
from registry.worker.detectors import Detectors, Wish
from registry.worker.leases import Held
from registry.worker.wire import Thresholds

CHALLENGER = "challenger"
_TRY_AGAIN_S = 10.0  # a film may be put into its folder, a network may be allowed
_log = structlog.get_logger(__name__)

Make = Callable[[CameraRecord, SourcePolicy], Camera]


@dataclass(slots=True)
class Post:
    """One camera here. Without `camera` it cannot run, and `problem` says why."""

    record: CameraRecord
    policy: SourcePolicy
    restarts: int
    camera: Camera | None = None
    problem: str = ""
    tried_at: float = 0.0
    since: datetime = field(default_factory=utc_now)
    busy: bool = True
    is_new: bool = True  # it has not been started here yet


class Crew:
    """Does what `apply` says in threads of its own: a camera that is slow to stop keeps no other one waiting.

    `arrived(record)` is called before a camera starts here first, `begun(record)` before it starts for any reason,
    `ended(camera_id)` after it stopped for good.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        detectors: Detectors,
        make: Make,
        arrived: Callable[[CameraRecord], None],
        begun: Callable[[CameraRecord], None],
        ended: Callable[[str], None],
    ) -> None:
        self._pipeline, self._detectors, self._make = pipeline, detectors, make
        self._arrived, self._begun, self._ended = arrived, begun, ended
        self._posts: dict[str, Post] = {}
        self._lock = threading.Lock()
        self._starters = ThreadPoolExecutor(8, thread_name_prefix="crew-start")
        self._stoppers = ThreadPoolExecutor(64, thread_name_prefix="crew-stop")  # never behind who waits to start

    def apply(self, held: Sequence[Held], policy: SourcePolicy) -> None:
        """Run these cameras and no others; returns at once."""
        wanted = {each.camera.id: each for each in held}
        with self._lock:
            self._pipeline.use_policy(policy)
            for camera_id, each in wanted.items():
                post = self._posts.get(camera_id)
                if post is None:
                    post = self._posts[camera_id] = Post(each.camera, policy, each.restarts)
                    self._starters.submit(self._do, post, partial(self._start, post, each, policy))
                elif not post.busy and _differs(post, each, policy):
                    post.busy = True
                    self._starters.submit(self._do, post, partial(self._change, post, each, policy))
            for camera_id, post in self._posts.items():
                if camera_id not in wanted and not post.busy:
                    post.busy = True
                    self._stoppers.submit(self._do, post, partial(self._stop, post))

    def posts(self) -> Mapping[str, Post]:
        """The cameras here, also those about to start or to stop."""
        with self._lock:
            return dict(self._posts)

    def names(self) -> Mapping[str, str]:
        """The names of the cameras here by id."""
        return {camera_id: post.record.name for camera_id, post in self.posts().items()}

    def name(self, camera_id: str) -> str:
        """The name of a camera; empty for one that is not here."""
        return self.names().get(camera_id, "")

    def stop_all(self, timeout_s: float) -> bool:
        """Stop every camera; whether all were gone in time."""
        deadline = time.monotonic() + timeout_s
        while (posts := self.posts()) and time.monotonic() < deadline:
            self.apply([], next(iter(posts.values())).policy)
            time.sleep(0.05)
        return not posts

    def close(self) -> None:
        """End the threads."""
        for pool in (self._starters, self._stoppers):
            pool.shutdown(wait=False, cancel_futures=True)

    def _do(self, post: Post, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - the edge of a thread: one camera's fault stays its own
            _log.error("camera not run", camera=post.record.id, exc_info=error)
            post.problem, post.tried_at = "an unexpected fault; the log has it", time.monotonic()
        finally:
            post.busy = False

    def _start(self, post: Post, held: Held, policy: SourcePolicy) -> None:
        post.tried_at, post.since = time.monotonic(), utc_now()
        self._take(post, held, policy)
        camera = self._made(post, held.camera, policy)
        if camera is None:
            return
        if post.is_new:
            self._arrived(held.camera)
            post.is_new = False
        self._begun(held.camera)
        camera_id = held.camera.id
        self._want(held.camera)
        self._pipeline.add(camera, self._detectors.detector(camera_id))
        self._pipeline.swap(camera_id, self._detectors.detector(camera_id))  # it may have changed between the two
        post.camera = camera

    def _change(self, post: Post, held: Held, policy: SourcePolicy) -> None:
        camera = self._made(post, held.camera, policy)
        if camera is None or policy != post.policy or not _is_watched_alike(post.camera, camera):
            with suppress(NotFound):
                self._pipeline.remove(held.camera.id)
            post.camera = None
            self._start(post, held, policy)
            return
        if held.restarts > post.restarts:
            self._pipeline.restart(held.camera.id)
        if camera != post.camera:
            self._pipeline.analyse(held.camera.id, camera.analysis)
            post.camera = camera
        self._take(post, held, policy)
        self._want(held.camera)

    def _stop(self, post: Post) -> None:
        post.camera = None  # whatever fails below: it is to be started anew
        with suppress(NotFound):
            self._pipeline.remove(post.record.id)
        self._detectors.forget(post.record.id)
        self._detectors.forget(shadow_of(post.record.id))
        self._ended(post.record.id)
        with self._lock:
            self._posts.pop(post.record.id, None)

    def _want(self, record: CameraRecord) -> None:
        wish = _wish(record)
        self._detectors.want(record.id, wish)
        follows = wish is not None and not wish.version and wish.alias in {"", CHAMPION}
        in_shadow = replace(wish, alias=CHALLENGER, in_shadow=True) if wish and follows else None
        self._detectors.want(shadow_of(record.id), in_shadow)

    def _take(self, post: Post, held: Held, policy: SourcePolicy) -> None:
        post.record, post.policy, post.restarts = held.camera, policy, held.restarts

    def _made(self, post: Post, record: CameraRecord, policy: SourcePolicy) -> Camera | None:
        try:
            camera = self._make(record, policy)
        except RegistryError as error:
            post.problem = error.message
            return None
        post.problem = ""
        return camera


def shadow_of(camera_id: str) -> str:
    """Under which name a camera's challenger is asked for."""
    return f"shadow of {camera_id}"


def _differs(post: Post, held: Held, policy: SourcePolicy) -> bool:
    if post.record.revision != held.camera.revision or post.restarts != held.restarts or post.policy != policy:
        return True
    return bool(post.problem) and time.monotonic() - post.tried_at > _TRY_AGAIN_S


def _is_watched_alike(before: Camera | None, after: Camera) -> bool:
    """Whether the connection can stay: at most what is looked for is another thing."""
    return before is not None and replace(before, analysis=after.analysis) == after


def _wish(record: CameraRecord) -> Wish | None:
    if not record.model:
        return None
    analysis = analysis_of(record.analysis)
    thresholds = Thresholds(analysis.detect_from, analysis.iou)
    return Wish(record.owner_id, record.model, record.alias, record.version, thresholds)
