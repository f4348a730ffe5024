"""What the training tests share: the repository, its parameters and a split of the real digits."""

from pathlib import Path

import pytest

from registry.testing.requirements import require_package
from registry.training.digits import DigitSplit, load_digits, split_digits
from registry.training.params import TrainingParams

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def params() -> TrainingParams:
    return TrainingParams.load(ROOT / "params.yaml")


@pytest.fixture(scope="session")
def split(params: TrainingParams) -> DigitSplit:
    """The split that the committed models were trained on."""
    require_package("sklearn", "train")
    return split_digits(load_digits(), params.dataset.held_out_fraction, params.seed)
