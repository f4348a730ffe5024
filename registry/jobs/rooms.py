"""What the work of a job has at hand, opened once in its process."""

from dataclasses import dataclass
from typing import Self

from registry.access.live import Live
from registry.models.registry import ModelRegistry
from registry.models.serving import Serving
from registry.records import Database, open_database
from registry.settings import Settings
from registry.storage import Storage, open_storage


@dataclass(frozen=True, slots=True)
class JobRooms:
    """The rooms of one job."""

    settings: Settings
    database: Database
    live: Live
    storage: Storage
    models: ModelRegistry
    serving: Serving

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Open the rooms; nothing is connected before it is used."""
        database = open_database(settings.records_url)
        live = Live(database, settings)
        models = ModelRegistry(settings, database, live)
        storage = open_storage(settings.storage_root, settings.storage_endpoint)
        return cls(settings, database, live, storage, models, Serving(models, settings))

    def close(self) -> None:
        """Close them."""
        self.serving.close()
        self.database.close()
