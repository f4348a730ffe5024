"""A detector's checkpoint to ONNX, in a process of its own."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from registry.training.onnx_file import finish
from registry.training.yolo_process import provide_font, run_child


class DetectorExportJob(BaseModel):
    """A checkpoint, and the ONNX file to write."""

    model_config = ConfigDict(frozen=True)

    checkpoint: Path
    onnx: Path
    size_px: int
    opset: int


def export_detector(job: DetectorExportJob) -> float:
    """Write `job.onnx` with free batch, height and width, and the raw head's output (batch, 4 + labels, anchors).

    Returns the greatest difference between torch and ONNX Runtime on one random picture. A checkpoint is a
    pickle: pass none that was not written here. Raises ProcessFailed.
    """
    absolute = {"checkpoint": job.checkpoint.absolute(), "onnx": job.onnx.absolute()}
    results = [line for line in run_child(__name__, job.model_copy(update=absolute)) if line.startswith('{"parity"')]
    return float(json.loads(results[0])["parity"])


def main(request: Path) -> None:
    """The child: export as the job file says, with scratch files beside it."""
    from ultralytics import YOLO

    job = DetectorExportJob.model_validate_json(request.read_text(encoding="utf-8"))
    scratch = request.parent
    provide_font(scratch)
    local = scratch / "model.pt"  # the ONNX file appears beside the checkpoint
    shutil.copyfile(job.checkpoint, local)
    model = YOLO(local)
    written = model.export(
        format="onnx", imgsz=job.size_px, opset=job.opset, dynamic=True, simplify=True, nms=False, device="cpu"
    )
    job.onnx.write_bytes(finish(Path(written).read_bytes()))
    sys.stdout.write(json.dumps({"parity": _parity(YOLO(local).model, job)}) + "\n")


def _parity(network: Any, job: DetectorExportJob) -> float:
    import numpy as np
    import onnxruntime
    import torch

    # another shape than the traced one, so that a size frozen in the graph shows
    pixels = np.random.default_rng(0).random((1, 3, job.size_px, job.size_px + 64), np.float32)
    with torch.inference_mode():
        expected = network.float().eval()(torch.from_numpy(pixels))[0].numpy()
    session = onnxruntime.InferenceSession(str(job.onnx), providers=["CPUExecutionProvider"])
    answer = np.asarray(session.run(None, {session.get_inputs()[0].name: pixels})[0])
    return float(np.abs(answer - expected).max())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
