"""`nx.publish` as a notebook calls it: its steps while it runs, and an alias that could not be moved."""

from collections.abc import Iterator

import numpy as np
import pytest

import registry as nx
from registry.errors import InvalidModel
from registry.records import open_database
from registry.settings import Settings
from registry.testing.onnx_models import BLOB_CARD, BLOB_NMS_CARD, blob_detector, blob_detector_with_nms
from registry.testing.prompt_models import PROMPT_CARD, colour_decoder, colour_encoder

BLUE = np.zeros((64, 64, 3), np.uint8)
BLUE[:8, :8] = (255, 0, 0)


@pytest.fixture(autouse=True)
def notebook(mlflow_home: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    database = open_database(mlflow_home.records_url)
    database.upgrade()
    database.close()
    monkeypatch.setenv("NEXUSAI_HOME", str(mlflow_home.home))
    nx._rooms.cache_clear()
    yield
    nx._rooms.cache_clear()


def test_each_step_is_told_as_it_begins_and_ends(unique: str) -> None:
    told: list[str] = []
    made = nx.publish(blob_detector(), unique, told=told.append)
    assert made.aliases == ("champion",)
    begun = [line.split(maxsplit=1) for line in told]
    steps = ("receive", "scan", "verify", "register")
    expected = [(step, state) for step in steps for state in ("running", "done")]
    expected.insert(4, ("convert", "skipped"))
    assert [(step, state.partition(":")[0]) for step, state in begun] == expected
    assert told[-1] == "register done: version 1"
    assert "convert skipped: it is ONNX already" in told


def test_a_pair_that_segments_by_prompt_is_published_and_asked_with_points_and_boxes(unique: str) -> None:
    pair = {"encoder.onnx": colour_encoder(), "decoder.onnx": colour_decoder()}
    made = nx.publish(pair, unique, card=PROMPT_CARD)
    assert (made.card.task, made.aliases) == ("segment-by-prompt", ("champion",))
    image = np.zeros((64, 64, 3), np.uint8)
    image[16:24, 8:16], image[40:48, 32:52] = (0, 0, 255), (255, 0, 0)
    found = nx.load(unique).segment(image, points=[(12, 20)], boxes=[(32, 40, 52, 48)]).prediction.detections
    assert found.xyxy.tolist() == [[32, 40, 52, 48], [8, 16, 16, 24]]


def test_a_refused_file_is_told_at_its_step(unique: str) -> None:
    told: list[str] = []
    with pytest.raises(InvalidModel) as refused:
        nx.publish(b"no model", unique, told=told.append)
    assert told[-1] == f"scan failed: {refused.value.message}"


def test_an_alias_that_could_not_be_moved_is_warned_of(unique: str) -> None:
    nx.publish(blob_detector(), unique, card=BLOB_CARD)
    nx.load(unique).predict(BLUE)
    short = BLOB_NMS_CARD.model_copy(update={"labels": ("red",)})  # it names an unknown class on blue
    with pytest.warns(UserWarning, match=f"{unique}/2 is registered; .*champion stays where it is.*class 2"):
        made = nx.publish(blob_detector_with_nms(), unique, card=short)
    assert made.aliases == ()
    assert nx.load(f"{unique}@champion").version.version == 1
    assert nx.publish(blob_detector_with_nms(), unique, card=BLOB_NMS_CARD).aliases == ("champion",)
