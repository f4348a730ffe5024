"""The platform of this process: every room opened once and handed to pages and routes."""

from dataclasses import dataclass
from typing import Self

from app.live import LivePictures
from flows.prefect_api import PrefectApi
from flows.schedulable import Rooms, schedulable
from registry.access.accounts import Accounts
from registry.access.auditing import Auditing
from registry.access.bearers import Bearers, TokensOrKeys
from registry.access.idempotency import Answers
from registry.access.keys import Keys
from registry.access.limits import Limits
from registry.access.live import Live, SettingsEditor
from registry.access.people import People
from registry.access.sessions import Sessions
from registry.access.sign_ins import SignIns
from registry.access.tokens import Tokens
from registry.cameras.cameras import Cameras
from registry.cameras.events import Events
from registry.cameras.groups import CameraGroups
from registry.cameras.probing import Probes
from registry.jobs.batches import Batches
from registry.jobs.caring import Caring
from registry.jobs.jobs import Jobs
from registry.jobs.schedules import Schedules
from registry.jobs.video.videos import Videos
from registry.models.catalogue import Catalogue
from registry.models.changes import ModelChanges
from registry.models.gallery import Gallery
from registry.models.history import History
from registry.models.registry import ModelRegistry
from registry.models.serving import Serving
from registry.models.uploads import Uploads
from registry.models.uses import uses_in
from registry.notify.receivers import Receivers
from registry.recordings.library import Recordings
from registry.records import Database, open_database
from registry.settings import Settings
from registry.storage import Storage, open_storage
from registry.training.datasets.catalogue import Datasets
from registry.training.datasets.changes import DatasetChanges
from registry.training.datasets.event_samples import EventSamples
from registry.training.datasets.importing import Imports
from registry.training.datasets.workspace import Workspace
from registry.training.finetune.start import Trainings
from registry.tuning.measuring import Measuring
from registry.worker.viewing import Viewing


@dataclass(frozen=True, slots=True)
class Platform:
    """What pages and routes work with."""

    settings: Settings
    database: Database
    live: Live
    editor: SettingsEditor
    limits: Limits
    answers: Answers
    accounts: Accounts
    sessions: Sessions
    tokens: Tokens
    sign_ins: SignIns
    keys: Keys
    bearers: Bearers
    people: People
    auditing: Auditing
    models: ModelRegistry
    model_changes: ModelChanges
    uploads: Uploads
    catalogue: Catalogue
    serving: Serving
    gallery: Gallery
    jobs: Jobs
    batches: Batches
    measuring: Measuring
    caring: Caring
    schedules: Schedules
    videos: Videos
    prefect: PrefectApi
    datasets: Datasets
    dataset_changes: DatasetChanges
    imports: Imports
    trainings: Trainings
    history: History
    recordings: Recordings
    receivers: Receivers
    cameras: Cameras
    camera_groups: CameraGroups
    events: Events
    probes: Probes
    event_samples: EventSamples
    storage: Storage
    viewing: Viewing
    pictures: LivePictures

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Open the rooms; nothing is connected before it is used."""
        settings.prepare_home()
        database = open_database(settings.records_url)
        live = Live(database, settings)
        models = ModelRegistry(settings, database, live)
        sessions, tokens = Sessions(database, settings, live), Tokens(database, settings, live)
        keys = Keys(database)
        serving = Serving(models, settings)
        storage = open_storage(settings.storage_root, settings.storage_endpoint)
        jobs = Jobs(database, storage)
        datasets = Datasets(database, Workspace(settings))
        uploads = Uploads(models, database, serving.move_alias)
        dataset_changes = DatasetChanges(settings, database, live, datasets)
        events = Events(database, storage, live)
        viewing = Viewing(database)
        cameras = Cameras(settings, database, live, models)
        starting = Rooms.over(jobs, models, datasets, Recordings(settings, live, database, storage))
        return cls(
            settings=settings,
            database=database,
            live=live,
            editor=SettingsEditor(database, live),
            limits=Limits(database, settings, live),
            answers=Answers(database, settings),
            accounts=Accounts(database, settings, live),
            sessions=sessions,
            tokens=tokens,
            sign_ins=SignIns(database, sessions, tokens),
            keys=keys,
            bearers=TokensOrKeys(tokens, keys),
            people=People(database, sessions, tokens),
            auditing=Auditing(database),
            models=models,
            model_changes=ModelChanges(models, database, uses_in(database)),
            uploads=uploads,
            catalogue=Catalogue(models, uploads),
            serving=serving,
            gallery=Gallery(serving, database),
            jobs=jobs,
            batches=starting.batches,
            measuring=starting.measuring,
            caring=starting.caring,
            schedules=Schedules(database, schedulable(starting)),
            videos=starting.videos,
            prefect=PrefectApi(settings),
            datasets=datasets,
            dataset_changes=dataset_changes,
            imports=Imports(jobs, dataset_changes),
            trainings=starting.trainings,
            history=History(database, live),
            recordings=starting.recordings,
            receivers=Receivers(settings, live, database, storage),
            cameras=cameras,
            camera_groups=CameraGroups(database),
            events=events,
            probes=Probes(cameras, database, live),
            event_samples=EventSamples(database, events, dataset_changes),
            storage=storage,
            viewing=viewing,
            pictures=LivePictures(settings, viewing),
        )
