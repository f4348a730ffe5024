"""Twenty hot swaps on four live cameras: each frame ends in exactly one of old, new, dropped; none is lost or fails."""

from registry.settings import PROJECT_ROOT
from registry.streams import Detector
from tests.perf.bench_swap import variant
from tests.perf.camera_run import asking, engine_of, home
from tests.perf.camera_sources import clip, sources
from tests.perf.camera_swaps import swap
from tests.perf.predict_loop import make_yolo11n_onnx
from tests.perf.report import Report
from tests.perf.square_network import make_square_network

SWAPS, CAMERAS, EVERY_S = 20, 4, 0.5


def main() -> Report:
    """Swap to and fro between two engines."""
    shaped = make_yolo11n_onnx(PROJECT_ROOT / "build" / "bench" / "yolo11n-shaped.onnx")
    network = make_square_network(shaped, PROJECT_ROOT / "build" / "bench" / "yolo11n-square.onnx")
    with home() as settings, sources(CAMERAS, clip(1.0)) as source:
        other = variant(network, settings.home, 2)
        with engine_of(settings, network, 1) as one, engine_of(settings, other, 2) as two:
            detectors = [Detector(each.version.reference, asking(each)) for each in (one, two)]
            told = swap(source.urls, detectors, SWAPS, EVERY_S)
    frames = sum(told["ends"].values())
    return Report(
        name="camera_swap",
        figures={"cameras": CAMERAS, "frames": frames, **told},
        baseline={"name": "every frame that came, each with one end"},
        ratio=(told["lost"] + told["twice"]) / frames,
        bound=0.0,
        repeats=SWAPS,
        limits={
            "failed": (float(told["ends"].get("failed", 0)), 0.0),
            "told_otherwise": (float(told["told_otherwise"]), 0.0),
            "swaps_not_seen": (float(SWAPS * CAMERAS - sum(told["changes"])), 0.0),
        },
    )
