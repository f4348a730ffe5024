"""Twenty hot swaps under load: no request fails, and none waits noticeably longer than without a swap.

The baseline is the same load in the same run while nothing is swapped. A gap is the time between two answers of one
client.
"""

import json
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import onnx

from registry.settings import PROJECT_ROOT
from registry.testing.platform import Running, lift_limits, running_platform
from tests.perf.bench_predict import photo_720p, publish
from tests.perf.clients import HttpPredict, Outcome, closed_loop, quantile
from tests.perf.predict_loop import make_yolo11n_onnx
from tests.perf.report import Report

SWAPS, CLIENTS, EVERY_S = 20, 4, 1.5
BOUND, _CLASSES = 2.0, 80


def main() -> Report:
    """Steady load, then the same load with the alias moved to and fro."""
    network = make_yolo11n_onnx(PROJECT_ROOT / "build" / "bench" / "yolo11n-shaped.onnx")
    jpeg = photo_720p()
    with tempfile.TemporaryDirectory(prefix="nexusai-bench-") as folder, running_platform(Path(folder)) as running:
        lift_limits(running)
        for number in range(SWAPS):
            publish(running, variant(network, Path(folder), number), "bench", alias="")
        move(running, 1)
        clients = [HttpPredict(running, jpeg, "bench") for _ in range(CLIENTS)]
        closed_loop(clients, EVERY_S)
        steady = closed_loop(clients, SWAPS * EVERY_S / 2)
        swapped, moved_s = swap_under_load(running, clients)
    steady_ms, swapped_ms = steady.latency_ms(0.99), swapped.latency_ms(0.99)
    return Report(
        name="swap",
        figures={
            "p99_ms": swapped_ms,
            "p50_ms": swapped.latency_ms(0.5),
            "versions_seen": len(swapped.versions),
            "move_p50_s": quantile(moved_s, 0.5),
            "failures": swapped.failed[:5],
        },
        baseline={"p99_ms": steady_ms, "p50_ms": steady.latency_ms(0.5)},
        ratio=swapped_ms / steady_ms,
        bound=BOUND,
        repeats=SWAPS,
        limits={
            "failed": (float(len(swapped.failed)), 0.0),
            "refused": (float(len(swapped.refusals)), 0.0),
            "swaps_not_seen": (float(SWAPS - len(swapped.versions)), 0.0),
            "versions_mixed_up": (
                float(sum(not label.endswith(_of(version)) for version, label in swapped.labels)),
                0.0,
            ),
        },
    )


def variant(network: Path, folder: Path, number: int) -> Path:
    """The same network with a label of its own: nothing of one version helps to load the next or passes for it."""
    model = onnx.load(network)
    names = next(each for each in model.metadata_props if each.key == "names")
    names.value = repr({index: f"thing {index}{_of(number + 1)}" for index in range(_CLASSES)})
    path = folder / f"variant-{number}.onnx"
    onnx.save(model, path)
    return path


def _of(version: int) -> str:
    """How everything ends that a version names."""
    return f" of version {version}"


def swap_under_load(running: Running, clients: list[HttpPredict]) -> tuple[Outcome, list[float]]:
    """Move the alias SWAPS times while the clients ask; with the seconds that each move took."""
    moved_s: list[float] = []

    def moves() -> None:
        for number in [*range(2, SWAPS + 1), 1]:
            started = time.perf_counter()
            move(running, number)
            moved_s.append(time.perf_counter() - started)
            time.sleep(max(0.0, EVERY_S - moved_s[-1]))

    moving = threading.Thread(target=moves)
    moving.start()
    outcome = Outcome()
    while moving.is_alive():
        part = closed_loop(clients, EVERY_S)
        outcome.answers += part.answers
        outcome.failed += part.failed
        outcome.refusals += part.refusals
        outcome.versions |= part.versions
        outcome.labels |= part.labels
        outcome.seconds += part.seconds
    moving.join()
    return outcome, moved_s


def move(running: Running, version: int) -> None:
    """Let `champion` name a version, as an administrator would over HTTP."""
    token = _post(running, "POST", "/api/v1/auth/login", {"username": running.username, "password": running.password})
    path = "/api/v1/models/bench/aliases/champion"
    _post(running, "PUT", path, {"version": version}, token["access_token"])


def _post(running: Running, method: str, path: str, body: dict, token: str = "") -> dict:  # type: ignore[type-arg]
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(running.url + path, json.dumps(body).encode(), headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)  # type: ignore[no-any-return]
