"""Registering a model by its name, before any version of it exists."""

import re
from typing import get_args

from registry.access import Action, Actor, require
from registry.errors import Conflict, InvalidInput, NameTaken
from registry.mlflow_file import AccessLevel
from registry.models.names import check_name
from registry.models.publish import model_tags
from registry.models.registry import ModelRegistry
from registry.models.types import ModelSummary
from registry.runtime.card import Task

LONGEST_DESCRIPTION = 4_000
# Control characters, what turns a line around, and spaces without a width; joiners, which some scripts need, may stay.
_HIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2060\u2066-\u2069\ufeff\ud800-\udfff]")


def register(
    models: ModelRegistry,
    actor: Actor,
    name: str,
    *,
    task: str = "",
    description: str = "",
    access_level: AccessLevel = "authenticated",
) -> ModelSummary:
    """A model without a version, owned by the actor: shared and described now, published to later.

    Without a task it takes that of its first version. Raises Forbidden, InvalidInput, NameTaken, MlflowUnavailable.
    """
    require(actor, Action.PUBLISH_MODEL)
    check_name(name)
    check_description(description)
    check_access_level(access_level)
    if task and task not in set(Task):
        raise InvalidInput(f"{task[:32]!r} is no task: {', '.join(Task)}")
    try:
        with models.connected() as client:
            client.create_registered_model(name, model_tags(actor, task, access_level), description)
    except Conflict as error:
        raise NameTaken(f"there is a model {name!r} already") from error
    models.trace(actor, "model.register", name, task=task, access_level=access_level)
    return models.get(actor, name)


def check_description(text: str) -> None:
    """Raises InvalidInput for one that is too long, or holds what cannot be seen."""
    if hidden := _HIDDEN.search(text):
        raise InvalidInput(f"a description cannot hold the invisible character U+{ord(hidden[0]):04X}")
    if len(text) > LONGEST_DESCRIPTION:
        raise InvalidInput(f"a description has at most {LONGEST_DESCRIPTION} characters, not {len(text)}")


def check_access_level(level: str) -> None:
    """Raises InvalidInput for what is no access level."""
    if level not in get_args(AccessLevel):
        raise InvalidInput(f"{str(level)[:40]!r} is no access level: {', '.join(get_args(AccessLevel))}")
