"""Loading registered models whose files and prepared graphs are in the home's cache, each in a process of its own.

The baseline is what a program does without the library: two ONNX Runtime sessions, one of all threads for a request
that is alone and one of one thread for requests side by side, built from the same file in a process like ours. Growth
is what the process's memory (PSS) grew by after the load and some runs, against the size of the model's file.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from registry.settings import PROJECT_ROOT, Settings, child_environment
from registry.testing.platform import running_platform
from tests.perf.bench_predict import publish
from tests.perf.predict_loop import make_yolo11n_onnx
from tests.perf.report import Report

REPEATS = 5
BOUND, GROWTH_MOST, LOAD_MOST_MS = 1.0, 1.5, 300.0
_CHILD = """
import json, sys, time
import cv2, numpy as np, psutil
from registry.libraries import prepare_libraries
from registry.settings import load_settings
from registry.access.actor import local_actor
from registry.models.registry import ModelRegistry
from registry.models.serving import Serving
from registry.records import open_database
import onnxruntime as ort

def memory():
    return psutil.Process().memory_full_info().pss

def session(path, threads):
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])

what, name, shape = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
settings = load_settings()
database = open_database(settings.records_url)
serving = Serving(ModelRegistry(settings, database), settings)
version = serving.resolve(local_actor(), name)
path = str(next(iter(serving._models.files.fetch(version).values())))
tensor = np.zeros(shape, np.float32)
session(sys.argv[4], 1).run(None, {"input": np.zeros((1, 4), np.float32)})  # the library itself is loaded
before, started = memory(), time.perf_counter()
if what == "ours":
    loaded = serving.ready(local_actor(), name)
    took = time.perf_counter() - started
    run = lambda: loaded.network.run(np.zeros((*shape[2:], 3), np.uint8))
else:
    wide, narrow = session(path, serving.engine.slots), session(path, 1)
    took = time.perf_counter() - started
    run = lambda: [each.run(None, {each.get_inputs()[0].name: tensor}) for each in (wide, narrow)]
for _ in range(3):
    run()
size = sum(len(open(file, "rb").read()) for file in [path])
print(json.dumps({"load_ms": took * 1e3, "growth": (memory() - before) / size, "size_mb": size / 2**20}))
serving.close()
"""


def main() -> Report:
    """Three models of growing size, ours and plain in turn."""
    build = PROJECT_ROOT / "build" / "bench"
    networks = {
        "yolo11n": (make_yolo11n_onnx(build / "yolo11n-shaped.onnx"), [1, 3, 640, 640]),
        "resnet50": (_classifier(build / "resnet50-shaped.onnx", "resnet50"), [1, 3, 224, 224]),
        "resnet152": (_classifier(build / "resnet152-shaped.onnx", "resnet152"), [1, 3, 224, 224]),
    }
    found: dict[str, dict[str, list[dict[str, float]]]] = {}
    with tempfile.TemporaryDirectory(prefix="nexusai-bench-") as folder, running_platform(Path(folder)) as running:
        small = _smallest(Path(folder) / "small.onnx")
        for name, (network, shape) in networks.items():
            publish(running, network, name)
            _measured(running.settings, "ours", name, shape, small)  # fills the cache
            taken: dict[str, list[dict[str, float]]] = {"ours": [], "plain": []}
            for _ in range(REPEATS):
                for what, into in taken.items():
                    into.append(_measured(running.settings, what, name, shape, small))
            found[name] = taken
    return _report(found)


def _report(found: dict[str, dict[str, list[dict[str, float]]]]) -> Report:
    def middle(name: str, what: str, figure: str) -> float:
        return statistics.median(each[figure] for each in found[name][what])

    table = {
        what: {
            name: {figure: middle(name, what, figure) for figure in ("load_ms", "growth", "size_mb")} for name in found
        }
        for what in ("ours", "plain")
    }
    ratios = [table["ours"][name]["load_ms"] / table["plain"][name]["load_ms"] for name in found]
    return Report(
        name="load",
        figures=table["ours"],
        baseline=table["plain"],
        ratio=max(ratios),
        bound=BOUND,
        repeats=REPEATS,
        limits={f"{name}_growth": (table["ours"][name]["growth"], GROWTH_MOST) for name in found}
        | {f"{name}_load_ms": (table["ours"][name]["load_ms"], LOAD_MOST_MS) for name in found},
    )


def _measured(settings: Settings, what: str, name: str, shape: list[int], small: Path) -> dict[str, float]:
    command = [sys.executable, "-c", _CHILD, what, name, json.dumps(shape), str(small)]
    done = subprocess.run(command, env=child_environment(settings), capture_output=True, text=True, check=True)
    answer: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


def _classifier(path: Path, architecture: str) -> Path:
    """A torchvision network with seeded random weights, exported unless it is there."""
    if path.exists():
        return path
    import torch
    import torchvision

    torch.manual_seed(7)
    network = torchvision.models.get_model(architecture, weights=None).eval()
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(network, (torch.zeros(1, 3, 224, 224),), str(path), dynamo=False, input_names=["images"])
    return path


def _smallest(path: Path) -> Path:
    import onnx
    from onnx import TensorProto, helper

    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in ("input", "output")]
    graph = helper.make_graph([helper.make_node("Relu", ["input"], ["output"])], "small", value[:1], value[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path
