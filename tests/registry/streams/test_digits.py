"""The starter model on a film of moving digits: found, tracked, counted."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import supervision as sv

from registry.runtime.card import MODEL_FILE, ModelCard
from registry.runtime.loading import load
from registry.settings import PROJECT_ROOT
from registry.streams import (
    AnalysisOptions,
    Camera,
    Detector,
    FrameResult,
    Line,
    Notice,
    Pipeline,
    SourcePolicy,
    parse_source,
)
from registry.testing.requirements import require_package
from registry.testing.video import Clip, write_digit_clip
from registry.testing.watched import wait_until

STARTER = PROJECT_ROOT / "data" / "starter" / "digit-detector"


@pytest.fixture(scope="module")
def digits_detector() -> Detector:
    card = ModelCard.parse((STARTER / "card.json").read_text("utf-8"))
    model = load({MODEL_FILE: STARTER / MODEL_FILE}, card)

    def detect(images: Sequence[np.ndarray[Any, Any]]) -> list[sv.Detections]:
        return [model.predict(image).detections for image in images]

    return Detector("digit-detector", detect)


def test_moving_digits_are_detected_tracked_and_counted(policy: SourcePolicy, digits_detector: Detector) -> None:
    require_package("sklearn", "train")
    from registry.training.digits import load_digits, split_digits

    film = policy.folders[0] / "digits.mp4"
    held_out = split_digits(load_digits(), 0.2, 7).held_out
    truth = write_digit_clip(film, held_out, Clip(seconds=8.0, fps=15, size_wh=(640, 360)))
    results: list[FrameResult] = []

    def keep(notice: Notice) -> None:
        if isinstance(notice, FrameResult):
            results.append(notice)

    pipeline = Pipeline(policy, (keep,))
    lines = (Line("middle", (0.5, 0.0), (0.5, 1.0)),)
    try:
        analysis = AnalysisOptions(regions=None, lines=lines)
        pipeline.add(Camera("demo", parse_source(f"file://{film}", policy), analysis=analysis), digits_detector)
        wait_until(lambda: len(results) >= 38, 60)
        pipeline.remove("demo")
        account = pipeline.account("demo")
    finally:
        pipeline.close()
    assert account.balanced
    assert account.failed == 0
    looks = Counter(view.track_id for result in results for view in result.tracks)
    long_lived = [track_id for track_id, count in looks.items() if count >= 8]
    assert 3 <= len(long_lived) <= 6, "three digits; a film that begins anew may begin tracks anew"
    last = {view.track_id: view.label for result in results for view in result.tracks}
    right = [track_id for track_id in long_lived if last[track_id] in {str(label) for label in truth.labels}]
    assert len(right) >= len(long_lived) - 1
    assert sum(results[-1].counts.values()) >= 1
