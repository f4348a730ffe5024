"""A classifier to ONNX."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from registry.training.glyphs import SIDE_PX
from registry.training.onnx_file import finish

if TYPE_CHECKING:
    from torch import nn


def export_classifier(network: "nn.Module", path: Path, opset: int) -> float:
    """Write `path`: pixels (batch, 1, 32, 32) in 0 to 1 to logits (batch, 10), with a free batch.

    Returns the greatest difference between torch and ONNX Runtime on random pictures.
    """
    import onnxruntime
    import torch

    pixels = torch.from_numpy(np.random.default_rng(0).random((4, 1, SIDE_PX, SIDE_PX), np.float32))
    buffer = io.BytesIO()
    torch.onnx.export(
        network,
        (pixels,),
        buffer,
        input_names=["pixels"],
        output_names=["logits"],
        dynamic_axes={"pixels": {0: "batch"}, "logits": {0: "batch"}},
        opset_version=opset,
        dynamo=False,
    )
    path.write_bytes(finish(buffer.getvalue()))
    with torch.inference_mode():
        expected = network(pixels).numpy()
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    answer = np.asarray(session.run(None, {"pixels": pixels.numpy()})[0])
    return float(np.abs(answer - expected).max())
