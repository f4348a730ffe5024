"""Changing a registered model: its description, who may use it, its rest, its end."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session

from registry.access import Action, Actor, require
from registry.access.names import as_typed
from registry.errors import AliasNotFound, Conflict, UserNotFound, VersionNotFound
from registry.mlflow_file import AccessLevel
from registry.models import alias_history, tags
from registry.models.registry import ModelRegistry
from registry.models.stated import check_access_level, check_description
from registry.models.types import CHAMPION, ModelSummary
from registry.models.uses import Use, Uses, nothing
from registry.records import Database, User, users

MOST_GRANTS = 500


@dataclass(frozen=True, slots=True)
class Grant:
    """Somebody a model was granted to; the name is empty when the account is gone."""

    user_id: str
    username: str

    def to_dict(self) -> dict[str, str]:
        """As the HTTP contract has it."""
        return {"user_id": self.user_id, "username": self.username}


class ModelChanges:
    """Changes of models under the permission table, each with its row in the trail.

    `uses` names what works with a model at the moment; such a model is neither deleted nor archived.
    """

    def __init__(self, models: ModelRegistry, database: Database, uses: Uses = nothing) -> None:
        self._models = models
        self._database = database
        self._uses = uses

    def update(
        self, actor: Actor, name: str, *, description: str | None = None, access_level: AccessLevel | None = None
    ) -> ModelSummary:
        """Change the description or the access level; None leaves it. Raises Forbidden, ModelNotFound, InvalidInput."""
        model = self._changeable(actor, name)
        if access_level is not None:
            check_access_level(access_level)
        if description is not None:
            check_description(description)
        before: dict[str, Any] = {}
        with self._models.connected() as client:
            if description is not None:
                client.update_registered_model(name, description)
                before["description"] = model.description
            if access_level is not None:
                client.set_registered_model_tag(name, tags.ACCESS_LEVEL, access_level)
                before["access_level"] = model.access_level
        given = {"description": description, "access_level": access_level}
        after = {key: value for key, value in given.items() if value is not None}
        self._models.trace(actor, "model.update", name, before=before, after=after)
        return self._models.get(actor, name)

    def archive(self, actor: Actor, name: str, *, archived: bool = True) -> ModelSummary:
        """Take a model out of use, or bring it back: an archived one answers nothing and takes no version.

        Raises Forbidden, ModelNotFound, Conflict while something uses it.
        """
        model = self._changeable(actor, name)
        if model.archived == archived:
            return model
        if archived:
            _check_unused(name, self._uses(name))
        with self._models.connected() as client:
            if archived:
                client.set_registered_model_tag(name, tags.ARCHIVED, datetime.now(UTC).isoformat())
            else:
                client.delete_registered_model_tag(name, tags.ARCHIVED)
        self._models.trace(actor, "model.archive" if archived else "model.restore", name)
        return self._models.get(actor, name)

    def grants(self, actor: Actor, name: str) -> Sequence[Grant]:
        """Whom the model was granted to, by name. Raises Forbidden, ModelNotFound."""
        model = self._changeable(actor, name)
        with self._database.read() as session:
            found = {user_id: session.get(User, user_id) for user_id in model.granted_to}
        made = [Grant(user_id, user.username if user else "") for user_id, user in found.items()]
        return sorted(made, key=lambda grant: grant.username.casefold())

    def grant(self, actor: Actor, name: str, who: str) -> ModelSummary:
        """Let a user, named by id or by name, see and use a model whatever its access level.

        Raises Forbidden, ModelNotFound, UserNotFound, Conflict (there are too many grants).
        """
        model = self._changeable(actor, name)
        with self._database.read() as session:
            user = _user(session, who)
        if len(model.granted_to) >= MOST_GRANTS and user.id not in model.granted_to:
            raise Conflict(f"a model is granted to at most {MOST_GRANTS} users", hint="Choose a wider access level.")
        with self._models.connected() as client:
            client.set_registered_model_tag(name, f"{tags.GRANT}{user.id}", user.username)
        self._models.trace(actor, "model.grant", name, user_id=user.id, username=user.username)
        return self._models.get(actor, name)

    def revoke(self, actor: Actor, name: str, user_id: str) -> ModelSummary:
        """Take a grant back; one that is not there is no error. Raises Forbidden, ModelNotFound."""
        model = self._changeable(actor, name)
        if user_id in model.granted_to:
            with self._models.connected() as client:
                client.delete_registered_model_tag(name, f"{tags.GRANT}{user_id}")
            self._models.trace(actor, "model.revoke", name, user_id=user_id)
        return self._models.get(actor, name)

    def remove_alias(self, actor: Actor, name: str, alias: str) -> ModelSummary:
        """Take an alias away.

        Raises Forbidden, ModelNotFound, AliasNotFound, Conflict while something works with what it names.
        """
        model = self._changeable(actor, name)
        if alias not in model.aliases:
            raise AliasNotFound(f"model {name!r} has no alias {alias[:40]!r}")
        _check_unused(name, (use for use in self._uses(name) if _follows(use, alias)))
        with self._models.connected() as client:
            alias_history.remove(client, name, alias, actor.name)
        self._models.trace(actor, "model.remove_alias", name, alias=alias, version=model.aliases[alias])
        return self._models.get(actor, name)

    def delete(self, actor: Actor, name: str) -> None:
        """Remove a model with all its versions; the runs that made them stay in MLflow.

        Raises Forbidden, ModelNotFound, Conflict while something uses it.
        """
        model = self._deletable(actor, name)
        _check_unused(name, self._uses(name))
        with self._models.connected() as client:
            client.delete_registered_model(name)
        self._models.trace(actor, "model.delete", name, versions=model.latest_version, owner=model.owner_name)

    def delete_version(self, actor: Actor, name: str, version: int) -> None:
        """Remove one version.

        Raises Forbidden, VersionNotFound, Conflict while an alias names it or something works with it.
        """
        model = self._deletable(actor, name)
        named = sorted(alias for alias, held in model.aliases.items() if held == version)
        if named:
            raise Conflict(
                f"version {version} of model {name!r} is {', '.join(named)}",
                hint="Move the alias to another version first.",
            )
        if version not in self._models.numbers(actor, name):
            raise VersionNotFound(f"model {name!r} has no version {version}")
        _check_unused(name, (use for use in self._uses(name) if _is_on(use, version, model)))
        with self._models.connected() as client:
            client.delete_model_version(name, str(version))
        self._models.trace(actor, "model.delete_version", name, version=version)

    def _changeable(self, actor: Actor, name: str) -> ModelSummary:
        model = self._models.get(actor, name)
        require(actor, Action.CHANGE_MODEL, model.target())
        return model

    def _deletable(self, actor: Actor, name: str) -> ModelSummary:
        model = self._models.get(actor, name)
        require(actor, Action.DELETE_MODEL, model.target())
        return model


def _check_unused(name: str, uses: Iterable[Use]) -> None:
    using = [use.words for use in uses]
    if using:
        raise Conflict(
            f"model {name!r} is in use: {', '.join(using[:5])}",
            hint="Give the camera another model, cancel the job, or pause or change the schedule, first.",
            details={"uses": using[:50]},
        )


def _follows(use: Use, alias: str) -> bool:
    """Whether a use has to do with an alias."""
    return use.version is None and (use.alias or CHAMPION) == alias


def _is_on(use: Use, version: int, model: ModelSummary) -> bool:
    """Whether a use is on a version: named by its number, or the newest where there is no champion."""
    if use.version is not None:
        return use.version == version
    newest = not use.alias and CHAMPION not in model.aliases
    return newest and version == model.latest_version


def _user(session: Session, who: str) -> User:
    """By id first: nobody becomes somebody else by taking their id for a name."""
    user = session.get(User, who) or users.by_name(session, as_typed(who))
    if user is None:
        raise UserNotFound(f"nobody has the id or the name {as_typed(who)!r}")
    return user
