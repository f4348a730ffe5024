"""Backends for a GPU on a real one: `make test-gpu`, or deploy/gpu_check.sh on a machine without the project."""

import statistics
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from registry.runtime import machine
from registry.runtime.adaptive_session import AdaptiveSession, Host
from registry.runtime.backends import Standing, survey
from registry.runtime.card import ModelCard
from registry.runtime.host_choice import Backend, HostChoice
from registry.runtime.loading import load
from registry.runtime.metrics import EngineMetrics
from registry.runtime.onnx_session import OnnxSession
from registry.runtime.providers import CUDA, TENSORRT, tensorrt_version
from registry.settings import PROJECT_ROOT
from registry.testing import onnx_models as tiny
from registry.testing.requirements import miss

pytestmark = pytest.mark.gpu

STARTER = PROJECT_ROOT / "data" / "starter" / "digit-detector"
SAMPLES = sorted((PROJECT_ROOT / "data" / "samples").glob("*.jpg"))


@pytest.fixture(autouse=True)
def gpu() -> None:
    if not machine.gpus():
        miss("an NVIDIA GPU", "run this where nvidia-smi lists one")


@pytest.fixture(scope="module")
def standings() -> dict[Backend, Standing]:
    return {each.backend: each for each in survey()}


@pytest.fixture
def tensorrt(standings: dict[Backend, Standing]) -> None:
    if not tensorrt_version():
        miss("TensorRT 10", 'pip install "tensorrt-cu13>=10,<11"')
    assert standings[Backend.TENSORRT].usable, standings[Backend.TENSORRT]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(2, lambda: True, EngineMetrics(), tmp_path / "prepared", tmp_path / "engines")


def same_answers(host: Host, backend: Backend, provider: str) -> None:
    """The starter's answers by a backend are those of the processor, on every sample."""
    card = ModelCard.parse((STARTER / "card.json").read_bytes())
    files = {"model.onnx": STARTER / "model.onnx"}
    plain, other = load(files, card, threads=2), load(files, card, host=host, choice=HostChoice(backend=backend))
    assert other.providers[0] == provider
    found = 0
    for path in SAMPLES:
        image = cv2.imread(str(path))
        ours, theirs = other.predict(image).detections, plain.predict(image).detections
        assert np.array_equal(ours.class_id, theirs.class_id)
        assert np.abs(ours.xyxy - theirs.xyxy).max(initial=0) < 0.5, "pixels"
        assert np.abs(ours.confidence - theirs.confidence).max(initial=0) < 0.005
        found += len(ours)
    assert found > 10


def test_doctor_finds_the_gpu_and_has_run_a_graph_on_it(standings: dict[Backend, Standing]) -> None:
    standing = standings[Backend.CUDA]
    assert standing.usable, f"{standing.detail} {standing.hint}"
    assert machine.gpus()[0].name in standing.detail
    tensorrt = standings[Backend.TENSORRT]
    assert tensorrt.usable or ("libnvinfer" in tensorrt.detail and "pip install" in tensorrt.hint), tensorrt


def test_cuda_answers_as_the_processor_does(host: Host) -> None:
    same_answers(host, Backend.CUDA, CUDA)


def test_cuda_is_really_used(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    data = (STARTER / "model.onnx").read_bytes()
    image = np.random.default_rng(0).random((8, 3, 640, 640), np.float32)
    on_gpu, plain = OnnxSession(data, 1, Backend.CUDA), OnnxSession(data, 1)
    took = {name: milliseconds(session, image) for name, session in (("CUDA", on_gpu), ("one core", plain))}
    with capsys.disabled():
        print(f"\n  eight images of 640 x 640: {took}")
    assert took["CUDA"] < took["one core"]


def test_tensorrt_answers_as_the_processor_does(tensorrt: None, host: Host) -> None:
    same_answers(host, Backend.TENSORRT, TENSORRT)


def test_tensorrt_keeps_its_engine_for_the_next_start(tensorrt: None, host: Host) -> None:
    choice, tensor = HostChoice(backend=Backend.TENSORRT), np.zeros((1, 3, 64, 64), np.float32)
    AdaptiveSession(tiny.blob_detector(), host, choice).run(tensor)
    assert host.engines is not None
    built = {path: path.stat().st_mtime_ns for path in host.engines.rglob("*.engine")}
    assert built
    AdaptiveSession(tiny.blob_detector(), host, choice).run(tensor)
    assert {path: path.stat().st_mtime_ns for path in host.engines.rglob("*.engine")} == built


def milliseconds(session: OnnxSession, tensor: np.ndarray) -> float:
    session.run(tensor)
    times = []
    for _ in range(5):
        started = time.perf_counter()
        session.run(tensor)
        times.append((time.perf_counter() - started) * 1e3)
    return round(statistics.median(times), 2)
