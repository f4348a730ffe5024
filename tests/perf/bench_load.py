"""Loading registered models whose files and prepared graphs are in the home's cache, each in a process of its own.

The baseline is plain ONNX Runtime in a process like ours: `InferenceSession(path)` of the same file, which checks no
hash and holds one session, and then its first run. Both processes have loaded and run another model before, so that
neither figure holds what the libraries take once. Growth is what the process's memory (PSS) grew by after the load,
runs alone and, for ours, runs side by side, against the size of the model's file.
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
from tests.perf.bench_swap import variant
from tests.perf.predict_loop import make_yolo11n_onnx
from tests.perf.report import Report

REPEATS = 5
BOUND, GROWTH_MOST, LOAD_MOST_MS = 1.0, 1.5, 300.0
_CHILD = """
import json, os, sys, time
import cv2, numpy as np, psutil
from registry.libraries import prepare_libraries
from registry.settings import load_settings
from registry.access.actor import local_actor
from registry.models.registry import ModelRegistry
from registry.models.serving import Serving
from registry.models.thresholds import Thresholds
from registry.records import open_database
import onnxruntime as ort

def memory():
    return psutil.Process().memory_full_info().pss

what, name, shape, first = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), sys.argv[4]
settings = load_settings()
database = open_database(settings.records_url)
serving = Serving(ModelRegistry(settings, database), settings)
version = serving.resolve(local_actor(), name)
kept = serving._models.files.proven(version)["model.onnx"]
kept.read()
path = str(serving._models.files._place(kept.sha256))
image = np.random.default_rng(0).integers(0, 255, (*shape[2:], 3), np.uint8)
opened, open_ms = serving._loaded._open, []

def timed_open(version):
    started = time.perf_counter()
    network = opened(version)
    open_ms.append((time.perf_counter() - started) * 1e3)
    return network

def ours(name, image):
    started = time.perf_counter()
    loaded = serving.ready(local_actor(), name)
    ready_ms = (time.perf_counter() - started) * 1e3
    for _ in range(3):
        serving.submit(loaded, image, Thresholds()).result()
    for _ in range(3):
        [each.result() for each in [serving.submit(loaded, image, Thresholds()) for _ in range(4)]]
    return open_ms.pop(), ready_ms

def plain(path, tensor):
    started = time.perf_counter()
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    session_ms = (time.perf_counter() - started) * 1e3
    kept.append(session)
    given = {session.get_inputs()[0].name: tensor}
    session.run(None, given)
    ready_ms = (time.perf_counter() - started) * 1e3
    for _ in range(3):
        session.run(None, given)
    return session_ms, ready_ms

kept = []
serving._loaded._open = timed_open
serving.resolve(local_actor(), "first")
if what == "ours":
    ours("first", image)
    before = memory()
    load_ms, ready_ms = ours(name, image)
else:
    tensor = np.zeros(shape, np.float32)
    plain(first, np.zeros((1, 3, 640, 640), np.float32))
    before = memory()
    load_ms, ready_ms = plain(path, tensor)
size, grown = os.path.getsize(path), memory() - before
found = {"load_ms": load_ms, "ready_ms": ready_ms, "growth": grown / size, "size_mb": size / 2**20}
print(json.dumps(found))
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
        first = make_yolo11n_onnx(build / "yolo11n-shaped.onnx")
        publish(running, variant(first, Path(folder), 0), "first")
        for name, (network, shape) in networks.items():
            publish(running, network, name)
            _measured(running.settings, "ours", name, shape, first)  # fills the cache
            taken: dict[str, list[dict[str, float]]] = {"ours": [], "plain": []}
            for _ in range(REPEATS):
                for what, into in taken.items():
                    into.append(_measured(running.settings, what, name, shape, first))
            found[name] = taken
    return _report(found)


def _report(found: dict[str, dict[str, list[dict[str, float]]]]) -> Report:
    def middle(name: str, what: str, figure: str) -> float:
        return statistics.median(each[figure] for each in found[name][what])

    table = {
        what: {
            name: {figure: middle(name, what, figure) for figure in ("load_ms", "ready_ms", "growth", "size_mb")}
            for name in found
        }
        for what in ("ours", "plain")
    }
    ratios = {
        f"{name}_{what}": table["ours"][name][f"{what}_ms"] / table["plain"][name][f"{what}_ms"]
        for name in found
        for what in ("load", "ready")
    }
    return Report(
        name="load",
        figures=table["ours"] | {"ratios": ratios},
        baseline=table["plain"],
        ratio=max(ratios.values()),
        bound=BOUND,
        repeats=REPEATS,
        limits={f"{name}_growth": (table["ours"][name]["growth"], GROWTH_MOST) for name in found}
        | {f"{name}_ready_ms": (table["ours"][name]["ready_ms"], LOAD_MOST_MS) for name in found}
        | {f"{name}_of_plain": (ratio, BOUND) for name, ratio in ratios.items()},
    )


def _measured(settings: Settings, what: str, name: str, shape: list[int], first: Path) -> dict[str, float]:
    command = [sys.executable, "-c", _CHILD, what, name, json.dumps(shape), str(first)]
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
