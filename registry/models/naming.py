"""The alias of a version that comes in: what was served until then goes on until the new one is proven."""

from registry.access import Actor
from registry.errors import ModelNotFound, RegistryError
from registry.models.promotion import SetAlias
from registry.models.registry import ModelRegistry
from registry.models.types import ModelVersion


def is_first(models: ModelRegistry, actor: Actor, name: str) -> bool:
    """Whether a model has no version yet, so that a new one takes nothing over."""
    try:
        return not models.numbers(actor, name)
    except ModelNotFound:
        return True


def name_version(
    models: ModelRegistry, actor: Actor, made: ModelVersion, alias: str, move: SetAlias | None = None
) -> str:
    """Let an alias name a version that was registered; returns why it does not, empty where it does.

    `move` moves the alias: `Serving.move_alias` proves the version first; without one nothing is loaded.
    """
    try:
        (move or models.set_alias)(actor, made.name, alias, made.version)
    except RegistryError as error:
        return f"alias {alias!r} was not moved to it: {error.message}"
    return ""
