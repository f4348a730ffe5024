"""One run, many thresholds: what is read from a kept run is what a run with those thresholds answers."""

import itertools

import cv2
import numpy as np
import pytest

from registry.errors import InvalidInput
from registry.runtime.card import Decoder, ModelCard, Task, Thresholds
from registry.runtime.ocr import OcrReader, bundled_ocr_models
from registry.runtime.predictor import Predictor
from registry.runtime.prompt_segmenter import PromptSegmenter
from registry.runtime.prompts import Prompts
from registry.settings import PROJECT_ROOT
from registry.testing import onnx_models as tiny
from registry.testing.prompt_models import PROMPT_CARD, colour_decoder, colour_encoder
from registry.vision.images import decode_image

LEAST = 0.01
THRESHOLDS = [
    *itertools.product((LEAST, 0.05, 0.25, 0.5, 0.9), (0.0, 0.3, 0.7, 1.0), (1, 7, 300)),
    (None, None, None),
]
GRAPHS = {
    "detect": (tiny.blob_detector(), tiny.BLOB_CARD),
    "detect, suppressed in the graph": (tiny.blob_detector_with_nms(rows=60), tiny.BLOB_NMS_CARD),
    "segment": (tiny.blob_segmenter(), tiny.BLOB_SEGMENT_CARD),
    "pose": (tiny.blob_poser(), tiny.BLOB_POSE_CARD),
    "classify": (tiny.colour_classifier(), tiny.COLOUR_CARD),
    "classify, logits": (tiny.colour_classifier(softmax=False), tiny.COLOUR_LOGITS_CARD),
    "embed": (tiny.colour_embedder(), tiny.COLOUR_EMBED_CARD),
}


def noise(seed: int = 0) -> np.ndarray:
    """Every cell another colour, so that every threshold cuts somewhere."""
    cells = np.random.default_rng(seed).integers(0, 256, (9, 13, 3), np.uint8)
    return cells.repeat(8, axis=0).repeat(8, axis=1)


def answer_of(prediction) -> dict:
    """Everything but the times, masks and key points bit by bit."""
    body = prediction.to_dict()
    del body["timing_ms"]
    found = prediction.detections
    exact = {} if found is None else {"boxes": found.xyxy.tobytes(), "scores": found.confidence.tobytes()}
    return body | exact


def count_runs(monkeypatch, session) -> list:
    runs = []
    run = session.run
    monkeypatch.setattr(session, "run", lambda tensor: runs.append(1) or run(tensor))
    return runs


@pytest.mark.parametrize("kind", GRAPHS)
def test_every_threshold_reads_what_a_run_with_it_answers_and_the_model_runs_once(kind, monkeypatch):
    model = Predictor(*GRAPHS[kind])
    direct = [answer_of(model.predict(noise(), *asked)) for asked in THRESHOLDS]
    runs = count_runs(monkeypatch, model._session)
    kept = model.run(noise(), LEAST)
    assert [answer_of(kept.at(*asked)) for asked in THRESHOLDS] == direct
    assert len(runs) == 1
    if kind != "embed":
        assert len({str(each) for each in direct}) > 1, "the thresholds made no difference: nothing was tried"


def test_the_starter_on_a_photograph_too(monkeypatch):
    folder = PROJECT_ROOT / "data" / "starter" / "digit-detector"
    model = Predictor((folder / "model.onnx").read_bytes(), ModelCard.parse((folder / "card.json").read_bytes()))
    image = decode_image((PROJECT_ROOT / "data" / "samples" / "pagoda-1280.jpg").read_bytes())
    direct = [answer_of(model.predict(image, *asked)) for asked in THRESHOLDS]
    runs = count_runs(monkeypatch, model._session)
    kept = model.run(image, LEAST)
    assert [answer_of(kept.at(*asked)) for asked in THRESHOLDS] == direct
    assert len(runs) == 1
    assert len(direct[0]["detections"]) < len(direct[2]["detections"])


def test_what_is_kept_of_a_run_is_small():
    model = Predictor(*GRAPHS["detect"])
    black = np.zeros((64, 64, 3), np.uint8)
    (outputs, _), whole = model.run(black, LEAST).read_with.args, model.run(black).read_with.args[0]
    assert (outputs[0].shape[2], whole[0].shape[2]) == (0, 64)


@pytest.mark.parametrize("below", [0.0, 0.009])
def test_nothing_below_what_was_kept_is_answered(below):
    kept = Predictor(*GRAPHS["detect"]).run(noise(), LEAST)
    with pytest.raises(InvalidInput, match=r"below 0\.01"):
        kept.at(confidence=below)


def test_a_card_that_asks_for_less_is_kept_down_to_it():
    low = tiny.BLOB_CARD.model_copy(update={"thresholds": Thresholds(confidence=0.001)})
    model = Predictor(tiny.blob_detector(), low)
    faint = np.full((64, 64, 3), 1, np.uint8)  # scores of 1/255
    kept = model.run(faint, LEAST)
    assert kept.least_confidence == 0.001
    assert answer_of(kept.at()) == answer_of(model.predict(faint))
    assert len(kept.at().detections) == 64


def test_lines_of_text_and_prompts_are_read_from_one_run(monkeypatch):
    pytest.importorskip("rapidocr")
    files = {name: path.read_bytes() for name, path in bundled_ocr_models().items()}
    reader = OcrReader(files, ModelCard(task=Task.OCR, decoder=Decoder.RAPIDOCR))
    page = np.full((120, 400, 3), 255, np.uint8)
    for row, text in enumerate(("NexusAI 42", "second line")):
        cv2.putText(page, text, (20, 45 + 50 * row), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (0, 0, 0), 2)
    asked = [(confidence, None, most) for confidence in (0.0, 0.5, 0.97, 0.995, 1.0) for most in (1, 300)]
    direct = [answer_of(reader.predict(page, *each)) for each in asked]
    kept = reader.run(page)
    monkeypatch.setattr(reader, "_engine", None)
    assert [answer_of(kept.at(*each)) for each in asked] == direct
    assert len(direct[1]["text"]) == 2


def test_prompts_are_read_from_one_run(monkeypatch):
    segmenter = PromptSegmenter({"encoder.onnx": colour_encoder(), "decoder.onnx": colour_decoder()}, PROMPT_CARD)
    prompts = Prompts(points=[(20, 12)], boxes=[(41, 5, 55, 27)])
    direct = [answer_of(segmenter.segment(noise(), prompts, each)) for each in (None, 0.6, 0.8)]
    kept = segmenter.run_prompts(noise(), prompts)
    monkeypatch.setattr(segmenter, "_decoder", None)
    assert [answer_of(kept.at(each)) for each in (None, 0.6, 0.8)] == direct
    assert [len(each["detections"]) for each in direct] == [2, 1, 0]
