"""What a training starts from: the architecture and the weights of a registered version's checkpoint.

The checkpoint is opened in the sandbox alone, which answers plain data; that data is checked here before anything is
built from it.
"""

import json
import re
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from registry.conversion import ultralytics_export, weights_export
from registry.conversion.sandbox import Bounds, Task, isolation, read_result, run_isolated, work_folder
from registry.errors import InvalidModel, TrainingFailed

_SECONDS = 180
_MEMORY, _ADDRESS, _PER_BYTE = 4 << 30, 64 << 30, 8
_MOST_BYTES = 2 << 30
_MOST_LAYERS, _MOST_ARGUMENTS = 400, 20
_MOST_REPEATS, _GREATEST, _MOST_FACTOR = 100, 65_536, 10
_SCALES = (None, "", *"nslmx")
_MODULE = re.compile(r"(nn\.)?[A-Z][A-Za-z0-9]{1,40}")
_WORDS = frozenset({"nc", "None", "nearest", "bilinear", "True", "False"})


class Network(BaseModel):
    """An architecture that Ultralytics can build: numbers, and names of its own layers, nothing else."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: str
    labels: tuple[str, ...]
    architecture: dict[str, Any]


def unpack_checkpoint(checkpoint: bytes, folder: Path) -> Network:
    """Have the sandbox open a checkpoint; writes `weights.safetensors` into the folder.

    Raises InvalidModel for what is no such checkpoint, TrainingFailed where no isolated child can be made here.
    """
    check_isolation()
    size = len(checkpoint)
    bounds = Bounds(_SECONDS, _MEMORY + _PER_BYTE * size, _ADDRESS, (512 << 20) + _PER_BYTE * size)
    with work_folder(folder) as work:
        (work / weights_export.SOURCE).write_bytes(checkpoint)
        own = {"YOLO_CONFIG_DIR": str(work), "MPLCONFIGDIR": str(work), "OMP_WAIT_POLICY": "PASSIVE"}
        environment = own | ultralytics_export.ENVIRONMENT
        task = Task(weights_export.__name__, bounds, "reading the checkpoint", strict=True, environment=environment)
        answer, _ = run_isolated(task, work)
        (folder / weights_export.WEIGHTS).write_bytes(read_result(work / weights_export.WEIGHTS, _MOST_BYTES))
        shutil.rmtree(work, ignore_errors=True)
    try:
        network = Network.model_validate(answer)
        check_architecture(network.architecture)
    except (ValidationError, ValueError, TypeError) as error:  # a TypeError where a list was meant
        raise InvalidModel(f"the checkpoint's architecture cannot be trained here: {str(error)[:300]}") from error
    return network


def check_isolation() -> None:
    """Raise TrainingFailed where checkpoints cannot be opened safely."""
    if not isolation().isolated:
        raise TrainingFailed(
            "this machine cannot isolate the child that opens and converts checkpoints",
            hint="`nexusai doctor` says what is missing.",
        )


def check_architecture(architecture: dict[str, Any]) -> None:
    """Raise ValueError or TypeError unless it is bounded numbers and names of layers: Ultralytics evaluates the rest.

    The bounds keep a few bytes from asking for more memory than there is.
    """
    layers = [*architecture.get("backbone", []), *architecture.get("head", [])]
    if not 1 <= len(layers) <= _MOST_LAYERS:
        raise ValueError(f"it has {len(layers)} layers")
    for layer in layers:
        _check_layer(*layer)
    for key, value in architecture.items():
        if key not in {"backbone", "head"}:
            _check_setting(key, value)


def _check_layer(source: Any, repeats: Any, module: Any, arguments: Any) -> None:
    if not _MODULE.fullmatch(str(module)):
        raise ValueError(f"{str(module)[:60]!r} is no layer")
    if not isinstance(arguments, list) or len(arguments) > _MOST_ARGUMENTS:
        raise ValueError(f"{module} takes arguments that are no list")
    if type(repeats) is not int or not 1 <= repeats <= _MOST_REPEATS:
        raise ValueError(f"{module} is repeated {str(repeats)[:20]} times; 1 to {_MOST_REPEATS} can be built")
    _check_plain([source, *arguments])


def _check_setting(key: str, value: Any) -> None:
    if key not in _KEYS:
        raise ValueError(f"{key[:40]!r} is not known")
    if key == "scale":
        if value not in _SCALES:  # it becomes part of a file's name
            raise ValueError(f"{str(value)[:40]!r} is no scale")
    elif key == "scales" and isinstance(value, dict):
        for depth, width, channels in value.values():
            _check_factors([depth, width])
            _check_plain([channels])
    elif key in {"depth_multiple", "width_multiple"}:
        _check_factors([value])
    elif key != "task":
        _check_plain([value])


_KEYS = frozenset(
    {
        "nc",
        "ch",
        "channels",
        "scales",
        "scale",
        "depth_multiple",
        "width_multiple",
        "reg_max",
        "end2end",
        "kpt_shape",
        "task",
    }
)


def _check_plain(values: Collection[Any]) -> None:
    for value in values:
        if isinstance(value, dict):
            _check_plain(value.values())
        elif isinstance(value, list):
            _check_plain(value)
        elif isinstance(value, str):
            if value not in _WORDS:
                raise ValueError(f"{value[:60]!r} is no argument of a layer")
        elif not isinstance(value, bool | int | float | None):
            raise ValueError(f"{json.dumps(value)[:60]} is no argument of a layer")  # noqa: TRY004
        elif value is not None and not abs(value) <= _GREATEST:  # NaN neither
            raise ValueError(f"{str(value)[:20]} is too great for an argument of a layer")


def _check_factors(values: Collection[Any]) -> None:
    if any(not isinstance(value, int | float) or not 0 < value <= _MOST_FACTOR for value in values):
        raise ValueError(f"it is widened or deepened by more than {_MOST_FACTOR} times")
