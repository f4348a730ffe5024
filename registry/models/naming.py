"""The alias of a version that comes in: what was served until then goes on until the new one is proven."""

from dataclasses import replace

from registry.access import Actor
from registry.errors import RegistryError
from registry.models.promotion import SetAlias
from registry.models.registry import ModelRegistry
from registry.models.types import ModelVersion


def name_version(
    models: ModelRegistry, actor: Actor, made: ModelVersion, alias: str, move: SetAlias | None = None
) -> tuple[ModelVersion, str]:
    """Let an alias name a version that was registered, unless it does or none is wanted.

    Returns the version, and why the alias does not name it; empty where it does. `move` moves the alias:
    `Serving.move_alias` proves the version first; without one nothing is loaded.
    """
    if not alias or alias in made.aliases:
        return made, ""
    try:
        (move or models.set_alias)(actor, made.name, alias, made.version)
    except RegistryError as error:
        return made, f"alias {alias!r} was not moved to it: {error.message}"
    return replace(made, aliases=(*made.aliases, alias)), ""
