"""Reading text with the models of the rapidocr wheel, without a network."""

import subprocess
import sys

import numpy as np
import onnx
import pytest
from PIL import Image, ImageDraw, ImageFont

pytest.importorskip("rapidocr")

from rapidocr import RapidOCR

from registry.errors import InvalidCard, InvalidModel, UnsupportedOutputs
from registry.runtime.card import Decoder, ModelCard, Task
from registry.runtime.loading import load
from registry.runtime.ocr import CHARACTERS, DETECTOR, RECOGNISER, OcrReader, bundled_ocr_models
from registry.testing import onnx_models as tiny

CARD = ModelCard(task=Task.OCR, decoder=Decoder.RAPIDOCR)


@pytest.fixture(scope="module")
def reader():
    return load(bundled_ocr_models(), CARD, threads=2)


def rendered(*lines: str, scale: int = 1) -> np.ndarray:
    image = Image.new("RGB", (520 * scale, (30 + 60 * len(lines)) * scale), "white")
    font = ImageFont.load_default(size=34 * scale)
    for index, line in enumerate(lines):
        ImageDraw.Draw(image).text((30 * scale, (20 + 60 * index) * scale), line, "black", font)
    return np.asarray(image)[..., ::-1].copy()


def test_rendered_lines_are_read_in_order_with_their_places(reader):
    prediction = reader.predict(rendered("NexusAI 2026", "hello world"))
    assert [line.text for line in prediction.lines] == ["NexusAI 2026", "hello world"]
    x1, y1, x2, y2 = prediction.lines[0].box_xyxy
    assert 15 <= x1 < 45
    assert 10 <= y1 < 40 < y2 < 75
    assert x2 < 350
    assert prediction.lines[0].score > 0.9
    assert prediction.to_dict()["text"][1]["text"] == "hello world"


def tilted(degrees: float, *lines: str) -> np.ndarray:
    image = Image.fromarray(rendered(*lines)[..., ::-1])
    return np.asarray(image.rotate(degrees, expand=True, fillcolor="white"))[..., ::-1].copy()


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(rendered("NexusAI 2026", "hello world", "Größe: 12,5 mm"), id="three lines"),
        pytest.param(tilted(4, "NexusAI 2026", "hello world"), id="a little askew"),
        pytest.param(tilted(180, "NexusAI 2026", "hello world"), id="upside down"),
        pytest.param(rendered("NexusAI", scale=3), id="large letters"),
    ],
)
def test_what_rapidocr_itself_reads_is_what_is_answered(reader, image):
    """Its default engine, with its own way to its models, on the same picture."""
    found = RapidOCR(params={"Global.log_level": "critical"})(image)
    lines = reader.predict(image, confidence=0.5).lines
    assert [line.text for line in lines] == list(found.txts)
    assert len(lines) >= 1
    np.testing.assert_allclose([line.score for line in lines], found.scores, atol=1e-3)
    np.testing.assert_allclose([line.polygon for line in lines], found.boxes, atol=0.5)


def test_a_large_picture_answers_in_its_own_pixels(reader):
    (line,) = reader.predict(rendered("hello", scale=5)).lines
    assert line.text == "hello"
    assert 50 <= line.box_xyxy[0] < 225
    assert 450 < line.box_xyxy[2] < 900


def test_a_blank_picture_has_no_lines(reader):
    assert reader.predict(np.full((100, 200, 3), 255, np.uint8)).to_dict()["text"] == []


def test_a_request_may_ask_for_surer_or_fewer_lines(reader):
    image = rendered("NexusAI 2026", "hello world")
    assert (
        reader.predict(image, confidence=1.0).lines == () or reader.predict(image, confidence=1.0).lines[0].score == 1
    )
    assert len(reader.predict(image, max_detections=1).lines) == 1
    assert len(reader.predict(image).lines) == 2, "a request's threshold does not stay"


@pytest.mark.parametrize("shape", [(1, 20_000), (20_000, 1), (1, 1), (12, 1500)])
def test_a_very_thin_picture_is_answered(reader, shape):
    assert reader.predict(np.full((*shape, 3), 200, np.uint8)).lines == ()


def test_nothing_is_fetched_while_loading_and_reading():
    """In a child whose every connection and name look-up ends the process."""
    program = """
import sys
def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        raise SystemExit(f"network: {arguments}")
sys.addaudithook(refuse)
import numpy as np
from registry.runtime.card import ModelCard
from registry.runtime.loading import load
from registry.runtime.ocr import bundled_ocr_models
reader = load(bundled_ocr_models(), ModelCard(task="ocr", decoder="rapidocr"), threads=2)
reader.predict(np.full((60, 200, 3), 255, np.uint8))
assert "torch" not in sys.modules
print("read")
"""
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert child.stdout.strip() == "read", child.stderr


def test_an_alphabet_may_come_as_a_file(reader):
    files = {name: path.read_bytes() for name, path in bundled_ocr_models().items()}
    model = onnx.load_model_from_string(files[RECOGNISER])
    (entry,) = (each for each in model.metadata_props if each.key == "character")
    alphabet = entry.value
    model.metadata_props.remove(entry)
    bare = files | {RECOGNISER: model.SerializeToString()}
    with pytest.raises(InvalidModel, match="no alphabet"):
        OcrReader(bare, CARD)
    lines = OcrReader(bare | {CHARACTERS: alphabet.encode()}, CARD, 2).predict(rendered("hello world")).lines
    assert [line.text for line in lines] == ["hello world"]


def test_a_bundle_that_cannot_read_is_refused():
    with pytest.raises(InvalidModel, match=r"missing: det.onnx, rec.onnx"):
        load({}, CARD)
    with pytest.raises(InvalidModel, match="not a"):
        load({DETECTOR: b"PK", RECOGNISER: bundled_ocr_models()[RECOGNISER]}, CARD)
    own = bundled_ocr_models()
    with pytest.raises(UnsupportedOutputs, match=r"det.onnx should answer one tensor of 4 dimensions"):
        load(own | {DETECTOR: own[RECOGNISER]}, CARD)
    with pytest.raises(InvalidCard, match="answers task ocr"):
        load(bundled_ocr_models(), tiny.BLOB_CARD.model_copy(update={"decoder": Decoder.RAPIDOCR}))
