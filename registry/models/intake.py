"""A model's way in: what is given is checked and tried before it is registered."""

from pathlib import Path

from registry.access import Action, Actor, require
from registry.errors import InvalidModel, UploadTooLarge
from registry.models.publish import Draft
from registry.models.registry import ModelRegistry, check_name
from registry.models.trial import try_out
from registry.models.types import CHAMPION, ModelVersion
from registry.runtime.card import ModelCard
from registry.runtime.graph_check import check_graph
from registry.runtime.infer_card import infer_card
from registry.runtime.loading import MODEL_FILE
from registry.settings import AccessLevel


def take_in(  # noqa: PLR0913 - the fields of the upload form
    models: ModelRegistry,
    actor: Actor,
    model: bytes | Path,
    name: str,
    *,
    card: ModelCard | None = None,
    description: str = "",
    access_level: AccessLevel = "authenticated",
    alias: str = CHAMPION,
) -> ModelVersion:
    """Check an ONNX file, run it once in a bounded child, and register it as a new version of `name`.

    Without a card one is read from the file's metadata and shapes. Raises Forbidden, UploadTooLarge,
    InvalidModel, UnsupportedOutputs, InvalidCard; a refused file leaves nothing behind.
    """
    require(actor, Action.PUBLISH_MODEL)
    check_name(name)
    data = model if isinstance(model, bytes) else read_capped(model, models.settings.upload_max_mb)
    if len(data) > models.settings.upload_max_mb * 2**20:
        raise UploadTooLarge(
            f"the model has {len(data) / 2**20:.0f} MiB, the limit is {models.settings.upload_max_mb} MiB"
        )
    check_graph(data)
    known = card or infer_card(data)
    if description:
        known = known.model_copy(update={"description": description})
    try_out(data, known)
    return models.publish(
        actor, Draft(name, {MODEL_FILE: data}, known, description or known.description, access_level, alias)
    )


def read_capped(path: Path, most_mb: int) -> bytes:
    """The bytes of a file. Raises InvalidModel when it is not there, UploadTooLarge."""
    if not path.is_file():
        raise InvalidModel(f"{path} is not a file")
    if path.stat().st_size > most_mb * 2**20:
        raise UploadTooLarge(f"{path.name} has {path.stat().st_size / 2**20:.0f} MiB, the limit is {most_mb} MiB")
    return path.read_bytes()
