"""The work of a child: a TorchScript program to ONNX."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from registry.conversion import agreement
from registry.conversion.shape import read_shape
from registry.errors import InvalidModel, MissingExtra

SOURCE, ONNX = "model.torchscript", "model.onnx"
_OPSET = 17
_USUAL_SIDES = (224, 640, 320, 256, 192, 128, 64, 32)
_METADATA = "config.txt"  # what Ultralytics writes into its TorchScript exports
_CARRIED = ("task", "names", "stride", "imgsz", "args", "end2end", "kpt_shape")


def work(folder: Path) -> dict[str, Any]:
    """Export `model.torchscript` to `model.onnx` beside it; how far the two agree.

    The input is the card's, else the one named in Ultralytics' metadata, else the first usual one that runs.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingExtra("TorchScript needs torch to be converted", hint='pip install "nexusai[train]"') from error
    extra = {_METADATA: ""}
    program = torch.jit.load(str(folder / SOURCE), map_location="cpu", _extra_files=extra).float().eval()
    metadata = _metadata(extra[_METADATA])
    shape = _first_that_runs(program, _shapes(folder, metadata))
    _export(program, shape, folder / ONNX)
    _keep(metadata, folder / ONNX)

    def original(picture: agreement.Array) -> list[agreement.Array]:
        with torch.inference_mode():
            return agreement.flat(program(torch.from_numpy(picture)))

    return agreement.measure(original, (folder / ONNX).read_bytes(), folder, shape).to_dict()


def _shapes(folder: Path, metadata: dict[str, Any]) -> Iterator[tuple[int, int, int, int]]:
    known = read_shape(folder)
    if known:
        yield known
        return
    size = metadata.get("imgsz")
    if isinstance(size, list) and len(size) == 2 and all(isinstance(side, int) and 0 < side < 8192 for side in size):
        yield 1, int(metadata.get("channels", 3)), size[0], size[1]
    for side in _USUAL_SIDES:
        for channels in (3, 1):
            yield 1, channels, side, side


def _first_that_runs(program: Any, shapes: Iterator[tuple[int, int, int, int]]) -> tuple[int, int, int, int]:
    import torch

    said = ""
    for shape in shapes:
        try:
            with torch.inference_mode():
                program(torch.zeros(shape))
        except RuntimeError as error:
            said = str(error).strip().splitlines()[-1][:200]
        else:
            return shape
    raise InvalidModel(
        f"the TorchScript program takes no image of a usual size: {said}", hint="Give a card that names its input."
    )


def _export(program: Any, shape: tuple[int, ...], target: Path) -> None:
    import torch

    try:
        torch.onnx.export(
            program, (torch.zeros(shape),), str(target), input_names=["images"], opset_version=_OPSET, dynamo=False
        )
    except (RuntimeError, ValueError, TypeError) as error:
        raise InvalidModel(f"torch cannot export this program to ONNX: {str(error).splitlines()[0][:300]}") from error


def _metadata(text: str | bytes) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _keep(metadata: dict[str, Any], target: Path) -> None:
    """Carry task, labels and sizes over, so that a card can be read from the ONNX file."""
    import onnx

    model = onnx.load_model(target, load_external_data=False)
    known = {key: str(metadata[key]) for key in _CARRIED if key in metadata}
    onnx.helper.set_model_props(model, known)
    onnx.save_model(model, target)
