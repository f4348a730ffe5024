"""Models: vision models and their versions, kept in MLflow's registry."""

from registry.models.answer import Answer
from registry.models.registry import ModelRegistry
from registry.models.serving import Serving
from registry.models.types import CHAMPION, ModelSummary, ModelVersion

__all__ = ["CHAMPION", "Answer", "ModelRegistry", "ModelSummary", "ModelVersion", "Serving"]
