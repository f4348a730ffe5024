"""The work of a child: an Ultralytics checkpoint to ONNX.

Ultralytics is AGPL-3.0 and a checkpoint is a pickle, so both live only here. Its restricted loader
(ULTRALYTICS_SAFE_LOAD) builds nothing but known layers; the child around it is there for what gets past.
"""

from pathlib import Path
from typing import Any

from registry.conversion import agreement
from registry.errors import InvalidModel, MissingExtra

SOURCE, ONNX = "model.pt", "model.onnx"
TASKS = ("detect", "segment", "pose", "classify", "obb")
ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "",
    "ULTRALYTICS_SAFE_LOAD": "true",
    "YOLO_OFFLINE": "true",
    "YOLO_AUTOINSTALL": "false",
    "YOLO_VERBOSE": "false",
}
_OPSET = 17


def work(folder: Path) -> dict[str, Any]:
    """Export `model.pt` to `model.onnx` beside it; how far the two agree."""
    try:
        from ultralytics import YOLO
    except ImportError as error:
        raise MissingExtra(
            "an Ultralytics checkpoint needs ultralytics to be converted", hint='pip install "nexusai[train]"'
        ) from error
    loaded = YOLO(folder / SOURCE)
    if loaded.task not in TASKS:
        raise InvalidModel(f"the checkpoint is of task {loaded.task!r}; {', '.join(TASKS)} are converted")
    written = loaded.export(
        format="onnx", opset=_OPSET, dynamic=loaded.task != "classify", simplify=True, nms=False, device="cpu"
    )
    if Path(written) != folder / ONNX:
        raise InvalidModel("the export left no ONNX file")
    network, ranked = _network(folder / SOURCE)
    return agreement.measure(network, (folder / ONNX).read_bytes(), folder, ranked=ranked).to_dict()


def _network(checkpoint: Path) -> tuple[agreement.Original, bool]:
    """The checkpoint's network as it was before the export rearranged it, its head answering as in an export.

    A network with a head for each (YOLO26) is exported with the one that suppresses by itself; True for such a one.
    """
    import torch
    from ultralytics import YOLO

    network = YOLO(checkpoint).model.float().eval()
    for module in network.modules():
        if hasattr(module, "export"):
            module.export = True
    ranked = getattr(network.model[-1], "one2one_cv2", None) is not None
    if ranked:
        network.model[-1].end2end = True

    def run(picture: agreement.Array) -> list[agreement.Array]:
        with torch.inference_mode():
            return agreement.flat(network(torch.from_numpy(picture)))

    return run, ranked
