"""The model registry: what exists, who may use it, and which version a name stands for."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, get_args

from registry.access import Action, Actor, require
from registry.access.permissions import visible
from registry.access.trail import trace
from registry.errors import AliasNotFound, Conflict, InvalidInput, ModelNotFound, VersionNotFound
from registry.models import tags
from registry.models.client import Mlflow
from registry.models.files import VersionFiles
from registry.models.publish import Draft, publish
from registry.models.types import CHAMPION, ModelSummary, ModelVersion
from registry.records import Database
from registry.settings import AccessLevel, Settings

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
ALIAS = re.compile(r"[a-z][a-z0-9_-]{0,30}")
_PAGE = 1_000  # MLflow's largest page


class ModelRegistry:
    """Registered models on one MLflow server, under the rules of the permission table."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings = settings
        self._database = database
        self._mlflow = Mlflow(settings)
        self.files = VersionFiles(settings, self._mlflow)

    def ping(self) -> None:
        """Raise MlflowUnavailable unless the server answers a query."""
        with self._mlflow.connected() as client:
            client.search_registered_models(max_results=1)

    def list(
        self, actor: Actor, *, search: str = "", task: str = "", number: int = 1, size: int = 50
    ) -> tuple[Sequence[ModelSummary], int]:
        """One page of the models the actor may see, by name, and how many there are in all.

        `search` is looked for in names and descriptions, whatever the case; `number` counts from 1.
        """
        require(actor, Action.READ_MODEL)
        needle = search.casefold()
        found = [
            model
            for model in map(_summary, self._all())
            if visible(actor, model.target())
            and (not task or model.task == task)
            and needle in f"{model.name} {model.description}".casefold()
        ]
        found.sort(key=lambda model: model.name.casefold())
        return found[(number - 1) * size : number * size], len(found)

    def get(self, actor: Actor, name: str) -> ModelSummary:
        """One model. Raises ModelNotFound also for one that the actor may not see."""
        check_name(name)
        model = self._find(name)
        if model is None or (actor.known and not visible(actor, model.target())):
            raise ModelNotFound(f"there is no model {name!r}, or you may not see it")
        require(actor, Action.READ_MODEL, model.target())
        return model

    def versions(self, actor: Actor, name: str) -> Sequence[ModelVersion]:
        """Every version of a model, newest first."""
        model = self.get(actor, name)
        with self._mlflow.connected() as client:
            found = list(client.search_model_versions(f"name = '{name}'", max_results=_PAGE))
        ours = [each for each in found if tags.FILES in each.tags]
        return sorted((self._version(each, model) for each in ours), key=lambda each: -each.version)

    def resolve(self, actor: Actor, name: str, *, version: int | None = None, alias: str | None = None) -> ModelVersion:
        """The version a request means: that version, that alias, else the champion, else the newest.

        Raises ModelNotFound, VersionNotFound, AliasNotFound, Forbidden, InvalidInput (both were named).
        """
        if version is not None and alias is not None:
            raise InvalidInput("name a version or an alias of the model, not both")
        model = self.get(actor, name)
        require(actor, Action.PREDICT, model.target())
        number = version if version is not None else _number_of(model, alias)
        found = self._find_version(name, number)
        if found is None or tags.FILES not in found.tags:
            raise VersionNotFound(f"model {name!r} has no version {number}")
        return self._version(found, model)

    def publish(self, actor: Actor, draft: Draft) -> ModelVersion:
        """Register a checked model as a new version, and move the draft's alias to it.

        Raises Forbidden, NameTaken, InvalidInput, MlflowUnavailable; nothing half-made stays behind.
        """
        check_name(draft.name)
        if draft.alias:
            check_alias(draft.alias)
        require(actor, Action.PUBLISH_MODEL)
        existing = self._find(draft.name)
        if existing is not None:
            require(actor, Action.CHANGE_MODEL, existing.target())
        try:
            with self._mlflow.connected() as client:
                number = publish(client, actor, draft, is_new=existing is None, settings=self.settings)
        except Conflict:  # somebody else published the first version of this name just now
            existing = self.get(actor, draft.name)
            require(actor, Action.CHANGE_MODEL, existing.target())
            with self._mlflow.connected() as client:
                number = publish(client, actor, draft, is_new=False, settings=self.settings)
        self._trace(actor, "model.publish", draft.name, version=number, alias=draft.alias)
        return self.resolve(actor, draft.name, version=number)

    def set_alias(self, actor: Actor, name: str, alias: str, version: int) -> None:
        """Move an alias. Raises Forbidden, ModelNotFound, VersionNotFound, InvalidInput."""
        check_alias(alias)
        model = self.get(actor, name)
        require(actor, Action.CHANGE_MODEL, model.target())
        self.resolve(actor, name, version=version)
        with self._mlflow.connected() as client:
            client.set_registered_model_alias(name, alias, str(version))
        self._trace(actor, "model.alias", name, alias=alias, version=version, before=model.aliases.get(alias))

    def _all(self) -> Iterable[Any]:
        token: str | None = None
        with self._mlflow.connected() as client:
            while True:
                found = client.search_registered_models(max_results=_PAGE, page_token=token)
                yield from found
                token = found.token
                if not token:
                    return

    def _find(self, name: str) -> ModelSummary | None:
        try:
            with self._mlflow.connected() as client:
                return _summary(client.get_registered_model(name))
        except ModelNotFound:
            return None

    def _find_version(self, name: str, number: int) -> Any:
        try:
            with self._mlflow.connected() as client:
                return client.get_model_version(name, str(number))
        except ModelNotFound:
            return None

    def _version(self, found: Any, model: ModelSummary) -> ModelVersion:
        number = int(found.version)
        return ModelVersion(
            name=found.name,
            version=number,
            sha256=tags.read_sha256(found.tags, tags.SHA256),
            files=tags.read_files(found.tags),
            size_bytes=_whole(found.tags.get(tags.SIZE, "")),
            card=self.files.card(found),
            aliases=tuple(sorted(alias for alias, held in model.aliases.items() if held == number)),
            created_at=_time(found.creation_timestamp),
            run_id=found.run_id or "",
            published_by=found.tags.get(tags.PUBLISHED_BY, ""),
        )

    def _trace(self, actor: Actor, action: str, name: str, **details: Any) -> None:
        with self._database.write() as session:
            trace(session, actor, action, f"model:{name}", details)


def check_name(name: str) -> None:
    """Raise InvalidInput unless `name` can name a model."""
    _check(
        NAME, name, "a model's name", "1 to 63 letters, digits, dots, dashes and underscores, a letter or digit first"
    )


def check_alias(alias: str) -> None:
    """Raise InvalidInput unless `alias` can be an alias."""
    _check(ALIAS, alias, "an alias", "1 to 31 lower-case letters, digits, dashes and underscores, a letter first")


def _check(pattern: re.Pattern[str], value: str, what: str, rule: str) -> None:
    if not pattern.fullmatch(value):
        raise InvalidInput(f"{value[:80]!r} is not {what}: it takes {rule}")


def _number_of(model: ModelSummary, alias: str | None) -> int:
    wanted = alias or CHAMPION
    if wanted in model.aliases:
        return model.aliases[wanted]
    if alias:
        known = ", ".join(sorted(model.aliases)) or "none"
        raise AliasNotFound(f"model {model.name!r} has no alias {alias[:40]!r}; it has: {known}")
    return model.latest_version


def _summary(found: Any) -> ModelSummary:
    newest = max((int(each.version) for each in found.latest_versions or ()), default=0)
    level = found.tags.get(tags.ACCESS_LEVEL, "private")  # what was not published by us stays with administrators
    if level not in get_args(AccessLevel):
        level = "private"
    return ModelSummary(
        name=found.name,
        task=found.tags.get(tags.TASK, ""),
        description=found.description or "",
        access_level=level,
        owner_id=found.tags.get(tags.OWNER_ID, ""),
        owner_name=found.tags.get(tags.OWNER_NAME, ""),
        granted_to=tags.read_grants(found.tags),
        created_at=_time(found.creation_timestamp),
        updated_at=_time(found.last_updated_timestamp),
        latest_version=newest,
        aliases={alias: int(version) for alias, version in (found.aliases or {}).items()},
    )


def _whole(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 16 else 0


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
