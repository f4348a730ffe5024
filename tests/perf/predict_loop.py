"""The plain loop that HTTP predict is measured against: decode, letterbox, run, suppress.

Written without the library on purpose: this is what a person would put in a notebook cell for one model, with
nothing around it. `make_yolo11n_onnx` writes the network it runs: YOLO11n's architecture with seeded random
weights whose head is adjusted so that a photograph gives some hundred boxes of varied scores; or, for the tests, its
relatives that segment, find poses or classify.
"""

import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime as ort

CONFIDENCE = 0.25
IOU = 0.7
MAX_DETECTIONS = 300


class PredictLoop:
    """One image at a time through one session. `size` is the longer side in pixels, padding goes to multiples of 32."""

    def __init__(self, onnx_path: Path, threads: int = 2, size: int = 640) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self.session = ort.InferenceSession(str(onnx_path), options, providers=["CPUExecutionProvider"])
        self.input_name = self.session.get_inputs()[0].name
        self.size = size

    def __call__(self, jpeg: bytes) -> list[dict[str, Any]]:
        """JPEG bytes to rows of box (xyxy, source pixels), class id and score."""
        return self.look(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR))

    def look(self, image: np.ndarray) -> list[dict[str, Any]]:
        """The same for (h, w, 3) uint8 BGR."""
        height, width = image.shape[:2]
        ratio = min(self.size / height, self.size / width)
        new_w, new_h = round(width * ratio), round(height * ratio)
        pad_w, pad_h = -new_w % 32, -new_h % 32
        left, top = pad_w // 2, pad_h // 2
        small = cv2.resize(image, (new_w, new_h))
        small = cv2.copyMakeBorder(small, top, pad_h - top, left, pad_w - left, cv2.BORDER_CONSTANT, value=(114,) * 3)
        tensor = np.empty((1, 3, *small.shape[:2]), np.float32)
        for channel in range(3):
            np.divide(small[:, :, 2 - channel], np.float32(255), out=tensor[0, channel])
        output = self.session.run(None, {self.input_name: tensor})[0][0]
        boxes, scores, classes = self._suppress(output)
        boxes = (boxes - [left, top, left, top]) / ratio
        boxes = boxes.clip(0, [width, height, width, height])
        return [
            {"box": box.tolist(), "class_id": int(class_id), "score": float(score)}
            for box, class_id, score in zip(boxes, classes, scores, strict=True)
        ]

    @staticmethod
    def _suppress(output: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(4 + labels, anchors) to boxes xyxy, scores and class ids after class-aware suppression."""
        best = output[4:].max(axis=0)
        rows = output[:, best > CONFIDENCE].T
        if not len(rows):
            return np.zeros((0, 4)), np.zeros(0), np.zeros(0, int)
        classes = rows[:, 4:].argmax(axis=1)
        scores = rows[:, 4:].max(axis=1)
        corners = np.concatenate([rows[:, :2] - rows[:, 2:4] / 2, rows[:, 2:4]], axis=1)
        shifted = corners + classes[:, None] * np.array([7680.0, 7680.0, 0, 0])
        kept = np.asarray(cv2.dnn.NMSBoxes(shifted.tolist(), scores.tolist(), CONFIDENCE, IOU), int)[:MAX_DETECTIONS]
        corners[:, 2:] += corners[:, :2]
        return corners[kept], scores[kept], classes[kept]


def make_yolo11n_onnx(path: Path, *, dynamic: bool = True, nms: bool = False, architecture: str = "yolo11n") -> Path:
    """Export the YOLO11n-shaped network to `path` unless it is there; returns `path`.

    `architecture` is also `yolo11n-seg`, `yolo11n-pose` or `yolo11n-cls`. `nms` builds suppression into the graph.
    Needs ultralytics and torch, and writes beside `path` first.
    """
    if path.exists():
        return path
    import shutil

    path.parent.mkdir(parents=True, exist_ok=True)
    model = _lively_yolo11n(architecture)
    model.model.names = {index: f"thing {index}" for index in range(model.model.yaml["nc"])}
    working = path.with_suffix(".pt")
    model.ckpt_path = str(working)
    model.model.pt_path = str(working)
    size = 224 if architecture.endswith("-cls") else 640
    exported = Path(model.export(format="onnx", imgsz=size, dynamic=dynamic, nms=nms, verbose=False, device="cpu"))
    if exported.resolve() != path.resolve():
        shutil.move(exported, path)
    return path


def _lively_yolo11n(architecture: str) -> Any:
    """YOLO11n with seeded weights: batch norms calibrated on noise, class logits stretched to a usual spread."""
    import torch
    from ultralytics import YOLO
    from ultralytics.utils import ASSETS

    torch.manual_seed(7)
    model = YOLO(f"{architecture}.yaml")
    network = model.model.float()
    images = [cv2.resize(cv2.imread(str(ASSETS / name)), (640, 640)) for name in ("bus.jpg", "zidane.jpg")]
    batch = torch.from_numpy(np.stack(images)[..., ::-1].transpose(0, 3, 1, 2).copy()).float() / 255
    batch = torch.cat([batch, batch.flip(3), torch.rand_like(batch)])
    with torch.no_grad():
        network.train()
        for _ in range(12):
            network(batch)
        network.eval()
        head = network.model[-1]
        if architecture.endswith("-cls"):
            (logits,) = _outputs(network, [[head.linear]], batch)
            stretch = 3 / (logits - logits.mean(dim=0)).std()
            head.linear.bias.copy_((head.linear.bias - logits.mean(dim=0)) * stretch)
            head.linear.weight.mul_(stretch)
            return model
        for branch, logits in zip(head.cv3, _outputs(network, head.cv3, batch[:2]), strict=True):
            last = branch[-1]
            mean, spread = logits.mean(dim=(0, 2, 3)), logits.std(dim=(0, 2, 3)) + 1e-6
            stretch = 1.6 / spread
            raised = ((logits - mean.view(1, -1, 1, 1)) * stretch.view(1, -1, 1, 1)).amax(dim=1)
            last.bias.copy_((last.bias - mean) * stretch - torch.quantile(raised.flatten(), 0.95) - 1.2)
            last.weight.mul_(stretch.view(-1, 1, 1, 1))
        for branch in (*head.cv2, *getattr(head, "cv4", ())):
            branch[-1].weight.mul_(6.0)
        if architecture.endswith("-seg"):  # coefficients of both signs, or most masks would be empty
            for branch, weights in zip(head.cv4, _outputs(network, head.cv4, batch[:2]), strict=True):
                branch[-1].bias.sub_(weights.mean(dim=(0, 2, 3)))
    return model


def _outputs(network: Any, branches: Any, batch: Any) -> list[Any]:
    """What each branch of the head answers for a batch."""
    captured: list[Any] = []
    hooks = [branch[-1].register_forward_hook(lambda _m, _i, out: captured.append(out)) for branch in branches]
    network(batch)
    for hook in hooks:
        hook.remove()
    return captured


if __name__ == "__main__":
    print(make_yolo11n_onnx(Path(sys.argv[1] if len(sys.argv) > 1 else "build/yolo11n-dynamic.onnx")))
