"""The digits and their split."""

from pathlib import Path

import numpy as np

from registry.training.digits import LABELS, DigitSplit, load_digits, split_digits


def test_no_digit_serves_both_training_and_evaluation(split: DigitSplit) -> None:
    assert not set(split.train.indices) & set(split.held_out.indices)
    pictures = [{image.tobytes() for image in digits.images} for digits in (split.train, split.held_out)]
    assert not pictures[0] & pictures[1]


def test_the_split_loses_no_digit(split: DigitSplit) -> None:
    both = np.sort(np.concatenate([split.train.indices, split.held_out.indices]))
    np.testing.assert_array_equal(both, load_digits().indices)


def test_every_label_is_held_out_in_the_same_share(split: DigitSplit) -> None:
    for label in range(len(LABELS)):
        held_out, train = (np.sum(part.labels == label) for part in (split.held_out, split.train))
        assert abs(held_out / (held_out + train) - 0.25) < 0.01


def test_another_seed_holds_out_other_digits(split: DigitSplit) -> None:
    other = split_digits(load_digits(), 0.25, seed=8)
    assert set(other.held_out.indices) != set(split.held_out.indices)


def test_a_saved_split_reads_back_and_equal_splits_are_equal_bytes(split: DigitSplit, tmp_path: Path) -> None:
    first, second = tmp_path / "first.npz", tmp_path / "second.npz"
    split.save(first)
    DigitSplit.load(first).save(second)
    assert first.read_bytes() == second.read_bytes()
    np.testing.assert_array_equal(DigitSplit.load(second).held_out.images, split.held_out.images)
