"""An alias on its way: where it has been, and back to the version it named before."""

from collections.abc import Callable, Collection, Sequence

from registry.access import Action, Actor, require
from registry.errors import Conflict
from registry.models import alias_history
from registry.models.alias_history import Move
from registry.models.names import check_alias
from registry.models.registry import ModelRegistry
from registry.models.types import CHAMPION, ModelSummary, ModelVersion

SetAlias = Callable[[Actor, str, str, int], None]


def rollback(
    models: ModelRegistry, actor: Actor, name: str, *, alias: str = CHAMPION, move: SetAlias | None = None
) -> ModelVersion:
    """Let an alias name the version it named before the present one; again goes one further back.

    `move` moves the alias: `Serving.move_alias` proves the version first, and is what serves; without one nothing is
    loaded. Raises Forbidden, ModelNotFound, InvalidInput, Conflict when there is none before, and what `move` raises.
    """
    check_alias(alias)
    model = models.get(actor, name)
    require(actor, Action.CHANGE_MODEL, model.target())
    there = {each.version for each in models.versions(actor, name)}
    past = _earlier(model, alias, there, history(models, actor, name, alias))
    if alias not in model.aliases or not past:
        raise Conflict(
            f"alias {alias!r} of model {name!r} named no other version before",
            hint="Promote the version you want by its number.",
        )
    (move or models.set_alias)(actor, name, alias, past[0])
    with models.connected() as client:
        alias_history.write(client, name, alias, past)
    return models.resolve(actor, name, version=past[0])


def ways_back(models: ModelRegistry, actor: Actor, name: str) -> dict[str, int]:
    """The version a rollback of each alias would go to; aliases without one are left out."""
    model = models.get(actor, name)
    there = {each.version for each in models.versions(actor, name)}
    with models.connected() as client:
        kept = {alias: alias_history.read(client, name, alias) for alias in model.aliases}
    past = {alias: _earlier(model, alias, there, versions) for alias, versions in kept.items()}
    return {alias: versions[0] for alias, versions in past.items() if versions}


def history(models: ModelRegistry, actor: Actor, name: str, alias: str = CHAMPION) -> list[int]:
    """The versions an alias has named, the present one first. What MLflow's own interface moved is not in it."""
    models.get(actor, name)
    with models.connected() as client:
        return alias_history.read(client, name, alias)


def moves(models: ModelRegistry, actor: Actor, name: str, alias: str = "") -> Sequence[Move]:
    """Who moved an alias from where to where, newest first; of every alias where none is named."""
    models.get(actor, name)
    with models.connected() as client:
        return [each for each in alias_history.moves(client, name) if not alias or each.alias == alias]


def _earlier(model: ModelSummary, alias: str, there: Collection[int], kept: Sequence[int]) -> list[int]:
    """What an alias named before, newest first; what was deleted is left out."""
    return [each for each in kept if each in there and each != model.aliases.get(alias)]
