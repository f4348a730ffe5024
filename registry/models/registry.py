"""The model registry: what exists, who may use it, and which version a name stands for."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, get_args

from registry.access import Action, Actor, require
from registry.access.live import Live
from registry.access.permissions import visible
from registry.access.trail import trace
from registry.errors import AliasNotFound, Conflict, InvalidCard, InvalidInput, ModelNotFound, VersionNotFound
from registry.models import alias_history, tags
from registry.models.client import Mlflow
from registry.models.files import VersionFiles
from registry.models.names import check_alias, check_name, check_new_name
from registry.models.publish import Draft, publish
from registry.models.types import CHAMPION, ModelSummary, ModelVersion
from registry.records import Database
from registry.runtime.machine import host_key
from registry.settings import AccessLevel, Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

_PAGE = 1_000  # MLflow's largest page


class ModelRegistry:
    """Registered models on one MLflow server, under the rules of the permission table."""

    def __init__(self, settings: Settings, database: Database, live: Live | None = None) -> None:
        self.settings = settings
        self.live = live or Live(database, settings)
        self._database = database
        self._mlflow = Mlflow(settings)
        self.files = VersionFiles(settings, self._mlflow)

    def connected(self) -> AbstractContextManager["MlflowClient"]:
        """MLflow's client for a few calls of this room. Raises MlflowUnavailable, ModelNotFound, Conflict."""
        return self._mlflow.connected()

    def trace(self, actor: Actor, action: str, name: str, **details: Any) -> None:
        """Leave a row about a model in the audit trail."""
        with self._database.write() as session:
            trace(session, actor, action, f"model:{name}", details)

    def ping(self) -> None:
        """Raise MlflowUnavailable unless the server answers a query."""
        with self._mlflow.connected() as client:
            client.search_registered_models(max_results=1)

    def list(  # noqa: PLR0913 - the filters of the page
        self,
        actor: Actor,
        *,
        search: str = "",
        task: str = "",
        access_level: str = "",
        owner: str = "",
        archived: bool | None = False,
        number: int = 1,
        size: int = 50,
    ) -> tuple[Sequence[ModelSummary], int]:
        """One page of the models the actor may see, by name, and how many there are in all.

        `search` is looked for in names and descriptions, whatever the case; `owner` is a name; `archived` None means
        those that are and those that are not; `number` counts from 1.
        """
        needle = search.casefold()
        found = [
            model
            for model in self._visible(actor)
            if (not task or model.task == task)
            and (not access_level or model.access_level == access_level)
            and (not owner or model.owner_name == owner)
            and archived in {None, model.archived}
            and needle in f"{model.name} {model.description}".casefold()
        ]
        found.sort(key=lambda model: model.name.casefold())
        return found[(number - 1) * size : number * size], len(found)

    def owners(self, actor: Actor) -> Sequence[str]:
        """The names of those who own a model that the actor may see."""
        return sorted({model.owner_name for model in self._visible(actor) if model.owner_name}, key=str.casefold)

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

    def version(self, actor: Actor, name: str, number: int) -> ModelVersion:
        """One version. Raises ModelNotFound, VersionNotFound."""
        return self._numbered(self.get(actor, name), number)

    def resolve(self, actor: Actor, name: str, *, version: int | None = None, alias: str | None = None) -> ModelVersion:
        """The version a request means: that version, that alias, else the champion, else the newest.

        Raises ModelNotFound, VersionNotFound, AliasNotFound, Forbidden, InvalidInput (both were named).
        """
        if version is not None and alias is not None:
            raise InvalidInput("name a version or an alias of the model, not both")
        model = self.get(actor, name)
        require(actor, Action.PREDICT, model.target())
        _check_ready(model)
        return self._numbered(model, version if version is not None else _number_of(model, alias))

    def publish(self, actor: Actor, draft: Draft) -> ModelVersion:
        """Register a checked model as a new version, and move the draft's alias to it.

        Raises Forbidden, InvalidInput, InvalidCard (the model answers another task), VersionNotFound (the parent),
        Conflict (the model is archived), MlflowUnavailable; nothing half-made stays behind.
        """
        check_new_name(draft.name)
        if draft.alias:
            check_alias(draft.alias)
        require(actor, Action.PUBLISH_MODEL)
        if draft.parent:
            self._check_parent(actor, draft.parent)
        existing = self._find(draft.name)
        if existing is not None:
            _check_takes(actor, existing, draft)
        try:
            with self._mlflow.connected() as client:
                number = publish(client, actor, draft, is_new=existing is None, settings=self.settings)
        except Conflict:  # somebody else published the first version of this name just now
            _check_takes(actor, self.get(actor, draft.name), draft)
            with self._mlflow.connected() as client:
                number = publish(client, actor, draft, is_new=False, settings=self.settings)
        self.trace(actor, "model.publish", draft.name, version=number, alias=draft.alias)
        return self.resolve(actor, draft.name, version=number)

    def bytes_published(self, actor: Actor) -> int:
        """The size of all versions that an actor has published. Raises MlflowUnavailable."""
        total, token = 0, None
        with self._mlflow.connected() as client:
            while True:
                found = client.search_model_versions(
                    f"tags.`{tags.PUBLISHER_ID}` = '{actor.id}'", max_results=_PAGE, page_token=token
                )
                total += sum(_whole(each.tags.get(tags.SIZE, "")) for each in found)
                token = found.token
                if not token:
                    return total

    def set_alias(self, actor: Actor, name: str, alias: str, version: int) -> None:
        """Move an alias. Raises Forbidden, ModelNotFound, VersionNotFound, InvalidInput."""
        check_alias(alias)
        model = self.get(actor, name)
        require(actor, Action.CHANGE_MODEL, model.target())
        self.resolve(actor, name, version=version)
        with self._mlflow.connected() as client:
            alias_history.move(client, name, alias, version, actor.name)
        self.trace(actor, "model.alias", name, alias=alias, version=version, before=model.aliases.get(alias))

    def _check_parent(self, actor: Actor, parent: str) -> None:
        name, _, version = parent.partition("/")
        if not version.isdecimal():
            raise InvalidInput(f"{parent[:100]!r} is not a parent: it takes the form name/version")
        if int(version) not in {each.version for each in self.versions(actor, name)}:
            raise VersionNotFound(f"the parent {parent[:100]!r} does not exist")

    def _visible(self, actor: Actor) -> Iterable[ModelSummary]:
        require(actor, Action.READ_MODEL)
        return (model for model in map(_summary, self._all()) if visible(actor, model.target()))

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

    def _numbered(self, model: ModelSummary, number: int) -> ModelVersion:
        found = self._find_version(model.name, number)
        if found is None or tags.FILES not in found.tags:
            raise VersionNotFound(f"model {model.name!r} has no version {number}")
        return self._version(found, model)

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
            parent=found.tags.get(tags.PARENT, ""),
            notes=tags.read_notes(found.tags),
            tuned=found.tags.get(f"{tags.TUNED}{host_key()}", ""),
        )


def _check_active(model: ModelSummary) -> None:
    if model.archived:
        raise Conflict(f"model {model.name!r} is archived", hint="Its owner can bring it back on its page.")


def _check_ready(model: ModelSummary) -> None:
    _check_active(model)
    if not model.latest_version:
        raise VersionNotFound(f"model {model.name!r} has no version yet", hint="Publish one under its name first.")


def _check_takes(actor: Actor, model: ModelSummary, draft: Draft) -> None:
    """Raise unless the draft may become the next version of a model."""
    require(actor, Action.CHANGE_MODEL, model.target())
    _check_active(model)
    if model.task and model.task != draft.card.task:
        raise InvalidCard(
            f"model {model.name!r} answers task {model.task}, this version would answer {draft.card.task}",
            hint="Every version of a model answers the same task: publish this one under another name.",
        )


def _number_of(model: ModelSummary, alias: str | None) -> int:
    wanted = alias or CHAMPION
    if wanted in model.aliases:
        return model.aliases[wanted]
    if alias:
        known = ", ".join(sorted(model.aliases)) or "none"
        raise AliasNotFound(f"model {model.name!r} has no alias {alias[:40]!r}; it has: {known}")
    return model.latest_version


def _summary(found: Any) -> ModelSummary:
    newest = max(found.latest_versions or (), key=lambda each: int(each.version), default=None)
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
        latest_version=int(newest.version) if newest else 0,
        aliases={alias: int(version) for alias, version in (found.aliases or {}).items()},
        metrics=tags.read_metrics(newest.tags) if newest else {},
        archived=tags.ARCHIVED in found.tags,
    )


def _whole(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 16 else 0


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
