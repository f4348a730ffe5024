"""One image from Python: what `nx.load(name).predict(image)` adds to the session's own time, and ultralytics.

The session's time is that of a plain session of all threads on the tensor that the library makes of the picture. The
bare runtime below the registry, which asks nobody for a version, is told beside.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort

import registry as nx
from registry.access.actor import local_actor
from registry.models.intake import take_in
from registry.models.process import running_mlflow
from registry.models.registry import ModelRegistry
from registry.models.serving import Serving
from registry.records import open_database
from registry.runtime.adaptive_session import Host
from registry.runtime.infer_card import infer_card
from registry.runtime.loading import load
from registry.runtime.metrics import EngineMetrics
from registry.runtime.preprocess import preprocess
from registry.settings import PROJECT_ROOT, load_settings
from tests.perf.bench_predict import photo_720p
from tests.perf.predict_loop import make_yolo11n_onnx
from tests.perf.report import Report, spread

BLOCKS, BLOCK, WARM_UP = 30, 4, 5
ADDED_RATIO, ADDED_MS = 1.05, 6.0
_PAUSE_S = 0.1


def main() -> Report:
    """Blocks of the library, the bare session and ultralytics, in turn."""
    network = make_yolo11n_onnx(PROJECT_ROOT / "build" / "bench" / "yolo11n-shaped.onnx")
    image_bgr = cv2.imdecode(np.frombuffer(photo_720p(), np.uint8), cv2.IMREAD_COLOR)
    with tempfile.TemporaryDirectory(prefix="nexusai-bench-") as folder, registered(network, Path(folder)) as model:
        calls = {
            "library": lambda: model.predict(image_bgr),
            "runtime": runtime(network, image_bgr, Path(folder)),
            "session": bare_session(network, image_bgr),
            "ultralytics": ultralytics_predict(network, image_bgr),
        }
        times = in_turn(calls, BLOCKS)
    ours = statistics.median(times["library"])
    allowed = ADDED_RATIO * statistics.median(times["session"]) + ADDED_MS
    return Report(
        name="python",
        figures={"library_ms": spread(times["library"]), "runtime_ms": spread(times["runtime"])},
        baseline={name: spread(times[name]) for name in ("session", "ultralytics")},
        ratio=ours / statistics.median(times["ultralytics"]),
        bound=1.0,
        repeats=BLOCKS * BLOCK,
        limits={"over_session_time": (ours / allowed, 1.0)},
    )


@contextmanager
def registered(network: Path, folder: Path) -> Iterator[nx.Model]:
    """What `nx.load` gives for the network, published to a registry of its own."""
    settings = load_settings(home=folder / "home")
    settings.prepare_home()
    database = open_database(settings.records_url)
    database.upgrade()
    with running_mlflow(settings):
        models = ModelRegistry(settings, database)
        take_in(models, local_actor(), network, "bench", alias="champion")
        serving = Serving(models, settings)
        yield nx.Model(serving.resolve(local_actor(), "bench"), serving)
        serving.close()
    database.close()


def runtime(network: Path, image_bgr: np.ndarray, folder: Path) -> Callable[[], object]:
    """The graph as serving loads it, asked by one caller."""
    data = network.read_bytes()
    host = Host(os.cpu_count() or 1, lambda: True, EngineMetrics(), folder)
    model = load({"model.onnx": data}, infer_card(data), host=host)
    return lambda: model.predict(image_bgr)


def bare_session(network: Path, image_bgr: np.ndarray) -> Callable[[], object]:
    """Nothing but the graph, on a tensor that is ready."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = os.cpu_count() or 1
    session = ort.InferenceSession(str(network), options, providers=["CPUExecutionProvider"])
    tensor, _ = preprocess(image_bgr, infer_card(network.read_bytes()).input)
    return lambda: session.run(None, {session.get_inputs()[0].name: tensor})


def ultralytics_predict(network: Path, image_bgr: np.ndarray) -> Callable[[], object]:
    """`YOLO(file).predict` with the rectangle that the dynamic export allows."""
    from ultralytics import YOLO

    model = YOLO(str(network), task="detect")
    return lambda: model.predict(image_bgr, verbose=False, rect=True, device="cpu")


def in_turn(calls: dict[str, Callable[[], object]], blocks: int) -> dict[str, list[float]]:
    """Milliseconds of each call, in blocks taken in turn after a warm-up."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        for _ in range(WARM_UP):
            call()
    for _ in range(blocks):
        for name, call in calls.items():
            time.sleep(_PAUSE_S)  # lets the others' spinning threads rest
            call()
            for _ in range(BLOCK):
                started = time.perf_counter()
                call()
                times[name].append((time.perf_counter() - started) * 1e3)
    return times
