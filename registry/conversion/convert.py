"""A foreign model file to ONNX bytes, each kind in the child that understands it."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from registry.conversion import tensorflow_export, torchscript_export, ultralytics_export
from registry.conversion.agreement import SAMPLE
from registry.conversion.doors import Doors
from registry.conversion.file_kind import FileKind
from registry.conversion.sandbox import Bounds, Task, isolation, read_result, run_isolated, work_folder
from registry.conversion.shape import write_shape
from registry.errors import InvalidModel, Unavailable
from registry.runtime.card import ModelCard
from registry.runtime.graph_check import MAX_FILE_BYTES
from registry.vision.samples import find_samples

ONNX = "model.onnx"
SECONDS = 600
_MEMORY = 8 << 30  # torch or TensorFlow, the network, its trace
_PER_BYTE = 8
_ADDRESS = 64 << 30  # CUDA builds of torch map more than they ever touch
_SCRATCH = 512 << 20


@dataclass(frozen=True, slots=True)
class Converted:
    """ONNX bytes, how far their answers are from the original's, and which doors were shut around the child."""

    onnx: bytes
    difference: Mapping[str, float]
    doors: Doors


def convert(path: Path, kind: FileKind, card: ModelCard | None = None, seconds: float = SECONDS) -> Converted:
    """Convert a file whose inspection found `kind`; the card, if there is one, names the input.

    Raises Unavailable where no isolated child can be made, MissingExtra where a package is missing, InvalidModel
    for what cannot be converted or answers differently afterwards.
    """
    if not isolation().isolated:
        raise Unavailable(
            f"a {kind} is code, and this machine cannot isolate the child that would convert it: "
            "only .onnx is accepted here",
            hint="Export the model to ONNX and upload that. `nexusai doctor` says what is missing.",
        )
    module, source, environment = _child(kind)
    size = path.stat().st_size
    with work_folder(path.parent) as folder:
        shutil.copyfile(path, folder / source)
        (folder / tensorflow_export.KIND).write_text(kind, encoding="utf-8")
        write_shape(folder, card)
        _lay_sample(folder)
        bounds = Bounds(seconds, _MEMORY + _PER_BYTE * size, _ADDRESS + _PER_BYTE * size, _SCRATCH + _PER_BYTE * size)
        own = {"YOLO_CONFIG_DIR": str(folder), "MPLCONFIGDIR": str(folder), "OMP_WAIT_POLICY": "PASSIVE"}
        task = Task(module, bounds, f"the conversion of the {kind}", strict=True, environment=own | environment)
        difference, doors = run_isolated(task, folder)
        return Converted(read_result(folder / ONNX, MAX_FILE_BYTES), _numbers(difference), doors)


def _child(kind: FileKind) -> tuple[str, str, dict[str, str]]:
    if kind is FileKind.TORCH:
        return ultralytics_export.__name__, ultralytics_export.SOURCE, ultralytics_export.ENVIRONMENT
    if kind is FileKind.TORCHSCRIPT:
        return torchscript_export.__name__, torchscript_export.SOURCE, {"CUDA_VISIBLE_DEVICES": ""}
    return tensorflow_export.__name__, tensorflow_export.SOURCES[kind], tensorflow_export.ENVIRONMENT


def _lay_sample(folder: Path) -> None:
    """A picture to compare on; the child sees no other file of ours."""
    shutil.copyfile(find_samples()[0].path, folder / SAMPLE)


def _numbers(found: object) -> dict[str, float]:
    if not isinstance(found, dict) or not all(isinstance(value, int | float) for value in found.values()):
        raise InvalidModel("the conversion left no comparison with the original")
    return {str(key): float(value) for key, value in found.items()}
