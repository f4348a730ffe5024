"""Runs that take too long are ended, and what ran them goes on."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from registry.errors import BackendUnavailable, ModelTooSlow
from registry.runtime import onnx_session, openvino_session
from registry.runtime.adaptive_session import AdaptiveSession, Host
from registry.runtime.card import Decoder, ModelCard, Task
from registry.runtime.graph_check import check_graph
from registry.runtime.loading import load
from registry.runtime.metrics import EngineMetrics
from registry.runtime.ocr import bundled_ocr_models
from registry.runtime.onnx_session import OnnxSession
from registry.runtime.openvino_session import OpenVinoSession
from registry.runtime.run_deadline import Watchdog
from registry.testing import onnx_models as tiny
from registry.testing.prompt_models import PROMPT_CARD, colour_decoder, colour_encoder
from registry.testing.requirements import require_package
from registry.testing.slow_models import multiplying, slow_between
from registry.vision.images import decode_image
from registry.vision.samples import find_samples

FEW_S, SOON_S = 1.0, 20.0  # hours would pass without an end
DARK, BRIGHT = (np.full((1, 3, 32, 32), value, np.float32) for value in (0.2, 0.9))


@pytest.fixture
def host(tmp_path: Path) -> Host:
    prepared = tmp_path / "prepared"
    return Host(threads=2, alone=lambda: True, metrics=EngineMetrics(), prepared=prepared, run_seconds=FEW_S)


@pytest.mark.parametrize("adaptive", [False, True])
def test_a_graph_that_is_slow_on_some_images_is_ended_inside_its_loop(host: Host, adaptive: bool) -> None:
    slow = slow_between(0.8, 0.95)
    check_graph(slow)
    session = AdaptiveSession(slow, host) if adaptive else OnnxSession(slow, 1, run_seconds=FEW_S)
    started = time.monotonic()
    with pytest.raises(ModelTooSlow, match="longer than 1 s"):
        session.run(BRIGHT)
    assert FEW_S <= time.monotonic() - started < SOON_S
    assert np.allclose(session.run(DARK)[0], 0.4)


def test_what_runs_beside_a_slow_run_is_not_ended() -> None:
    session, plain = (
        OnnxSession(graph, 1, run_seconds=FEW_S) for graph in (slow_between(0.8, 0.95), tiny.colour_classifier())
    )
    found: list[Exception] = []

    def slow() -> None:
        try:
            session.run(BRIGHT)
        except ModelTooSlow as error:
            found.append(error)

    thread = threading.Thread(target=slow)
    thread.start()
    while thread.is_alive():
        assert plain.run(DARK)[0].shape == (1, 3)
        assert np.allclose(session.run(DARK)[0], 0.4)
    assert len(found) == 1


def test_a_batch_has_the_time_of_all_its_images(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float] = []
    watchdog = onnx_session.WATCHDOG
    begin = watchdog.begin
    monkeypatch.setattr(watchdog, "begin", lambda end, seconds: given.append(seconds) or begin(end, seconds))
    session = OnnxSession(tiny.blob_detector(), 1)
    session.run(np.zeros((1, 3, 64, 64), np.float32))
    assert session._session._seconds({"images": np.zeros((8, 3, 64, 64), np.float32)}) == 8 * given[0]


def test_a_text_reader_that_takes_too_long_is_told_as_such() -> None:
    require_package("rapidocr", "ocr")
    card = ModelCard(task=Task.OCR, decoder=Decoder.RAPIDOCR)
    reader = load(bundled_ocr_models(), card, run_seconds=0.001)
    picture = decode_image(find_samples()[0].path.read_bytes())
    with pytest.raises(ModelTooSlow):
        reader.predict(picture)
    load(bundled_ocr_models(), card).predict(picture)


def test_a_pair_that_segments_by_prompt_has_the_hosts_time(host: Host) -> None:
    files = {"encoder.onnx": colour_encoder(), "decoder.onnx": colour_decoder()}
    segmenter = load(files, PROMPT_CARD, host=host)
    assert {each._run_seconds for each in (segmenter._encoder._session, segmenter._decoder)} == {FEW_S}


def test_openvino_runs_no_graph_with_loops() -> None:
    require_package("openvino", "openvino")
    with pytest.raises(BackendUnavailable, match="loops"):
        OpenVinoSession(slow_between(0.8, 0.95), 1)


def test_an_image_that_openvino_takes_too_long_for_is_refused_and_the_next_one_not_kept_waiting(
    monkeypatch: pytest.MonkeyPatch, until: Callable[..., bool]
) -> None:
    require_package("openvino", "openvino")
    session = OpenVinoSession(multiplying(rounds=120, side=700), 1, run_seconds=0.05)
    with pytest.raises(ModelTooSlow, match="longer than"):
        session.run(BRIGHT)
    started = time.monotonic()
    with pytest.raises(ModelTooSlow, match="still busy"):
        session.run(DARK)
    assert time.monotonic() - started < FEW_S
    assert until(lambda: not openvino_session._goes_on(session._compiled), 120)
    monkeypatch.setattr(session, "_run_seconds", 60.0)
    assert session.run(DARK)[0].shape == (1, 3)


def test_the_watchdog_ends_what_is_due_in_the_order_it_is_due() -> None:
    watchdog, ended, all_ended = Watchdog(), list[str](), threading.Event()
    late = watchdog.begin(lambda: (ended.append("late"), all_ended.set()), 0.4)
    never = watchdog.begin(lambda: ended.append("never"), 0.3)
    early = watchdog.begin(lambda: ended.append("early"), 0.1)  # due before what the thread sleeps for
    watchdog.finish(never)
    assert all_ended.wait(SOON_S)
    assert ended == ["early", "late"]
    assert (early.ended, never.ended) == (True, False)
    with watchdog._changed:
        assert late.ended
        assert not watchdog._runs


def test_one_thread_watches_every_run() -> None:
    before = threading.active_count()
    watchdog = Watchdog()
    for run in [watchdog.begin(lambda: None, 60) for _ in range(100)]:
        watchdog.finish(run)
    assert threading.active_count() == before + 1
