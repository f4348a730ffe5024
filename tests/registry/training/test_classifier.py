"""Training, storing and exporting the classifier."""

from pathlib import Path

import numpy as np
import pytest

from registry.runtime.loading import load
from registry.testing.requirements import require_package
from registry.training.classifier import load_weights, save_weights, train_classifier
from registry.training.digits import DigitSplit
from registry.training.evaluation import evaluate_classifier
from registry.training.glyphs import plain_glyphs, varied_glyphs
from registry.training.params import ClassifierParams
from registry.training.starter_cards import classifier_card
from registry.training.torch_export import to_onnx

QUICK = ClassifierParams(epochs=1)


@pytest.fixture(autouse=True)
def _torch() -> None:
    require_package("torch", "train")


def test_equal_seeds_train_equal_weights(split: DigitSplit, tmp_path: Path) -> None:
    few = split.train.take(np.arange(128))
    for name in ("first", "second"):
        save_weights(train_classifier(few, QUICK, 3, lambda epoch, loss: None), tmp_path / name)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


def test_training_reports_every_epoch_and_leaves_torch_as_it_was(split: DigitSplit) -> None:
    import torch

    before = torch.get_num_threads(), torch.get_rng_state()
    seen: list[int] = []
    train_classifier(
        split.train.take(np.arange(64)), ClassifierParams(epochs=3), 0, lambda epoch, loss: seen.append(epoch)
    )
    assert seen == [1, 2, 3]
    assert torch.get_num_threads() == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])


def test_stored_weights_export_to_a_graph_that_answers_the_same(split: DigitSplit, tmp_path: Path) -> None:
    network = train_classifier(split.train, ClassifierParams(epochs=2), 0, lambda epoch, loss: None)
    save_weights(network, tmp_path / "weights")
    model_bytes, difference = to_onnx(load_weights(tmp_path / "weights"), (1, 32, 32))
    assert difference < 1e-4
    model = load({"model.onnx": model_bytes}, classifier_card("test", {}))
    scores = evaluate_classifier(model, split.held_out)
    assert scores.accuracy > 0.8  # two epochs, against 0.1 by chance
    assert scores.confusion.sum() == len(split.held_out)


def test_glyphs_are_the_size_of_the_input_and_vary(split: DigitSplit) -> None:
    few = split.train.take(np.arange(20))
    plain, varied = plain_glyphs(few), varied_glyphs(few, np.random.default_rng(0))
    assert plain.shape == varied.shape == (20, 32, 32)
    assert plain.dtype == varied.dtype == np.uint8
    assert (np.abs(plain.astype(int) - varied).mean(axis=(1, 2)) > 5).all()
