"""NexusAI for notebooks: `import registry as nx`.

::

    nx.list_models()                                       # what is registered, as a DataFrame
    model = nx.load("digit-detector@champion")        # or "digit-detector", or "digit-detector/3"
    answer = model.predict("photo.jpg")               # a path, bytes or a (height, width, 3) BGR array
    answer                                            # the picture with the answer drawn on it
    answer.frame()                                    # the answer as a DataFrame
    job = nx.submit_batch("digit-detector", ["photos.zip"])  # beside the notebook, in the platform's runner
    nx.import_dataset("bolts.zip", "bolts").watch(print)     # a dataset, or the next version of one, likewise
    job = nx.submit_batch("digit-detector", dataset="bolts/2")  # the pictures of a dataset's version
    job = nx.submit_video("digit-detector", "gate.mp4")      # tracks, counts and a film of a video, likewise
    job = nx.submit_video("digit-detector", camera="Gate", since="2026-11-27 08:00", until="2026-11-27 09:00")
    job.watch(print)                                  # how far it is, until it has ended
    job.frame()                                       # what it found, as a DataFrame
    job = nx.fine_tune("digit-detector", "bolts/2", epochs=10, told=print)   # a candidate, trained here
    job = nx.submit_training("digit-detector", "bolts/2")     # or in the platform's runner
    nx.list_cameras()                                 # what they are doing, as a DataFrame
    nx.camera_events("Loading bay", label="person")   # what one saw, as a DataFrame
    nx.publish(network, "my-digits", card=card, told=print)   # a torch network, ONNX bytes or a file
    nx.versions("my-digits")                          # its versions, as a DataFrame
    nx.compare("my-digits/1", "my-digits/2")          # what is written about both, side by side
    nx.compare("my-digits/1", "my-digits/2", "photo.jpg")   # and what both say about a picture
    nx.promote("my-digits", 2)                        # load it, try it, let `champion` name it
    nx.rollback("my-digits")                          # and back
    nx.optimise("my-digits", "my-dataset").watch(print)   # smaller and faster forms that pass two gates, as versions
    nx.clean().watch(print)                           # what is old, counted; nx.clean(dry_run=False) removes it
    nx.backup().watch(print)                          # the databases, copied into the storage
    nx.history("my-digits")                           # who moved which alias, from where to where

Everything works on the home of NEXUSAI_HOME, on behalf of the account this process runs under, and under
the same permissions and audit as the app and the API.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.cameras.notebook import camera_events, event_picture, list_cameras
from registry.jobs.notebook import backup, clean, job, list_jobs, submit_video
from registry.training.datasets.notebook import import_dataset, submit_batch
from registry.training.finetune.notebook import fine_tune, submit_training
from registry.tuning.notebook import optimise, tune

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from registry.models.answer import Answer
    from registry.models.comparison import PictureComparison
    from registry.models.registry import ModelRegistry
    from registry.models.serving import Serving
    from registry.models.types import ModelVersion
    from registry.runtime.card import ModelCard

__all__ = [
    "Model",
    "backup",
    "camera_events",
    "clean",
    "compare",
    "event_picture",
    "fine_tune",
    "history",
    "import_dataset",
    "job",
    "list_cameras",
    "list_jobs",
    "list_models",
    "load",
    "optimise",
    "promote",
    "publish",
    "rollback",
    "samples",
    "submit_batch",
    "submit_training",
    "submit_video",
    "tune",
    "versions",
]


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
        from registry.models.thresholds import Thresholds

        return self._serving.predict(
            local_actor(),
            _image(image),
            model=self.version.name,
            version=self.version.version,
            thresholds=Thresholds(confidence, iou, max_detections),
        )

    def segment(
        self,
        image: str | Path | bytes | np.ndarray[Any, Any],
        points: Sequence[Sequence[float]] = (),
        boxes: Sequence[Sequence[float]] = (),
        confidence: float | None = None,
    ) -> Answer:
        """Cut out what points and boxes in source pixels name; for models of task segment-by-prompt.

        A point is (x, y) or (x, y, 1) on the object, (x, y, 0) beside it; a box (x1, y1, x2, y2) is an object of its
        own. Raises as `predict`.
        """
        from registry.access.actor import local_actor
        from registry.models.thresholds import Thresholds
        from registry.runtime.prompts import Prompts

        return self._serving.predict(
            local_actor(),
            _image(image),
            model=self.version.name,
            version=self.version.version,
            thresholds=Thresholds(confidence),
            prompts=Prompts(points, boxes),
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

    found, serving = _resolved(reference), _rooms()[1]
    serving.ready(local_actor(), found.name, version=found.version)
    return Model(found, serving)


def versions(name: str) -> pd.DataFrame:
    """The versions of a model, newest first, with their metrics; warns of one that is not what was registered.

    Raises ModelNotFound, MlflowUnavailable.
    """
    import warnings

    import pandas as pd

    from registry.access.actor import local_actor

    found = _rooms()[0].survey(local_actor(), name)
    for damaged in found.damaged:
        warnings.warn(f"{name}/{damaged.version} is left out: {damaged.detail}", stacklevel=2)
    told = [
        {
            "version": each.version,
            "aliases": list(each.aliases),
            "created_at": each.created_at,
            "published_by": each.published_by,
            "parent": each.parent,
            "sha256": each.sha256[:12],
            **each.card.metrics,
        }
        for each in found.versions
    ]
    return pd.DataFrame(told)


def compare(
    left: str, right: str, image: str | Path | bytes | np.ndarray[Any, Any] | None = None
) -> pd.DataFrame | PictureComparison:
    """Two versions side by side, each named as `load` takes it.

    Without an image: a DataFrame of what is written about them. With one: both answers, drawn side by side, and their
    differences counted in its `diff`. Raises as `load`, and InvalidInput for versions that answer different tasks.
    """
    import pandas as pd

    from registry.access.actor import local_actor
    from registry.models.comparison import compare_cards, compare_on_picture

    first, second = _resolved(left), _resolved(right)
    if image is not None:
        return compare_on_picture(_rooms()[1], local_actor(), _image(image), first, second)
    rows = [(fact.group, fact.name, fact.left, fact.right, fact.differs) for fact in compare_cards(first, second)]
    return pd.DataFrame(rows, columns=["group", "name", left, right, "differs"])


def promote(name: str, version: int, alias: str = "champion") -> None:
    """Load a version, try it, and let an alias name it; one that cannot be served moves nothing.

    Raises InvalidModel with what is wrong, ModelNotFound, VersionNotFound, InvalidInput.
    """
    from registry.access.actor import local_actor

    _rooms()[1].move_alias(local_actor(), name, alias, version)


def rollback(name: str, alias: str = "champion") -> int:
    """Let an alias name the version it named before; returns its number. Raises Conflict when there is none."""
    from registry.access.actor import local_actor
    from registry.models import promotion

    registry, serving = _rooms()
    return promotion.rollback(registry, local_actor(), name, alias=alias, move=serving.move_alias).version


def history(name: str, alias: str = "") -> pd.DataFrame:
    """Who moved an alias (every alias, where none is named) from which version to which, newest first."""
    import pandas as pd

    from registry.access.actor import local_actor
    from registry.models import promotion

    found = promotion.moves(_rooms()[0], local_actor(), name, alias)
    rows = [(each.at, each.by, each.alias, each.before, each.after) for each in found]
    told = pd.DataFrame(rows, columns=["at", "by", "alias", "from", "to"])
    return told.astype({"from": "Int64", "to": "Int64"})  # the first move comes from nowhere


def publish(
    model: Any,
    name: str,
    *,
    card: ModelCard | dict[str, Any] | None = None,
    description: str = "",
    alias: str = "champion",
    parent: str = "",
    told: Callable[[str], None] | None = None,
) -> ModelVersion:
    """Look at a model, convert it to ONNX, try it, and register it as a new version of `name`.

    The alias of a model that has versions already moves as with `promote`; warns where it cannot. `told` hears each
    step as it begins and ends.

    `model` is the path or the bytes of a file in any format that docs/models.md lists, a folder or a mapping of names
    to files that belong together, or a torch network; a torch network needs a card with its input.
    `parent` names the version it was made from, as name/version. Raises InvalidModel, UnsupportedOutputs, InvalidCard,
    MissingExtra, Unavailable, Forbidden, VersionNotFound (the parent), MlflowUnavailable.
    """
    import warnings

    from registry.access.actor import local_actor
    from registry.errors import InvalidCard
    from registry.models.intake import Wanted, take_wanted
    from registry.models.journey import Journey, nobody, telling
    from registry.models.packing import packed

    known, (models, serving) = _card(card), _rooms()
    if isinstance(model, str):
        model = Path(model)
    if isinstance(model, Mapping) or (isinstance(model, Path) and model.is_dir()):
        model = packed(model, models.live.current().upload_max_mb)
    if not isinstance(model, bytes | Path):
        if known is None:
            raise InvalidCard("a torch network needs a card that says what its input is")
        model = _exported(model, known)
    wanted = Wanted(name, known, description=description, alias=alias, parent=parent)
    journey = Journey(telling(told) if told else nobody)
    made = take_wanted(models, local_actor(), model, wanted, journey, serving.move_alias)
    if journey.warning:
        warnings.warn(f"{made.reference} is registered; {journey.warning}", stacklevel=2)
    return made


def samples() -> dict[str, Path]:
    """Pictures on this machine to try a model on, by name."""
    from registry.vision.samples import find_samples

    return {sample.name: sample.path for sample in find_samples()}


def _card(card: ModelCard | dict[str, Any] | None) -> ModelCard | None:
    import json

    from registry.runtime.card import ModelCard

    return ModelCard.parse(json.dumps(card)) if isinstance(card, dict) else card


def _image(image: str | Path | bytes | np.ndarray[Any, Any]) -> bytes | np.ndarray[Any, Any]:
    """A path's bytes; what is no path, as it is. Raises InvalidImage."""
    from registry.errors import InvalidImage

    if not isinstance(image, str | Path):
        return image
    if not Path(image).is_file():
        raise InvalidImage(f"{image} is not a file")
    return Path(image).read_bytes()


def _resolved(reference: str) -> ModelVersion:
    from registry.access.actor import local_actor
    from registry.models.reference import Reference

    asked = Reference.parse(reference)
    return _rooms()[0].resolve(local_actor(), asked.name, version=asked.version, alias=asked.alias)


def _exported(network: Any, card: ModelCard) -> bytes:
    from registry.training.torch_export import to_onnx

    return to_onnx(network, (card.input.channels, card.input.height, card.input.width))[0]


@cache
def _rooms() -> tuple[ModelRegistry, Serving]:
    from registry.libraries import prepare_libraries
    from registry.models.registry import ModelRegistry
    from registry.models.serving import Serving
    from registry.records import open_database
    from registry.settings import load_settings

    prepare_libraries()
    settings = load_settings()
    settings.prepare_home()
    registry = ModelRegistry(settings, open_database(settings.records_url))
    return registry, Serving(registry, settings)
