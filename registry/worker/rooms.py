"""What a worker with cameras holds open: streams, models, records and storage, wired."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from registry.access.live import Live, LiveSettings
from registry.cameras.policy import source_policy
from registry.cameras.sealing import Seals
from registry.cameras.watching import to_camera
from registry.errors import NotFound
from registry.models.registry import ModelRegistry
from registry.models.types import ModelVersion
from registry.recordings.service import RecordingService
from registry.records import CameraRecord, Database
from registry.settings import Settings
from registry.storage import open_storage
from registry.streams import Camera, Detector, Pipeline, SourcePolicy
from registry.streams.acceleration import usable
from registry.worker.board import Board
from registry.worker.crew import Crew, shadow_of
from registry.worker.detectors import Detectors, Wish
from registry.worker.engine import Engine
from registry.worker.events import EventKeeper
from registry.worker.leases import Held
from registry.worker.owners import owner_of
from registry.worker.reports import Reporter
from registry.worker.shadow import Shadow
from registry.worker.views import Views


@dataclass(frozen=True, slots=True)
class CameraRooms:
    """Everything a camera needs; opened once in a process."""

    policy: Callable[[LiveSettings], SourcePolicy]
    pipeline: Pipeline
    crew: Crew
    detectors: Detectors
    keeper: EventKeeper
    recordings: RecordingService
    reporter: Reporter
    views: Views

    @classmethod
    def open(
        cls,
        settings: Settings,
        database: Database,
        live: Live,
        arrived: Callable[[CameraRecord], None],
        *,
        loopback: bool = False,
    ) -> "CameraRooms":
        """Open them; `arrived` is called before a camera starts here first. Only tests say `loopback`.

        Raises RegistryError.
        """
        models, seals, board = ModelRegistry(settings, database, live), Seals(settings), Board()
        storage = open_storage(settings.storage_root, settings.storage_endpoint)
        recordings = RecordingService(settings, live, database, storage)

        def resolve(wish: Wish) -> ModelVersion:
            actor, version = owner_of(database, wish.owner_id), int(wish.version) if wish.version else None
            return models.resolve(actor, wish.model, version=version, alias=wish.alias or None)

        def swap(camera_id: str, detector: Detector | None) -> None:
            with suppress(NotFound):  # it does not run yet, and begins with what it has to have
                pipeline.swap(camera_id, detector)

        acceleration = usable(settings.camera_decoder)

        def make(record: CameraRecord, policy: SourcePolicy) -> Camera:
            return recordings.attach(to_camera(record, seals, policy, acceleration), record)

        def begun(record: CameraRecord) -> None:
            board.forget(record.id)
            shadow.forget(record.id)

        detectors = Detectors(resolve, lambda version: Engine(settings, version), swap)

        def name(camera_id: str) -> str:
            return crew.name(camera_id)

        keeper = EventKeeper(database, storage, name, lambda key: detectors.seeing(key).reference)
        shadow = Shadow(
            lambda key: detectors.detector(shadow_of(key)), name, keeper.keep_once, idle_below=settings.shadow_below
        )
        policies = partial(source_policy, settings, loopback=loopback)
        pipeline = Pipeline(policies(live.current()), sinks=(board, recordings.take, keeper, shadow))
        crew = Crew(pipeline, detectors, make, arrived, begun, recordings.release)
        reporter = Reporter(crew, pipeline, detectors, board, recordings.report, recordings.problems, shadow)
        views = Views(pipeline, crew, board, reporter)
        return cls(policies, pipeline, crew, detectors, keeper, recordings, reporter, views)

    def apply(self, held: Sequence[Held], live: LiveSettings) -> None:
        """Run these cameras and no others, where cameras may be now."""
        self.crew.apply(held, self.policy(live))

    def stop(self) -> None:
        """Begin to stop every camera; returns at once."""
        posts = self.crew.posts()
        if posts:
            self.crew.apply([], next(iter(posts.values())).policy)

    def names(self) -> Mapping[str, str]:
        """The names of the cameras here by id."""
        return self.crew.names()

    def close(self, timeout_s: float) -> None:
        """Stop every camera, keep what they told, end the engines."""
        self.crew.stop_all(timeout_s)
        self.keeper.end()
        self.pipeline.close()
        self.recordings.close()
        self.detectors.close()
        self.crew.close()
