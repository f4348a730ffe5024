"""The starter detector in 8-bit integers: without its head it stays as good."""

from itertools import islice

import pytest

from registry.errors import InvalidModel
from registry.runtime.card import ModelCard
from registry.runtime.loading import load
from registry.settings import PROJECT_ROOT
from registry.testing.onnx_models import BLOB_CARD, blob_detector
from registry.testing.requirements import require_package
from registry.tuning import variants
from registry.tuning.accuracy import accuracy
from registry.tuning.data import TuningData, first, open_data
from registry.tuning.quantise import head_of
from registry.tuning.variants import Variant
from registry.tuning.watch import Watch

FOLDER = PROJECT_ROOT / "data" / "starter" / "digit-detector"
JUDGED = 100


@pytest.fixture(scope="module")
def own() -> Variant:
    card = ModelCard.parse((FOLDER / "card.json").read_bytes())
    return Variant((FOLDER / "model.onnx").read_bytes(), card, is_new=False)


@pytest.fixture(scope="module")
def data(own: Variant) -> TuningData:
    require_package("sklearn", "train")
    return open_data("starter", own.card)


@pytest.fixture(scope="module")
def plain(own: Variant, data: TuningData) -> float:
    return judged(own, data)


def judged(variant: Variant, data: TuningData) -> float:
    network = load({"model.onnx": variant.model_bytes}, variant.card, threads=1)
    return accuracy(network, islice(data.held_out(), JUDGED), Watch(60))


def test_the_head_is_found_by_its_name(own: Variant) -> None:
    assert head_of(own.model_bytes) == "model.23"
    assert head_of(blob_detector()) == ""


def test_without_the_head_integers_are_as_good(own: Variant, data: TuningData, plain: float) -> None:
    made = variants.integers(own, first(data.calibration, 48), whole=False)
    assert made.name == "int8 but the head 192×192 dynamic"
    assert len(made.model_bytes) < 0.7 * len(own.model_bytes)
    assert judged(made, data) > plain - 0.01


def test_with_the_head_in_integers_accuracy_falls(own: Variant, data: TuningData, plain: float) -> None:
    made = variants.integers(own, first(data.calibration, 48), whole=True)
    assert judged(made, data) < plain - 0.01


def test_nncf_makes_integers_that_are_as_good(own: Variant, data: TuningData, plain: float) -> None:
    require_package("nncf", "openvino")
    made = variants.integers_for_openvino(own, first(data.calibration, 48))
    assert made is not None
    assert judged(made, data) > plain - 0.01


def test_a_fixed_input_answers_the_same_and_a_small_one_worse(own: Variant, data: TuningData, plain: float) -> None:
    (fixed,) = variants.fixed(own)
    assert not fixed.card.input.dynamic
    assert judged(fixed, data) == pytest.approx(plain, abs=1e-3)
    smaller = list(variants.smaller(own))
    assert [each.shape for each in smaller] == ["160×160 dynamic", "128×128 dynamic", "96×96 dynamic"]
    assert judged(smaller[-1], data) < plain - 0.05


def test_what_has_a_fixed_input_has_no_other(data: TuningData) -> None:
    still = Variant(blob_detector(), BLOB_CARD, is_new=False)
    assert not list(variants.fixed(still))
    assert not list(variants.smaller(still))
    with pytest.raises(InvalidModel, match="no pictures"):
        variants.integers(still, [], whole=True)
