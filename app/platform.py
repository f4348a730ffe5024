"""The platform of this process: every room opened once and handed to pages and routes."""

from dataclasses import dataclass
from typing import Self

from registry.access.accounts import Accounts
from registry.access.bearers import Bearers, TokensOrKeys
from registry.access.keys import Keys
from registry.access.people import People
from registry.access.sessions import Sessions
from registry.access.tokens import Tokens
from registry.models.registry import ModelRegistry
from registry.models.serving import Serving
from registry.records import Database, open_database
from registry.settings import Settings
from registry.storage import LocalStorage, open_storage


@dataclass(frozen=True, slots=True)
class Platform:
    """What pages and routes work with."""

    settings: Settings
    database: Database
    accounts: Accounts
    sessions: Sessions
    tokens: Tokens
    keys: Keys
    bearers: Bearers
    people: People
    models: ModelRegistry
    serving: Serving
    storage: LocalStorage

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Open the rooms; nothing is connected before it is used."""
        settings.prepare_home()
        database = open_database(settings.records_url)
        models = ModelRegistry(settings, database)
        sessions, tokens, keys = Sessions(database, settings), Tokens(database, settings), Keys(database)
        return cls(
            settings=settings,
            database=database,
            accounts=Accounts(database, settings),
            sessions=sessions,
            tokens=tokens,
            keys=keys,
            bearers=TokensOrKeys(tokens, keys),
            people=People(database, sessions, tokens),
            models=models,
            serving=Serving(models, settings),
            storage=open_storage(settings.storage_root),
        )
