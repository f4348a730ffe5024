"""The alias of a version that has just come in: what was served until then goes on until the new one is proven."""

from registry.access import Actor
from registry.errors import RegistryError
from registry.models.promotion import SetAlias
from registry.models.registry import ModelRegistry
from registry.models.types import ModelVersion


def name_version(
    models: ModelRegistry, actor: Actor, made: ModelVersion, alias: str, move: SetAlias | None = None
) -> str:
    """Let an alias name a version that was registered; returns why it does not, empty where it does.

    The only version of a model is named as it is. A later one is named by `move`: `Serving.move_alias` proves it
    first; without one nothing is loaded.
    """
    try:
        alone = list(models.numbers(actor, made.name)) == [made.version]
        (models.set_alias if alone or move is None else move)(actor, made.name, alias, made.version)
    except RegistryError as error:
        return f"alias {alias!r} was not moved to it: {error.message}"
    return ""
