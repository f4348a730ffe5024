"""Which backend runs a graph: the same answers, and never another one in silence."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from registry.errors import BackendUnavailable, InvalidInput, InvalidModel
from registry.runtime import backends, machine, providers
from registry.runtime.adaptive_session import AdaptiveSession, Host
from registry.runtime.card import ModelCard
from registry.runtime.host_choice import Backend, HostChoice
from registry.runtime.loading import load
from registry.runtime.machine import Gpu, read_gpus
from registry.runtime.metrics import EngineMetrics
from registry.runtime.onnx_session import OnnxSession
from registry.runtime.openvino_session import PROVIDER, OpenVinoSession
from registry.runtime.providers import engine_folder, providers_of
from registry.settings import PROJECT_ROOT
from registry.testing import onnx_models as tiny
from registry.testing.requirements import require_package
from registry.vision.samples import find_samples

STARTER = PROJECT_ROOT / "data" / "starter" / "digit-detector"
H100 = Gpu("NVIDIA H100 80GB HBM3", "9.0", "580.159.04", 81559)
ON_GPU = (Backend.CUDA, Backend.TENSORRT)


@pytest.fixture
def openvino() -> None:
    require_package("openvino", "openvino")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(threads=2, alone=lambda: True, metrics=EngineMetrics(), prepared=tmp_path / "prepared")


@pytest.fixture
def no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine without an NVIDIA driver, whatever this one has."""
    monkeypatch.setenv("PATH", str(tmp_path))
    machine.gpus.cache_clear()
    yield
    machine.gpus.cache_clear()


@pytest.fixture
def broken_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose driver names a GPU that nothing can be run on."""
    tool = tmp_path / "bin" / "nvidia-smi"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho 'NVIDIA H100 80GB HBM3, 9.0, 580.159.04, 81559'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    machine.gpus.cache_clear()
    yield
    machine.gpus.cache_clear()


def test_openvino_answers_as_onnx_runtime_does_on_the_starters_pictures(openvino: None, host: Host) -> None:
    card = ModelCard.parse((STARTER / "card.json").read_bytes())
    files = {"model.onnx": STARTER / "model.onnx"}
    plain = load(files, card, threads=2)
    other = load(files, card, host=host, choice=HostChoice(backend=Backend.OPENVINO, threads=2, sessions=2))
    assert plain.providers[0] == providers.CPU
    assert other.providers == (PROVIDER,)
    found = 0
    for sample in find_samples():
        image = cv2.imread(str(sample.path))
        ours, theirs = other.predict(image).detections, plain.predict(image).detections
        assert np.array_equal(ours.class_id, theirs.class_id)
        assert np.abs(ours.xyxy - theirs.xyxy).max(initial=0) < 0.5, "pixels"
        assert np.abs(ours.confidence - theirs.confidence).max(initial=0) < 0.002
        found += len(ours)
    assert found > 10


def test_openvino_gives_each_thread_its_own_answer(openvino: None) -> None:
    session = OpenVinoSession(tiny.blob_detector(), 1, 2)
    plain = OnnxSession(tiny.blob_detector(), 1)
    images = np.random.default_rng(0).random((40, 1, 3, 64, 64), np.float32)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(session.run, images))
    for image, (answer,) in zip(images, answers, strict=True):
        assert np.allclose(answer, plain.run(image)[0], atol=1e-4)


def test_openvino_refuses_what_onnx_runtime_refuses(openvino: None) -> None:
    with pytest.raises(InvalidModel, match="not an ONNX file"):
        OpenVinoSession(b"PK\x03\x04", 1)
    with pytest.raises(InvalidModel, match=r"failed on an input of \(1, 5, 64, 64\)"):
        OpenVinoSession(tiny.blob_detector(), 1).run(np.zeros((1, 5, 64, 64), np.float32))


@pytest.mark.parametrize("backend", ON_GPU)
def test_without_a_gpu_its_backends_say_so_and_how_to_get_one(backend: Backend, no_gpu: None, host: Host) -> None:
    with pytest.raises(BackendUnavailable, match="no NVIDIA GPU") as caught:
        AdaptiveSession(tiny.blob_detector(), host, HostChoice(backend=backend))
    assert "nvidia-smi" in caught.value.hint


@pytest.mark.parametrize("backend", ON_GPU)
def test_a_gpu_that_cannot_be_used_is_told_and_never_becomes_the_processor(
    backend: Backend, broken_driver: None, host: Host
) -> None:
    with pytest.raises(BackendUnavailable, match=r"does not start here: .+") as caught:
        AdaptiveSession(tiny.blob_detector(), host, HostChoice(backend=backend))
    assert caught.value.hint


def test_the_trial_of_a_gpu_ends_with_the_reason(broken_driver: None) -> None:
    standing = backends._on_gpu(Backend.CUDA)
    assert not standing.usable
    assert "does not start here" in standing.detail
    assert standing.hint


def test_every_backend_is_usable_or_says_how_to_get_it() -> None:
    found = {each.backend: each for each in backends.survey()}
    assert set(found) == set(Backend)
    assert found[Backend.CPU].usable
    assert all(each.usable or each.hint for each in found.values())


def test_a_model_of_several_graphs_is_for_onnx_runtime_alone(host: Host) -> None:
    files = {"encoder.onnx": tiny.blob_detector(), "decoder.onnx": tiny.blob_detector()}
    card = ModelCard(task="segment-by-prompt", decoder="sam")
    with pytest.raises(BackendUnavailable, match="ONNX Runtime alone"):
        load(files, card, host=replace(host, backend=Backend.OPENVINO))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"sha256": "b" * 64}, "another model"),
        ({"gpu": replace(H100, name="NVIDIA H200")}, "another GPU"),
        ({"gpu": replace(H100, compute_capability="8.0")}, "another compute capability"),
        ({"gpu": replace(H100, driver="590.10")}, "another driver"),
        ({"runtime": "1.32.0"}, "another ONNX Runtime"),
        ({"tensorrt": "10.14.1"}, "another TensorRT"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_engine_is_found_by_nothing_but_what_it_was_built_for(change: dict[str, object], why: str) -> None:
    asked = {"sha256": "a" * 64, "gpu": H100, "runtime": "1.31.1", "tensorrt": "10.13.0"}
    first = engine_folder(Path("engines"), **asked)
    assert engine_folder(Path("engines"), **asked) == first
    assert engine_folder(Path("engines"), **(asked | change)) != first, why
    assert first.parts[:2] == ("engines", "a" * 64)
    assert first.name.startswith("nvidia-h100-80gb-hbm3-sm9-0-")


def test_tensorrt_keeps_its_engines_in_the_folder_of_its_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(providers, "gpus", lambda: (H100,))
    first, second, last = providers_of(Backend.TENSORRT, b"model", tmp_path)
    assert [name for name, _ in (first, second, last)] == [providers.TENSORRT, providers.CUDA, providers.CPU]
    kept = Path(first[1]["trt_engine_cache_path"])
    assert kept.is_dir()
    assert kept.is_relative_to(tmp_path)
    assert kept.stat().st_mode & 0o077 == 0


def test_the_drivers_list_of_gpus_is_read() -> None:
    said = "NVIDIA H100 80GB HBM3, 9.0, 580.159.04, 81559\nNo devices were found\n"
    assert read_gpus(said) == (H100,)
    assert read_gpus("") == ()


def test_a_host_has_a_name_that_can_be_a_tag_and_a_file() -> None:
    key = machine.host_key()
    assert key == machine.host_key()
    assert set(key) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert f"-{machine.usable_cores()}c-" in key


def test_a_recorded_choice_is_read_strictly_and_kept_within_the_machine() -> None:
    choice = HostChoice(backend=Backend.OPENVINO, threads=8, beside=2, sessions=4)
    assert HostChoice.parse(choice.dump()) == choice
    assert choice.within(2) == HostChoice(backend=Backend.OPENVINO, threads=2, beside=2, sessions=1)
    for text in ("", "{}x", '{"threads": 100000}', '{"backend": "sh -c"}', '{"threads": 1, "path": "/etc"}'):
        with pytest.raises(InvalidInput, match="recorded choice"):
            HostChoice.parse(text)
