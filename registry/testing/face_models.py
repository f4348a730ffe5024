"""A tiny network with the outputs of YuNet: it takes bright squares for faces."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from registry.runtime.card import Decoder, InputSpec, ModelCard, Task, Thresholds
from registry.runtime.yunet import POINTS, STRIDES

SIDE = 64
FACE_CARD = ModelCard(
    task=Task.POSE,
    decoder=Decoder.YUNET,
    labels=("face",),
    keypoint_shape=(5, 2),
    input=InputSpec(height=SIDE, width=SIDE, colour="bgr", scale=1.0, pad_value=0),
    thresholds=Thresholds(confidence=0.6, iou=0.3),
)


def bright_face_detector(side: int = SIDE, seed: int = 0) -> bytes:
    """(1, 3, side, side) of 0..255 to YuNet's twelve outputs, `cls_8` to `kps_32`.

    A cell's scores grow with its brightness; box and points follow its mean colour by seeded random weights.
    """
    random = np.random.default_rng(seed)
    nodes, outputs, weights = [], [], []
    for kind, width in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 2 * POINTS)):
        for stride in STRIDES:
            name, cells = f"{kind}_{stride}", (side // stride) ** 2
            scale = np.full((width, 3), 1 / (3 * 255)) if width == 1 else random.uniform(-1, 1, (width, 3)) / 255
            weights.append(numpy_helper.from_array(scale.astype(np.float32)[:, :, None, None], f"{name}_weight"))
            weights.append(numpy_helper.from_array(np.array([1, cells, width], np.int64), f"{name}_shape"))
            nodes += [
                helper.make_node(
                    "AveragePool", ["input"], [f"{name}_mean"], kernel_shape=[stride] * 2, strides=[stride] * 2
                ),
                helper.make_node("Conv", [f"{name}_mean", f"{name}_weight"], [f"{name}_map"], kernel_shape=[1, 1]),
                helper.make_node("Transpose", [f"{name}_map"], [f"{name}_last"], perm=[0, 2, 3, 1]),
                helper.make_node("Reshape", [f"{name}_last", f"{name}_shape"], [name]),
            ]
            outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, cells, width)))
    image = helper.make_tensor_value_info("input", TensorProto.FLOAT, (1, 3, side, side))
    graph = helper.make_graph(nodes, "faces", [image], outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
