"""HTTP predict under the default configuration, at both ends and beyond.

One client against the plain loop of all threads, in blocks taken in turn; eight clients against the plain parallel
loop, less what the clients themselves take of the cores; and three times as many requests as can be answered.
720p JPEG, a YOLO11n-shaped network. MLflow, and LitServe and BentoML where `make peers` has run, serve the same
network in the same run, each beside ours in turn.
"""

import statistics
import tempfile
import threading
import time
from pathlib import Path

import cv2

from registry.access.actor import local_actor
from registry.models.intake import take_in
from registry.models.registry import ModelRegistry
from registry.records import open_database
from registry.settings import PROJECT_ROOT
from registry.testing.platform import Running, lift_limits, running_platform
from registry.vision.samples import find_samples
from tests.perf.clients import HttpPredict, Outcome, closed_loop, open_loop, quantile
from tests.perf.peers import installed_peers
from tests.perf.predict_loop import PredictLoop, make_yolo11n_onnx
from tests.perf.report import Report, machine, spread
from tests.perf.side_by_side import alternate, paired_ratio

BLOCKS = 40
BOUND, LEAST_OF_LIMIT, SLOWEST_IN_A_FLOOD, REFUSED_WITHIN = 1.10, 0.95, 2.0, 0.5
CLIENTS, FLOOD, FLOOD_CLIENTS = 8, 3.0, 48
ROUNDS, ROUND_S, FLOOD_S, FLOOD_SETTLED_S = 3, 10.0, 20.0, 1.0


def main() -> Report:
    """Measure each, then set it against its limit."""
    network = make_yolo11n_onnx(PROJECT_ROOT / "build" / "bench" / "yolo11n-shaped.onnx")
    jpeg = photo_720p()
    with tempfile.TemporaryDirectory(prefix="nexusai-bench-") as folder, running_platform(Path(folder)) as running:
        lift_limits(running)
        publish(running, network, "bench")
        ask, loop = HttpPredict(running, jpeg, "bench"), PredictLoop(network)
        ours, plain = alternate(ask, lambda: loop(jpeg), BLOCKS)
        clients = [HttpPredict(running, jpeg, "bench") for _ in range(FLOOD_CLIENTS)]
        loaded, limit = under_load(clients[:CLIENTS], network, jpeg)
        flood = open_loop(clients, FLOOD * loaded.a_second, FLOOD_S)
        boxes = (len(ask()["detections"]), len(loop(jpeg)))
        peers = {peer.name: peer.beside(clients[:CLIENTS], network, jpeg) for peer in installed_peers()}
    unloaded_ms, slow_ms = sorted(ours)[int(len(ours) * 0.99)], flood.latency_ms(0.99)
    refused_ms = flood_figures(flood)["refusal_p50_ms"]
    return Report(
        name="predict",
        figures={
            "http_ms": spread(ours),
            "eight_clients_a_second": loaded.a_second,
            "eight_clients_ms": {"p50": loaded.latency_ms(0.5), "p99": loaded.latency_ms(0.99)},
            "flood": flood_figures(flood),
            "boxes": boxes[0],
            "stages_ms": ask.stages_ms,
        },
        baseline={"loop_ms": spread(plain), "limit_with_clients_a_second": limit, "boxes": boxes[1], "peers": peers},
        ratio=paired_ratio(ours, plain),
        bound=BOUND,
        repeats=len(ours),
        limits={
            "limit_over_eight_clients": (limit / loaded.a_second, 1 / LEAST_OF_LIMIT),
            "flood_p99_over_unloaded": (slow_ms / unloaded_ms, SLOWEST_IN_A_FLOOD),
            "refusal_over_unloaded": (refused_ms / statistics.median(ours), REFUSED_WITHIN),
            "failed": (float(len(loaded.failed) + len(loaded.refusals) + len(flood.failed)), 0.0),
            **{f"p50_over_{name}": (each["our_p50_over"], 1.0) for name, each in peers.items()},
            **{f"rate_of_{name}_over_ours": (each["rate_over_ours"], 1.0) for name, each in peers.items()},
        },
    )


def under_load(clients: list[HttpPredict], network: Path, jpeg: bytes) -> tuple[Outcome, float]:
    """The best of some rounds of all clients, and of the plain parallel loop with the clients' share taken off.

    A client costs processor time that the loop does not have to share: the limit is what the cores could answer if
    each answer cost what the loop's costs and the client's besides.
    """
    closed_loop(clients, ROUND_S / 4)
    cores, best, limit = int(machine()["cores"]), Outcome(seconds=1.0), 0.0
    for _ in range(ROUNDS):
        loop_a_second = parallel_loop(network, jpeg, cores, ROUND_S)
        own_s = time.process_time()
        found = closed_loop(clients, ROUND_S)
        client_s = (time.process_time() - own_s) / max(len(found.answers), 1)
        best = max(best, found, key=lambda each: each.a_second)
        limit = max(limit, cores / (cores / loop_a_second + client_s))
    return best, limit


def parallel_loop(network: Path, jpeg: bytes, cores: int, seconds: float) -> float:
    """Images a second of one single-thread loop on each core."""
    loops = [PredictLoop(network, threads=1) for _ in range(cores)]
    counts, end = [0] * cores, time.perf_counter() + seconds

    def work(index: int) -> None:
        while time.perf_counter() < end:
            loops[index](jpeg)
            counts[index] += 1

    threads = [threading.Thread(target=work, args=(index,)) for index in range(cores)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - started)


def flood_figures(flood: Outcome) -> dict[str, float]:
    """What became of the requests that were too many; those that came first filled the queue, and waited in it."""
    began = min(ended - took for ended, took in flood.answers)
    settled = [took for ended, took in flood.answers if ended - took - began > FLOOD_SETTLED_S]
    return {
        "accepted_a_second": flood.a_second,
        "accepted_p50_ms": flood.latency_ms(0.5),
        "accepted_p99_ms": flood.latency_ms(0.99),
        "accepted_p99_later_ms": quantile(settled, 0.99) * 1e3 if settled else 0.0,
        "refused": len(flood.refusals),
        "refusal_p50_ms": statistics.median(flood.refusals) * 1e3 if flood.refusals else 0.0,
    }


def publish(running: Running, network: Path, name: str, alias: str = "champion") -> None:
    """Register a network on a running platform."""
    database = open_database(running.settings.records_url)
    take_in(ModelRegistry(running.settings, database), local_actor(), network, name, alias=alias)
    database.close()


def photo_720p() -> bytes:
    """A photograph as a JPEG of 1280 x 720."""
    path = next(sample.path for sample in find_samples() if sample.path.name in {"bus.jpg", "china.jpg"})
    image = cv2.resize(cv2.imread(str(path)), (1280, 720), interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
