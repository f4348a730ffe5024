"""Registering a model by its name, before any version of it exists."""

from registry.access import Action, Actor, require
from registry.errors import Conflict, NameTaken
from registry.mlflow_file import AccessLevel
from registry.models.creating import create_model
from registry.models.names import check_new_name
from registry.models.publish import model_tags
from registry.models.registry import ModelRegistry
from registry.models.stated import check_access_level, check_description, check_task
from registry.models.types import ModelSummary


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
    check_new_name(name)
    check_description(description)
    check_access_level(access_level)
    check_task(task)
    try:
        with models.connected() as client:
            create_model(client, name, model_tags(actor, task, access_level), description)
    except NameTaken:
        raise
    except Conflict as error:
        raise NameTaken(f"there is a model {name!r} already") from error
    models.trace(actor, "model.register", name, task=task, access_level=access_level)
    return models.get(actor, name)
