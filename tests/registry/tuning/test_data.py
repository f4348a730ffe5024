"""What a model can be tuned on, and what is said about the rest."""

import shutil
from pathlib import Path

import pytest

from registry.errors import InvalidInput
from registry.runtime.card import ModelCard
from registry.runtime.loading import load
from registry.settings import PROJECT_ROOT
from registry.testing.onnx_models import BLOB_CARD, COLOUR_CARD, COLOUR_EMBED_CARD, blob_detector, colour_classifier
from registry.testing.requirements import require_package
from registry.tuning.accuracy import accuracy
from registry.tuning.data import first, open_data
from registry.tuning.watch import Watch

STARTERS = PROJECT_ROOT / "data" / "starter"


def test_a_folder_is_read_and_its_accuracy_is_the_models(blobs: Path, colours: Path) -> None:
    detector, classifier = open_data(blobs, BLOB_CARD), open_data(colours, COLOUR_CARD)
    assert (len(list(detector.calibration())), len(list(detector.held_out()))) == (8, 16)
    assert [each.labels.tolist() for each in first(classifier.held_out, 9)] == [[2]] * 3 + [[1]] * 3 + [[0]] * 3
    watch = Watch(60)
    assert accuracy(load({"model.onnx": blob_detector()}, BLOB_CARD), detector.held_out(), watch) > 0.99
    assert accuracy(load({"model.onnx": colour_classifier()}, COLOUR_CARD), classifier.held_out(), watch) == 1.0
    assert open_data(blobs, BLOB_CARD).version == detector.version


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


def test_a_picture_that_is_none_and_a_class_the_model_has_not_are_named(colours: Path, tmp_path: Path) -> None:
    root = tmp_path / "wrong"
    shutil.copytree(colours, root)
    (root / "held_out" / "red" / "120.png").write_bytes(b"GIF89a")
    with pytest.raises(InvalidInput, match=r"120\.png"):
        list(open_data(root, COLOUR_CARD).held_out())
    (root / "held_out" / "red").rename(root / "held_out" / "mauve")
    with pytest.raises(InvalidInput, match="no class 'mauve'"):
        list(open_data(root, COLOUR_CARD).held_out())
