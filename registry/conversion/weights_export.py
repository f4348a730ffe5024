"""The work of a child: an Ultralytics checkpoint to its architecture as JSON and its weights as safetensors.

A checkpoint is a pickle. What trains must not open a foreign one: it is given these two files, which hold nothing but
numbers and names.
"""

import json
from pathlib import Path
from typing import Any

from registry.errors import InvalidModel, MissingExtra

SOURCE, WEIGHTS = "model.pt", "weights.safetensors"


def work(folder: Path) -> dict[str, Any]:
    """Write `weights.safetensors`; the network's task, class names and architecture."""
    try:
        import torch
        from safetensors.torch import save_file
        from ultralytics import YOLO
    except ImportError as error:
        raise MissingExtra("training needs ultralytics", hint='pip install "nexusai[train]"') from error
    loaded = YOLO(folder / SOURCE)
    network = loaded.model
    tensors = {name: value.float().contiguous() for name, value in network.state_dict().items() if value.numel()}
    if not all(torch.isfinite(value).all() for value in tensors.values()):
        raise InvalidModel("the checkpoint holds weights that are no numbers")
    save_file({name: value.clone() for name, value in tensors.items()}, str(folder / WEIGHTS))
    names = network.names if isinstance(network.names, dict) else dict(enumerate(network.names))
    architecture = {key: value for key, value in network.yaml.items() if key != "yaml_file"}
    labels = [str(names[index]) for index in sorted(names)]
    return {"task": loaded.task, "labels": labels, "architecture": json.loads(json.dumps(architecture))}
