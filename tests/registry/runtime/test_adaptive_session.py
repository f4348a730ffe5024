"""One graph, two ways to run it: the same answers, one set of weights, kept for the next start."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Barrier

import numpy as np
import onnx
import pytest

from registry.errors import InvalidModel, MlflowUnavailable
from registry.runtime import adaptive_session, bounded_folder
from registry.runtime.adaptive_session import AdaptiveSession, Host
from registry.runtime.background import unhurried
from registry.runtime.batching import Batcher, batching_pays
from registry.runtime.loading import load
from registry.runtime.metrics import EngineMetrics
from registry.runtime.onnx_session import OnnxSession
from registry.runtime.proven_file import ProvenFile
from registry.testing import onnx_models as tiny


@dataclass
class Load:
    """What the test says the load is."""

    alone: bool = True


@pytest.fixture
def under() -> Load:
    return Load()


@pytest.fixture
def host(tmp_path: Path, under: Load) -> Host:
    return Host(threads=2, alone=lambda: under.alone, metrics=EngineMetrics(), prepared=tmp_path / "prepared")


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(3).random((4, 3, 64, 64), np.float32)


def runs(host: Host, mode: str) -> float:
    return host.metrics.registry.get_sample_value("nexusai_engine_runs_total", {"mode": mode}) or 0.0


def batchable() -> bytes:
    """The colour classifier with a free batch axis."""
    model = onnx.load_from_string(tiny.colour_classifier())
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "n"
    return bytes(model.SerializeToString())


def test_a_run_is_wide_when_alone_and_narrow_beside_others(host: Host, under: Load, images: np.ndarray) -> None:
    session = AdaptiveSession(tiny.blob_detector(), host)
    (alone,) = session.run(images[:1])
    assert (runs(host, "wide"), runs(host, "narrow")) == (1, 0)
    under.alone = False
    (beside,) = session.run(images[:1])
    assert (runs(host, "wide"), runs(host, "narrow")) == (1, 1)
    assert np.array_equal(alone, beside)


def test_both_answer_as_a_plain_session_does(host: Host, under: Load, images: np.ndarray) -> None:
    plain, session = OnnxSession(tiny.blob_detector(), 1), AdaptiveSession(tiny.blob_detector(), host)
    assert (session.input, session.outputs, session.providers) == (plain.input, plain.outputs, plain.providers)
    for alone in (True, False):
        under.alone = alone
        assert np.allclose(session.run(images[:1])[0], plain.run(images[:1])[0], atol=1e-5)


def test_a_prepared_graph_is_used_again_and_made_anew_when_damaged(host: Host, images: np.ndarray) -> None:
    (first,) = AdaptiveSession(tiny.blob_detector(), host).run(images[:1])
    (graph,) = host.prepared.rglob("graph.onnx")
    written = graph.stat().st_mtime_ns
    AdaptiveSession(tiny.blob_detector(), host)
    assert graph.stat().st_mtime_ns == written
    graph.write_bytes(tiny.colour_classifier())
    (again,) = AdaptiveSession(tiny.blob_detector(), host).run(images[:1])
    assert np.array_equal(first, again)
    assert not list(host.prepared.rglob(".draft-*"))


def test_the_model_is_not_read_again_once_it_is_prepared(host: Host, images: np.ndarray) -> None:
    reads: list[str] = []
    data = tiny.blob_detector()
    model = replace(ProvenFile.of(data), read=lambda: reads.append("read") or data)
    first, again = (AdaptiveSession(model, host).run(images[:1])[0] for _ in range(2))
    assert reads == ["read"]
    assert np.array_equal(first, again)


def test_what_was_not_used_for_longest_makes_room(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    graphs = [tiny.blob_detector(), tiny.colour_classifier(), tiny.colour_embedder()]
    for data, used in zip(graphs[:2], (1_000, 2_000), strict=True):
        AdaptiveSession(data, host)
        for folder in host.prepared.glob("*/*"):
            if folder.stat().st_mtime > 10_000:
                os.utime(folder, (used, used))
    AdaptiveSession(graphs[0], host)  # now the second is the one that was not used for longest
    stale = host.prepared / "ab" / ".draft-of-a-process-that-died"
    stale.mkdir(parents=True)
    os.utime(stale, (1_000, 1_000))
    size = sum(file.stat().st_size for file in host.prepared.rglob("*") if file.is_file())
    monkeypatch.setattr(bounded_folder, "KEPT_BYTES", size)
    AdaptiveSession(graphs[2], host)
    left = {folder.stat().st_mtime for folder in host.prepared.glob("*/*")}
    assert len(left) == 2
    assert min(left) > 10_000, "the one that was used just now and the newest stay"


def test_where_somebody_waits_the_narrow_session_is_built_beside_the_first_runs_that_want_it(
    host: Host, under: Load, images: np.ndarray, until: Callable[..., bool]
) -> None:
    session = AdaptiveSession(tiny.blob_detector(), replace(host, sooner=True))
    under.alone = False
    (first,) = session.run(images[:1])
    assert (runs(host, "wide"), runs(host, "narrow")) == (1, 0)
    assert until(lambda: session._narrow is not None, 60)
    (beside,) = session.run(images[:1])
    assert runs(host, "narrow") == 1
    assert np.array_equal(first, beside)


def test_where_nobody_waits_both_sessions_are_there_at_once(host: Host, under: Load, images: np.ndarray) -> None:
    with unhurried():
        session = AdaptiveSession(tiny.blob_detector(), replace(host, sooner=True))
    under.alone = False
    session.run(images[:1])
    assert (runs(host, "wide"), runs(host, "narrow")) == (0, 1)


def test_a_narrow_session_that_cannot_be_built_leaves_the_answers_to_the_wide_one(
    host: Host, under: Load, images: np.ndarray, until: Callable[..., bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = AdaptiveSession(tiny.blob_detector(), replace(host, sooner=True))
    under.alone = False

    def fail(*_: object) -> None:
        raise MlflowUnavailable("the file cannot be fetched again")

    monkeypatch.setattr(adaptive_session, "prepared_sessions", fail)
    (first,) = session.run(images[:1])
    assert until(lambda: session._narrow is not None, 60)
    assert np.array_equal(first, session.run(images[:1])[0])


def test_weights_are_beside_the_graph_and_not_in_it(host: Host) -> None:
    values = np.arange(100_000, dtype=np.float32)
    model = onnx.load_from_string(tiny.colour_classifier())
    (squeeze,) = [node for node in model.graph.node if node.op_type == "Squeeze"]
    squeeze.output[0] = "squeezed"
    make = onnx.helper.make_node
    model.graph.node.insert(2, make("ReduceMax", ["table"], ["most"], keepdims=0))
    model.graph.node.insert(3, make("Add", ["squeezed", "most"], ["means"]))
    model.graph.initializer.append(onnx.numpy_helper.from_array(values, "table"))
    model.graph.node[2].input[0] = "shifted"
    model.graph.node.insert(2, make("Add", ["table", "pooled_peak"], ["shifted"]))
    model.graph.node.insert(2, make("ReduceMax", ["images"], ["pooled_peak"], keepdims=0))
    data = bytes(model.SerializeToString())
    AdaptiveSession(data, host)
    (graph,) = host.prepared.rglob("graph.onnx")
    assert graph.stat().st_size < 10_000
    assert graph.with_name("weights.bin").stat().st_size >= values.nbytes


def test_a_folder_that_cannot_be_written_costs_memory_but_no_answer(host: Host, images: np.ndarray) -> None:
    host.prepared.write_bytes(b"a file where the folder should be")
    (answer,) = AdaptiveSession(tiny.blob_detector(), host).run(images[:1])
    assert np.allclose(answer, OnnxSession(tiny.blob_detector(), 1).run(images[:1])[0], atol=1e-5)


def test_a_graph_that_is_refused_is_refused_here_too(host: Host) -> None:
    with pytest.raises(InvalidModel, match="not an ONNX file"):
        AdaptiveSession(b"PK\x03\x04", host)


def test_threads_share_a_session_and_each_gets_its_own_answer(host: Host, under: Load) -> None:
    model = load({"model.onnx": tiny.blob_detector(0)}, tiny.BLOB_DYNAMIC_CARD, host=host)
    under.alone = False

    def find(row: int) -> list[float]:
        image = np.zeros((64, 64, 3), np.uint8)
        image[row * 8 : row * 8 + 8, :8] = (0, 0, 255)
        return model.predict(image).detections.xyxy[0].tolist()

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(find, [index % 8 for index in range(200)]))
    assert found == [[0, 8 * (index % 8), 8, 8 * (index % 8) + 8] for index in range(200)]


@pytest.fixture
def together() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def test_a_batch_gives_each_its_own_answer(together: ThreadPoolExecutor, images: np.ndarray) -> None:
    sizes: list[int] = []

    def run(batch: np.ndarray) -> tuple[np.ndarray, ...]:
        sizes.append(len(batch))
        return batch * 2, batch.sum(axis=(1, 2, 3))

    batcher = Batcher(run, most=4, wait_s=30.0)
    outputs = list(together.map(batcher.run, [images[index : index + 1] for index in range(4)]))
    assert sizes == [4], "the fourth ends the wait"
    for image, (doubled, total) in zip(images, outputs, strict=True):
        assert np.array_equal(doubled[0], image * 2)
        assert total == pytest.approx([image.sum()], rel=1e-5)


def test_a_batch_does_not_wait_for_ever(images: np.ndarray) -> None:
    sizes: list[int] = []
    batcher = Batcher(lambda batch: (sizes.append(len(batch)) or batch,), most=4, wait_s=0.0)
    assert np.array_equal(batcher.run(images[:1])[0], images[:1])
    assert sizes == [1]


def test_a_failing_batch_fails_each_of_its_members(together: ThreadPoolExecutor, images: np.ndarray) -> None:
    def fail(_: np.ndarray) -> tuple[np.ndarray, ...]:
        raise InvalidModel("no")

    batcher, gate = Batcher(fail, most=2, wait_s=30.0), Barrier(2)

    def run(index: int) -> str:
        gate.wait(30)
        with pytest.raises(InvalidModel) as caught:
            batcher.run(images[index : index + 1])
        return caught.value.message

    assert list(together.map(run, range(2))) == ["no", "no"]


class Device(AdaptiveSession):
    """A session whose run costs the same for any number of images, as on a device that is far from full."""

    def wide_run(self, tensor: np.ndarray) -> tuple[np.ndarray, ...]:
        time.sleep(0.04)
        return super().wide_run(tensor)


class Mixing(Device):
    """One whose images see each other."""

    def wide_run(self, tensor: np.ndarray) -> tuple[np.ndarray, ...]:
        (output,) = super().wide_run(tensor)
        return (output - output.mean(axis=0),)


def test_batching_pays_where_a_run_costs_the_same_for_any_number_of_images(host: Host) -> None:
    device = Device(batchable(), host)
    assert batching_pays(device, device.run)


def test_batching_never_pays_where_it_changes_the_answer_or_cannot_be(host: Host) -> None:
    mixing, fixed = Mixing(batchable(), host), Device(tiny.blob_detector(), host)
    assert not batching_pays(mixing, OnnxSession(batchable(), 1).run)
    assert not batching_pays(fixed, fixed.run)
