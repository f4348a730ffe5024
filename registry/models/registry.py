"""The model registry: what exists, who may use it, and which version a name stands for."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from registry.access import Action, Actor, require
from registry.access.live import Live
from registry.access.permissions import visible
from registry.access.trail import trace
from registry.errors import (
    AliasNotFound,
    Conflict,
    IntegrityError,
    InvalidCard,
    InvalidInput,
    ModelNotFound,
    NameTaken,
    VersionNotFound,
)
from registry.models import alias_history, tags
from registry.models.ahead import make_ready
from registry.models.client import Mlflow
from registry.models.creating import check_untwinned
from registry.models.files import VersionFiles
from registry.models.names import check_alias, check_name, check_new_name
from registry.models.publish import Draft, publish
from registry.models.reading import read_kept_size, read_model, read_version
from registry.models.stated import check_description
from registry.models.types import CHAMPION, Damaged, ModelSummary, ModelVersion, Survey
from registry.records import Database
from registry.settings import Settings

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
        """Every version of a model that is as it was registered, newest first."""
        return self.survey(actor, name).versions

    def survey(self, actor: Actor, name: str) -> Survey:
        """Every version of a model: those that are as they were registered, and those that are not."""
        model = self.get(actor, name)
        versions: list[ModelVersion] = []
        damaged: list[Damaged] = []
        for found in self._registered(name):
            try:
                versions.append(self._version(found, model))
            except (IntegrityError, InvalidCard) as error:
                damaged.append(Damaged(int(found.version), str(error)))
        return Survey(versions, damaged)

    def numbers(self, actor: Actor, name: str) -> Sequence[int]:
        """The number of every version of a model, newest first; none of them is opened."""
        return [int(each.version) for each in self._registered(self.get(actor, name).name)]

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

    def check_takes(self, actor: Actor, name: str, *, task: str = "", parent: str = "", description: str = "") -> bool:
        """Whether a new version under a name would be that model's first; of a model that takes one.

        Raises Forbidden, InvalidInput, NameTaken (but for the letters' case), InvalidCard (the model answers another
        task), VersionNotFound and ModelNotFound (the parent), Conflict (the model is archived), MlflowUnavailable.
        """
        check_new_name(name)
        check_description(description)
        require(actor, Action.PUBLISH_MODEL)
        if parent:
            self._check_parent(actor, parent)
        existing = self._find(name)
        if existing is not None:
            _check_takes(actor, existing, task)
            return False
        with self._mlflow.connected() as client:
            check_untwinned(client, name)
        return True

    def publish(self, actor: Actor, draft: Draft) -> ModelVersion:
        """Register a checked model as a new version, and move the draft's alias to it; its aliases tell whether.

        Raises as `check_takes`; nothing half-made stays behind.
        """
        for alias in filter(None, (draft.alias, draft.first_alias)):
            check_alias(alias)
        task = str(draft.card.task)
        is_new = self.check_takes(actor, draft.name, task=task, parent=draft.parent, description=draft.description)
        try:
            with self._mlflow.connected() as client:
                number = publish(client, actor, draft, is_new=is_new, settings=self.settings)
        except NameTaken:
            raise
        except Conflict:  # somebody else published the first version of this name just now
            _check_takes(actor, self.get(actor, draft.name), task)
            with self._mlflow.connected() as client:
                number = publish(client, actor, draft, is_new=False, settings=self.settings)
        make_ready(self.files, draft.files, self.settings)
        made = self.resolve(actor, draft.name, version=number)
        named = next((each for each in (draft.alias, draft.first_alias) if each in made.aliases), "")
        self.trace(actor, "model.publish", draft.name, version=number, alias=named)
        return made

    def bytes_published(self, actor: Actor) -> int:
        """The size of all versions that an actor has published, with kept checkpoints. Raises MlflowUnavailable."""
        total, token = 0, None
        with self._mlflow.connected() as client:
            while True:
                found = client.search_model_versions(
                    f"tags.`{tags.PUBLISHER_ID}` = '{actor.id}'", max_results=_PAGE, page_token=token
                )
                total += sum(read_kept_size(each.tags) for each in found)
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
        if int(version) not in self.numbers(actor, name):
            raise VersionNotFound(f"the parent {parent[:100]!r} does not exist")

    def _visible(self, actor: Actor) -> Iterable[ModelSummary]:
        require(actor, Action.READ_MODEL)
        return (model for model in map(read_model, self._all()) if visible(actor, model.target()))

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
                return read_model(client.get_registered_model(name))
        except ModelNotFound:
            return None

    def _registered(self, name: str) -> Sequence[Any]:
        with self._mlflow.connected() as client:
            found = list(client.search_model_versions(f"name = '{name}'", max_results=_PAGE))
        return sorted((each for each in found if tags.FILES in each.tags), key=lambda each: -int(each.version))

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
        return read_version(found, self.files.card(found), model)


def _check_active(model: ModelSummary) -> None:
    if model.archived:
        raise Conflict(f"model {model.name!r} is archived", hint="Its owner can bring it back on its page.")


def _check_ready(model: ModelSummary) -> None:
    _check_active(model)
    if not model.latest_version:
        raise VersionNotFound(f"model {model.name!r} has no version yet", hint="Publish one under its name first.")


def _check_takes(actor: Actor, model: ModelSummary, task: str) -> None:
    """Raise unless what answers this task, empty for one that is not known, may become a model's next version."""
    require(actor, Action.CHANGE_MODEL, model.target())
    _check_active(model)
    if model.task and task and model.task != task:
        raise InvalidCard(
            f"model {model.name!r} answers task {model.task}, this version would answer {task}",
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
