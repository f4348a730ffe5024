"""A torch network to ONNX, with the proof that both say the same."""

import io
from typing import TYPE_CHECKING

import numpy as np

from registry.errors import InvalidModel, MissingExtra
from registry.training.onnx_file import finish

if TYPE_CHECKING:
    import torch
    from torch import nn

OPSET = 18
TOLERANCE = 1e-3


def to_onnx(network: "nn.Module", shape_chw: tuple[int, int, int], opset: int = OPSET) -> tuple[bytes, float]:
    """ONNX bytes of a network from images (batch, channels, height, width) float32, with a free batch.

    Returns them with the greatest difference between torch and ONNX Runtime on random images. The network
    is left in evaluation mode. Raises MissingExtra without torch, InvalidModel when the network cannot be
    exported or the two differ by more than TOLERANCE.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingExtra("torch is not installed", hint='pip install "nexusai[train]"') from error
    images = torch.from_numpy(np.random.default_rng(0).random((4, *shape_chw), np.float32))
    buffer = io.BytesIO()
    try:
        torch.onnx.export(
            network.eval(),
            (images,),
            buffer,
            input_names=["images"],
            output_names=["output0"],
            dynamic_axes={"images": {0: "batch"}, "output0": {0: "batch"}},
            opset_version=opset,
            dynamo=False,
        )
    except (RuntimeError, ValueError, TypeError) as error:
        raise InvalidModel(f"torch cannot export this network to ONNX: {str(error).splitlines()[0]}") from error
    data = finish(buffer.getvalue())
    difference = _difference(network, data, images)
    if not difference <= TOLERANCE:
        raise InvalidModel(f"the exported network differs from torch by {difference:.2g}, more than {TOLERANCE:g}")
    return data, difference


def _difference(network: "nn.Module", data: bytes, images: "torch.Tensor") -> float:
    import onnxruntime
    import torch

    with torch.inference_mode():
        expected = network(images).numpy()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    answer = np.asarray(session.run(None, {"images": images.numpy()})[0])
    return float(np.abs(answer - expected).max())
