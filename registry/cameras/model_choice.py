"""Which model a camera looks with."""

from dataclasses import dataclass
from typing import Any

from registry.access import Actor
from registry.errors import InvalidInput
from registry.models.registry import ModelRegistry
from registry.runtime.card import WITH_BOXES


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A model by name, an alias or a version of it, or neither: its champion, else its newest version."""

    model: str = ""
    alias: str | None = None
    version: int | None = None

    def columns(self) -> dict[str, Any]:
        """As the record has it."""
        return {"model": self.model, "alias": self.alias or "", "version": str(self.version or "")}


def check_model(models: ModelRegistry, actor: Actor, choice: ModelChoice) -> ModelChoice:
    """The choice, if the actor may use it and it finds objects.

    Raises InvalidInput, ModelNotFound, VersionNotFound, AliasNotFound, Conflict (archived), MlflowUnavailable.
    """
    if not choice.model:
        if choice.alias or choice.version is not None:
            raise InvalidInput("an alias or a version needs the name of a model", details={"field": "model"})
        return ModelChoice()
    found = models.resolve(actor, choice.model, version=choice.version, alias=choice.alias or None)
    if found.card.task not in WITH_BOXES:
        raise InvalidInput(
            f"model {choice.model!r} answers {found.card.task}: cameras need one that finds objects",
            hint=f"Choose a model of task {', '.join(sorted(WITH_BOXES))}.",
            details={"field": "model"},
        )
    return choice
