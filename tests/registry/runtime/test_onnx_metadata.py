"""What an exporter wrote into an ONNX file: each entry is read by itself, and what cannot be read is told."""

import onnx
import pytest

from registry.runtime.infer_card import infer_card
from registry.testing.onnx_models import blob_detector

GOOD = {"task": "detect", "names": "{0: 'red', 1: 'green', 2: 'blue'}", "stride": "8", "imgsz": "[64, 64]"}
NAMES = ("red", "green", "blue")
NUMBERED = ("class 0", "class 1", "class 2")


def _with(entries: dict[str, str]) -> bytes:
    model = onnx.load_model_from_string(blob_detector())
    onnx.helper.set_model_props(model, entries)
    return bytes(model.SerializeToString())


@pytest.mark.parametrize(
    ("key", "value", "labels", "unread"),
    [
        ("imgsz", "[64, oops]", NAMES, True),
        ("imgsz", "[0, 0]", NAMES, True),
        ("stride", "thirty-two", NAMES, True),
        ("stride", "9" * 5_000, NAMES, True),
        ("kpt_shape", "[17", NAMES, True),
        ("names", "{0: 'red', 1: oops}", NUMBERED, True),
        ("names", "{0: 'red', 'x': 'blue'}", NUMBERED, True),
        ("names", "{'0': 'red', '1': 'green', '2': 'blue'}", NAMES, False),  # as JSON has it
        ("stride", "32", NAMES, False),
    ],
)
def test_an_entry_that_cannot_be_read_costs_no_other_and_is_told(
    key: str, value: str, labels: tuple[str, ...], unread: bool
) -> None:
    card = infer_card(_with(GOOD | {key: value}))
    assert card.labels == labels
    assert card.input.stride == (32 if key == "stride" else 8)
    assert card.description.endswith(f" Not readable in its metadata: {key}.") is unread


def test_several_are_told_together_and_what_is_not_there_is_not() -> None:
    said = infer_card(_with(GOOD | {"imgsz": "x", "stride": "y"})).description
    assert said.endswith("Not readable in its metadata: stride, imgsz.")
    assert "readable" not in infer_card(blob_detector()).description
