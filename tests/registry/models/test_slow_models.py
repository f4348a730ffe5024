"""Models that are slow on some pictures only: kept out where the trial shows it, ended where it does not."""

import time
from pathlib import Path

import numpy as np
import pytest

from registry.access import Actor
from registry.errors import ModelTooSlow
from registry.models import trial
from registry.models.intake import take_in
from registry.models.registry import ModelRegistry
from registry.models.serving import Serving
from registry.runtime.card import MODEL_FILE
from registry.testing.onnx_models import COLOUR_LOGITS_CARD
from registry.testing.slow_models import slow_between


@pytest.mark.parametrize("low", [-0.1, 0.45, 0.9])
def test_a_model_that_is_slow_on_black_noise_or_white_fails_its_trial(low: float, tmp_path: Path) -> None:
    """On the grey picture, whose mean is 0.447, it answers at once."""
    trial.lay_out({MODEL_FILE: slow_between(low, low + 0.15)}, COLOUR_LOGITS_CARD, tmp_path, run_seconds=1.0)
    with pytest.raises(ModelTooSlow):
        trial.work(tmp_path)


def test_a_run_that_takes_too_long_is_ended_and_the_next_request_answered(
    models: ModelRegistry, engineer: Actor, unique: str
) -> None:
    slow = slow_between(0.9, 0.95)  # on no picture of the trial
    take_in(models, engineer, slow, unique, card=COLOUR_LOGITS_CARD)
    rare, other = (np.full((32, 32, 3), value, np.uint8) for value in (236, 50))
    serving = Serving(models, models.settings.model_copy(update={"run_max_seconds": 1}))
    serving.predict(engineer, other, model=unique)
    started = time.monotonic()
    with pytest.raises(ModelTooSlow) as caught:
        serving.predict(engineer, rare, model=unique)
    assert time.monotonic() - started < 20  # it would go on for minutes
    assert caught.value.hint
    assert serving.predict(engineer, other, model=unique).prediction.classes
