"""NexusAI for notebooks: `import registry as nx`.

::

    nx.list_models()                                       # what is registered, as a DataFrame
    model = nx.load("digit-detector@champion")        # or "digit-detector", or "digit-detector/3"
    answer = model.predict("photo.jpg")               # a path, bytes or a (height, width, 3) BGR array
    answer                                            # the picture with the answer drawn on it
    answer.frame()                                    # the answer as a DataFrame
    nx.publish(network, "my-digits", card=card)       # a torch network, ONNX bytes or a file

Everything works on the home of NEXUSAI_HOME, on behalf of the account this process runs under, and under
the same permissions and audit as the app and the API.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from registry.models.answer import Answer
    from registry.models.registry import ModelRegistry
    from registry.models.serving import Serving
    from registry.models.types import ModelVersion
    from registry.runtime.card import ModelCard

__all__ = ["Model", "list_models", "load", "publish", "samples"]


@dataclass(frozen=True, slots=True)
class Model:
    """One version of a registered model, ready to answer."""

    version: ModelVersion
    _serving: Serving

    def predict(
        self,
        image: str | Path | bytes | np.ndarray[Any, Any],
        confidence: float | None = None,
        iou: float | None = None,
        max_detections: int | None = None,
    ) -> Answer:
        """Answer about one image: a path, encoded bytes, or a (height, width, 3) uint8 BGR array.

        Thresholds default to the card's. Raises InvalidImage, ImageTooLarge, InvalidInput.
        """
        from registry.access.actor import local_actor
        from registry.errors import InvalidImage
        from registry.models.serving import Thresholds

        if isinstance(image, str | Path):
            if not Path(image).is_file():
                raise InvalidImage(f"{image} is not a file")
            image = Path(image).read_bytes()
        return self._serving.predict(
            local_actor(),
            image,
            model=self.version.name,
            version=self.version.version,
            thresholds=Thresholds(confidence, iou, max_detections),
        )


def list_models(search: str = "", task: str = "") -> pd.DataFrame:
    """The registered models by name. Raises MlflowUnavailable when no platform runs."""
    import pandas as pd

    from registry.access.actor import local_actor

    found, _ = _rooms()[0].list(local_actor(), search=search, task=task, size=10_000)
    columns = ["name", "task", "latest_version", "aliases", "access_level", "owner", "description"]
    return pd.DataFrame([model.to_dict() for model in found], columns=columns)


def load(reference: str) -> Model:
    """The version that `name`, `name@alias` or `name/version` means.

    A bare name means its champion, or its newest version where there is none. Raises InvalidInput,
    ModelNotFound, VersionNotFound, AliasNotFound, MlflowUnavailable.
    """
    from registry.access.actor import local_actor
    from registry.errors import InvalidInput

    registry, serving = _rooms()
    name, at, alias = reference.partition("@")
    name, slash, version = name.partition("/")
    if (slash and not version.isdecimal()) or (at and not alias):
        raise InvalidInput(f"{reference[:100]!r} is none of name, name@alias, name/version")
    found = registry.resolve(local_actor(), name, version=int(version) if slash else None, alias=alias if at else None)
    serving.network(found)
    return Model(found, serving)


def publish(
    model: Any,
    name: str,
    *,
    card: ModelCard | dict[str, Any] | None = None,
    description: str = "",
    alias: str = "champion",
) -> ModelVersion:
    """Check a model, try it, and register it as a new version of `name`.

    `model` is a path of an ONNX file, ONNX bytes, or a torch network; a torch network needs a card with
    its input. Raises InvalidModel, UnsupportedOutputs, InvalidCard, Forbidden, MlflowUnavailable.
    """
    from registry.access.actor import local_actor
    from registry.errors import InvalidCard
    from registry.models.intake import take_in

    known = _card(card)
    if isinstance(model, str):
        model = Path(model)
    if not isinstance(model, bytes | Path):
        if known is None:
            raise InvalidCard("a torch network needs a card that says what its input is")
        model = _exported(model, known)
    return take_in(_rooms()[0], local_actor(), model, name, card=known, description=description, alias=alias)


def samples() -> dict[str, Path]:
    """Pictures on this machine to try a model on, by name."""
    from registry.vision.samples import find_samples

    return {sample.name: sample.path for sample in find_samples()}


def _card(card: ModelCard | dict[str, Any] | None) -> ModelCard | None:
    import json

    from registry.runtime.card import ModelCard

    return ModelCard.parse(json.dumps(card)) if isinstance(card, dict) else card


def _exported(network: Any, card: ModelCard) -> bytes:
    from registry.training.torch_export import to_onnx

    return to_onnx(network, (card.input.channels, card.input.height, card.input.width))[0]


@cache
def _rooms() -> tuple[ModelRegistry, Serving]:
    from registry.models.registry import ModelRegistry
    from registry.models.serving import Serving
    from registry.records import open_database
    from registry.settings import guard_opencv, load_settings

    guard_opencv()
    settings = load_settings()
    settings.prepare_home()
    registry = ModelRegistry(settings, open_database(settings.records_url))
    return registry, Serving(registry, settings)
