"""What a model can be tuned on, and what is said about the rest."""

import shutil
from pathlib import Path

import pytest

from registry.errors import InvalidInput
from registry.runtime.card import ModelCard, Task
from registry.runtime.loading import load
from registry.settings import PROJECT_ROOT
from registry.testing.onnx_models import (
    BLOB_CARD,
    BLOB_POSE_CARD,
    BLOB_SEGMENT_CARD,
    CELL,
    COLOUR_CARD,
    COLOUR_EMBED_CARD,
    COLOURS,
    blob_detector,
    blob_poser,
    blob_segmenter,
    colour_classifier,
)
from registry.testing.requirements import require_package
from registry.tuning.accuracy import accuracy, scores
from registry.tuning.data import first, open_data
from registry.tuning.watch import Watch
from tests.registry.tuning.conftest import SIDE

STARTERS = PROJECT_ROOT / "data" / "starter"


def test_a_folder_is_read_and_its_accuracy_is_the_models(blobs: Path, colours: Path) -> None:
    detector, classifier = open_data(blobs, BLOB_CARD), open_data(colours, COLOUR_CARD)
    assert (len(list(detector.calibration())), len(list(detector.held_out()))) == (8, 16)
    assert [each.labels.tolist() for each in first(classifier.held_out, 9)] == [[2]] * 3 + [[1]] * 3 + [[0]] * 3
    watch = Watch(60)
    assert accuracy(load({"model.onnx": blob_detector()}, BLOB_CARD), detector.held_out(), watch) > 0.99
    assert accuracy(load({"model.onnx": colour_classifier()}, COLOUR_CARD), classifier.held_out(), watch) == 1.0
    assert open_data(blobs, BLOB_CARD).version == detector.version


@pytest.mark.parametrize("task", ["segment", "pose"])
def test_masks_and_key_points_are_judged_by_themselves(blobs: Path, tmp_path: Path, task: str) -> None:
    card, model = {"segment": (BLOB_SEGMENT_CARD, blob_segmenter()), "pose": (BLOB_POSE_CARD, blob_poser())}[task]
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    for root, shift in ((right, 0.0), (wrong, CELL / SIDE)):
        shutil.copytree(blobs, root)
        for file in root.glob("*/labels/*.txt"):
            lines = [line.split() for line in file.read_text().splitlines()]
            made = [_shaped(label, [float(each) for each in box], task, shift) for label, *box in lines]
            file.write_text("".join(f"{' '.join(each)}\n" for each in made))
    loaded, watch = load({"model.onnx": model}, card), Watch(60)
    found = scores(loaded, open_data(right, card).held_out(), watch)
    assert found.overall > 0.9
    assert set(found.by_label) == set(COLOURS)
    assert min(found.by_label.values()) > 0.99
    assert accuracy(loaded, open_data(wrong, card).held_out(), watch) < 0.1


def _shaped(label: str, box: list[float], task: str, shift: float) -> list[str]:
    """The row of a cell whose outline, or whose key points, are as far off as it says; its box stays."""
    x, y, half = box[0] + shift, box[1] + shift, box[2] / 2
    (left, top), (right, low) = (x - half, y - half), (x + half, y + half)
    if task == "segment":
        return [label, *map(str, (left, top, right, top, right, low, left, low))]
    return [label, *map(str, box), *map(str, (left, top, 2, right, low, 2))]


def test_the_starters_have_their_own_pictures(tmp_path: Path) -> None:
    require_package("sklearn", "train")
    card = ModelCard.parse((STARTERS / "digit-classifier" / "card.json").read_bytes())
    data = open_data("starter", card)
    found = accuracy(
        load({"model.onnx": STARTERS / "digit-classifier" / "model.onnx"}, card), data.held_out(), Watch(60)
    )
    assert found == pytest.approx(card.metrics["accuracy"], abs=0.01)
    with pytest.raises(InvalidInput, match="other labels"):
        open_data("starter", BLOB_CARD)
    with pytest.raises(InvalidInput, match="answers task segment"):
        open_data("starter", card.model_copy(update={"task": Task.SEGMENT}))


def test_without_pictures_it_is_said_what_they_have_to_look_like(blobs: Path, tmp_path: Path) -> None:
    for missing in (None, ""):
        with pytest.raises(InvalidInput, match="labelled pictures") as caught:
            open_data(missing, BLOB_CARD)
        assert "--dataset" in caught.value.hint
    with pytest.raises(InvalidInput, match="not a folder"):
        open_data(tmp_path / "nowhere", BLOB_CARD)
    shutil.copytree(blobs / "train", tmp_path / "half" / "train")
    with pytest.raises(InvalidInput, match="no pictures in held_out/ or val/") as caught:
        open_data(tmp_path / "half", BLOB_CARD)
    assert "labels" in caught.value.hint
    with pytest.raises(InvalidInput, match="task embed cannot be tuned"):
        open_data(blobs, COLOUR_EMBED_CARD)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("0 0.5 0.5 0.1\n", "five numbers"),
        ("red 0.5 0.5 0.1 0.1\n", "five numbers"),
        ("7 0.5 0.5 0.1 0.1\n", "class 7"),
    ],
)
def test_a_wrong_label_names_its_file(blobs: Path, tmp_path: Path, line: str, said: str) -> None:
    root = tmp_path / "wrong"
    shutil.copytree(blobs, root)
    (root / "val" / "labels" / "3.txt").write_text(line)
    with pytest.raises(InvalidInput, match=f"3.txt: .*{said}"):
        list(open_data(root, BLOB_CARD).held_out())


@pytest.mark.parametrize(
    ("card", "line", "said"),
    [
        (BLOB_SEGMENT_CARD, "0 0.5 0.5 0.1 0.1", "three points or more"),
        (BLOB_SEGMENT_CARD, "0 0.1 0.1 0.2 0.2 0.3 nan", "three points or more"),
        (BLOB_SEGMENT_CARD, "0.5 0.1 0.1 0.2 0.2 0.3 0.3", "class 0.5"),
        (BLOB_POSE_CARD, "0 0.5 0.5 0.1 0.1", "every key point"),
        (BLOB_POSE_CARD, "0 0.5 0.5 0.1 0.1 0.4 0.4 2 0.6 0.6", "every key point"),
        (BLOB_POSE_CARD, "-1 0.5 0.5 0.1 0.1 0.4 0.4 2 0.6 0.6 2", "class -1"),
    ],
)
def test_a_wrong_shape_names_its_line(blobs: Path, tmp_path: Path, card: ModelCard, line: str, said: str) -> None:
    root = tmp_path / "wrong"
    shutil.copytree(blobs, root)
    for file in root.glob("val/labels/*.txt"):
        file.write_text("")
    (root / "val" / "labels" / "3.txt").write_text(f"\n{line}\n")
    with pytest.raises(InvalidInput, match=f"3.txt: line 2.*{said}"):
        list(open_data(root, card).held_out())


def test_an_outline_that_leaves_the_picture_is_cut_at_its_edge(blobs: Path, tmp_path: Path) -> None:
    root = tmp_path / "over"
    shutil.copytree(blobs, root)
    for file in root.glob("val/labels/*.txt"):
        file.write_text("1 -1e9 -1e9 0.5 -1e9 0.5 0.5 -1e9 0.5\n0 2 2 3 2 3 3\n")
    data = open_data(root, BLOB_SEGMENT_CARD)
    [cut, outside] = first(data.held_out, 1)[0].boxes_xyxy.tolist()
    assert (cut, outside) == ([0, 0, SIDE / 2, SIDE / 2], [SIDE] * 4)
    assert accuracy(load({"model.onnx": blob_segmenter()}, BLOB_SEGMENT_CARD), data.held_out(), Watch(60)) < 0.5


def test_a_picture_that_is_none_and_a_class_the_model_has_not_are_named(colours: Path, tmp_path: Path) -> None:
    root = tmp_path / "wrong"
    shutil.copytree(colours, root)
    (root / "held_out" / "red" / "120.png").write_bytes(b"GIF89a")
    with pytest.raises(InvalidInput, match=r"120\.png"):
        list(open_data(root, COLOUR_CARD).held_out())
    (root / "held_out" / "red").rename(root / "held_out" / "mauve")
    with pytest.raises(InvalidInput, match="no class 'mauve'"):
        list(open_data(root, COLOUR_CARD).held_out())
