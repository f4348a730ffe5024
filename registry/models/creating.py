"""Creating a registered model under a name that nobody can take for another's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from registry.errors import NameTaken
from registry.models.names import refuse_twin

if TYPE_CHECKING:
    from mlflow import MlflowClient

_PAGE = 1_000  # MLflow's largest page


def create_model(client: MlflowClient, name: str, tags: Mapping[str, str], description: str) -> None:
    """Create it. Raises NameTaken as `check_untwinned`, Conflict where there is one of that very name."""
    check_untwinned(client, name)
    client.create_registered_model(name, dict(tags), description)
    try:
        check_untwinned(client, name)  # somebody may have been as fast
    except NameTaken:
        client.delete_registered_model(name)
        raise


def check_untwinned(client: MlflowClient, name: str) -> None:
    """Raises NameTaken where another model's name differs from this one only by the case of its letters."""
    found = client.search_registered_models(f"name ILIKE '{name}'", max_results=_PAGE)  # `_` stands for any letter
    refuse_twin(name, (each.name for each in found))
