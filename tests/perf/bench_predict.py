"""HTTP predict against the plain loop: one client, 720p JPEG, a YOLO11n-shaped network, blocks in turn."""

import http.client
import json
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import cv2

from registry.access.actor import local_actor
from registry.models.intake import take_in
from registry.models.registry import ModelRegistry
from registry.records import open_database
from registry.settings import PROJECT_ROOT
from registry.testing.platform import Running, running_platform
from registry.vision.samples import find_samples
from tests.perf.predict_loop import PredictLoop, make_yolo11n_onnx
from tests.perf.report import Report, spread

BLOCKS, BLOCK, WARM_UP = 40, 4, 10
BOUND = 1.15
_PAUSE_S = 0.2  # lets the other side's spinning threads rest


def main() -> Report:
    """Alternate blocks of both and compare each block's median with its neighbour's."""
    network = make_yolo11n_onnx(PROJECT_ROOT / "build" / "bench" / "yolo11n-shaped.onnx")
    jpeg = photo_720p()
    with tempfile.TemporaryDirectory(prefix="nexusai-bench-") as folder, running_platform(Path(folder)) as running:
        publish(running, network, "bench")
        ask = HttpPredict(running, jpeg, "bench")
        loop = PredictLoop(network)
        ours, plain = alternate(ask, lambda: loop(jpeg))
        boxes = (len(ask()["detections"]), len(loop(jpeg)))
    return Report(
        name="predict",
        figures={"http_ms": spread(ours), "boxes": boxes[0], "stages_ms": ask.stages_ms},
        baseline={"name": "plain loop, one session of 2 threads", "loop_ms": spread(plain), "boxes": boxes[1]},
        ratio=paired_ratio(ours, plain),
        bound=BOUND,
        repeats=BLOCKS * BLOCK,
        limits={},
    )


def alternate(ours: Callable[[], object], plain: Callable[[], object]) -> tuple[list[float], list[float]]:
    """Milliseconds of each call, in blocks taken in turn after a warm-up."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(WARM_UP):
        ours()
        plain()
    for _ in range(BLOCKS):
        for call, into in zip((ours, plain), times, strict=True):
            time.sleep(_PAUSE_S)
            call()  # the first after a pause is not counted
            for _ in range(BLOCK):
                started = time.perf_counter()
                call()
                into.append((time.perf_counter() - started) * 1e3)
    return times


def paired_ratio(ours: list[float], plain: list[float]) -> float:
    """The median over the blocks of ours against plain: a machine that slows down for a while slows both."""
    blocks = range(0, len(ours), BLOCK)
    pairs = [(statistics.median(ours[at : at + BLOCK]), statistics.median(plain[at : at + BLOCK])) for at in blocks]
    return statistics.median(mine / theirs for mine, theirs in pairs)


class HttpPredict:
    """One request after another on one connection, with as little of a client as possible."""

    def __init__(self, running: Running, image: bytes, model: str) -> None:
        address = urlsplit(running.url)
        self._connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
        boundary = uuid.uuid4().hex
        field = f'--{boundary}\r\nContent-Disposition: form-data; name="model"\r\n\r\n{model}\r\n'
        file = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="x.jpg"\r\n\r\n'
        self._body = field.encode() + file.encode() + image + f"\r\n--{boundary}--\r\n".encode()
        self._headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        given = json.dumps({"username": running.username, "password": running.password})
        token = self._call("/api/v1/auth/login", given.encode(), {"Content-Type": "application/json"})["access_token"]
        self._headers["Authorization"] = f"Bearer {token}"
        self._stages: list[dict[str, float]] = []

    def __call__(self) -> dict:  # type: ignore[type-arg]
        """The answer to one request."""
        answer = self._call("/api/v1/inference/predict", self._body, self._headers)
        self._stages.append(answer["timing_ms"])
        return answer

    @property
    def stages_ms(self) -> dict[str, float]:
        """The median of each stage that the server reported."""
        return {name: statistics.median(each[name] for each in self._stages) for name in self._stages[0]}

    def _call(self, path: str, body: bytes, headers: dict[str, str]) -> dict:  # type: ignore[type-arg]
        self._connection.request("POST", path, body, headers)
        response = self._connection.getresponse()
        content = response.read()
        if response.status != 200:
            raise RuntimeError(f"{path}: {response.status} {content[:300]!r}")
        return json.loads(content)  # type: ignore[no-any-return]


def publish(running: Running, network: Path, name: str) -> None:
    """Register a network on a running platform."""
    database = open_database(running.settings.records_url)
    take_in(ModelRegistry(running.settings, database), local_actor(), network, name)
    database.close()


def photo_720p() -> bytes:
    """A photograph as a JPEG of 1280 x 720."""
    path = next(sample.path for sample in find_samples() if sample.path.name in {"bus.jpg", "china.jpg"})
    image = cv2.resize(cv2.imread(str(path)), (1280, 720), interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
