"""Files to take along: what is in them, and names that are safe and apart."""

import csv
import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from registry.models import exports
from registry.models.answer import Answer
from registry.models.types import ModelVersion
from registry.records import utc_now
from registry.runtime.prediction import ClassScore, Prediction, TextLine
from registry.runtime.predictor import Predictor
from registry.testing import onnx_models as tiny

IMAGE = np.zeros((64, 64, 3), np.uint8)
IMAGE[16:24, 8:16] = (0, 0, 255)
GRAPHS = {
    "detect": (tiny.blob_detector(), tiny.BLOB_CARD),
    "segment": (tiny.blob_segmenter(), tiny.BLOB_SEGMENT_CARD),
    "pose": (tiny.blob_poser(), tiny.BLOB_POSE_CARD),
    "classify": (tiny.colour_classifier(), tiny.COLOUR_CARD),
    "embed": (tiny.colour_embedder(), tiny.COLOUR_EMBED_CARD),
}
BY_HAND = {
    "ocr": Prediction(64, 64, lines=(TextLine("=SUM(A1)", 0.9, (1, 2, 30, 12), ((1, 2), (30, 2), (30, 12), (1, 12))),)),
    "classify <b>": Prediction(64, 64, classes=(ClassScore(0, "<b>bold</b>", 0.9),)),
    "nothing": Prediction(64, 64, classes=()),
}
TASKS = [*GRAPHS, *BY_HAND]


def answer(task: str) -> Answer:
    prediction = BY_HAND[task] if task in BY_HAND else Predictor(*GRAPHS[task]).predict(IMAGE)
    version = ModelVersion("m", 2, "s", {}, 1, tiny.BLOB_CARD, (), utc_now(), "run", "ada")
    return Answer(version, prediction, IMAGE)


@pytest.mark.parametrize("task", TASKS)
def test_every_task_becomes_json_csv_and_pictures(task):
    given = answer(task)
    body = given.to_dict()
    assert json.loads(exports.json_text(body)) == json.loads(json.dumps(body))
    head, *rows = csv.reader(io.StringIO(exports.csv_text(body)))
    assert len(rows) == len(given.rows())
    if rows:
        assert head == list(given.rows()[0])
    for kind, name in (("png", "PNG"), ("jpg", "JPEG")):
        assert Image.open(io.BytesIO(exports.picture(given, kind))).format == name


@pytest.mark.parametrize("task", TASKS)
def test_every_task_shows_itself_in_a_notebook(task):
    given = answer(task)
    html = given._repr_html_()
    assert html.startswith('<img src="data:image/jpeg;base64,')
    assert html.count("<tr>") == (1 + len(given.rows()) if given.rows() else 0)
    assert "<b>bold" not in html, "labels are text, not markup"
    assert Image.open(io.BytesIO(given._repr_png_())).format == "PNG"
    assert "64 × 64" in given.prediction._repr_html_()


def test_a_text_that_a_spreadsheet_would_run_is_harmless():
    _, row = csv.reader(io.StringIO(exports.csv_text(answer("ocr").to_dict())))
    assert row[0] == "'=SUM(A1)"


def test_the_archive_holds_every_picture_and_those_that_failed():
    named = [exports.Named(name, answer("detect")) for name in ("a.png", "../../etc/a.jpg", "A.webp", "..", "ж 1.png")]
    data = exports.archive(named, [("broken.jpg", "it ends early")])
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
        assert '"broken.jpg","it ends early"' in archive.read("failed.csv").decode()
        assert json.loads(archive.read("a-2.json"))["detections"][0]["box"] == [8, 16, 16, 24]
    stems = ["a", "a-2", "A-3", "picture", "ж-1"]
    assert names == [f"{stem}.{kind}" for stem in stems for kind in ("json", "csv", "jpg")] + ["failed.csv"]
