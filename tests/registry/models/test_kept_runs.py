"""Kept runs through the engine: the same answers as direct ones, one run, and several pictures with a bad one."""

import numpy as np
import pytest

from registry.access import Actor
from registry.errors import Forbidden, InvalidImage, InvalidInput, ModelNotFound
from registry.models.many import Picture, each
from registry.models.publish import Draft
from registry.models.registry import ModelRegistry
from registry.models.serving import Serving
from registry.models.thresholds import Thresholds
from registry.models.types import CHAMPION
from registry.records import Role
from registry.runtime.prompts import Prompts
from registry.testing import onnx_models as tiny
from registry.testing.prompt_models import PROMPT_CARD, colour_decoder, colour_encoder
from registry.vision.encoding import encode_png

OLGA = Actor("o" * 32, "olga", Role.OPERATOR)
PAIR = {"encoder.onnx": colour_encoder(), "decoder.onnx": colour_decoder()}


def png(seed: int = 3) -> bytes:
    cells = np.random.default_rng(seed).integers(0, 256, (9, 13, 3), np.uint8)
    return encode_png(cells.repeat(8, axis=0).repeat(8, axis=1))


@pytest.fixture
def detector(models: ModelRegistry, engineer: Actor, unique: str) -> str:
    draft = Draft(unique, {"model.onnx": tiny.blob_detector()}, tiny.BLOB_CARD, alias=CHAMPION)
    models.publish(engineer, draft)
    return unique


@pytest.fixture
def segmenter(models: ModelRegistry, engineer: Actor, unique: str) -> str:
    models.publish(engineer, Draft(unique, PAIR, PROMPT_CARD, alias=CHAMPION))
    return unique


def runs(serving: Serving) -> float:
    return sum(
        sample.value
        for metric in serving.metrics.runs.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    )


def body(answer) -> dict:
    found = answer.to_dict()
    assert set(found.pop("timing_ms")) >= {"decode", "inference", "queue", "total"}
    return found


def test_sliders_answer_what_the_api_answers_and_the_graph_runs_once(serving, detector):
    kept = serving.keep_run(OLGA, png(), model=detector)
    before = runs(serving)
    read = [body(kept.answer(confidence, iou, most)) for confidence, iou, most in ASKED]
    assert runs(serving) == before
    direct = [body(serving.predict(OLGA, png(), model=detector, thresholds=Thresholds(*asked))) for asked in ASKED]
    assert read == direct
    assert runs(serving) == before + len(ASKED)
    assert len({str(each) for each in direct}) > 3


ASKED = [(None, None, None), (0.01, 0.7, 300), (0.3, 0.7, 300), (0.8, 0.2, 300), (0.3, 0.7, 4)]


def test_a_kept_run_counts_as_an_answer(serving, detector):
    before = serving.answered
    serving.keep_run(OLGA, png(), model=detector)
    assert serving.answered == before + 1


def test_prompts_are_kept_too_and_only_for_models_that_take_them(serving, segmenter, models, engineer):
    prompts = Prompts(points=[(20, 12)], boxes=[(8, 8, 40, 40)])
    kept = serving.keep_run(OLGA, png(), model=segmenter, prompts=prompts)
    direct = serving.predict(OLGA, png(), model=segmenter, prompts=prompts)
    assert body(kept.answer()) == body(direct)
    assert len(kept.answer(confidence=0.6).prediction.detections) == 1
    with pytest.raises(InvalidInput, match="name some"):
        serving.keep_run(OLGA, png(), model=segmenter)


def test_a_prompt_model_can_be_promoted_after_it_has_answered(serving, segmenter, models, engineer):
    serving.predict(OLGA, png(), model=segmenter, prompts=Prompts(points=[(20, 12)]))
    models.publish(engineer, Draft(segmenter, PAIR, PROMPT_CARD))
    serving.move_alias(engineer, segmenter, CHAMPION, 2)
    assert serving.resolve(OLGA, segmenter).version == 2


def test_one_picture_that_cannot_be_read_is_named_and_stops_no_other(serving, detector):
    pictures = [Picture("a.png", png(1)), Picture("broken.jpg", b"\xff\xd8\xff nothing"), Picture("c.png", png(2))]
    found = list(each(pictures, lambda image: serving.keep_run(OLGA, image, model=detector)))
    assert [outcome.picture.name for outcome in found if outcome.error] == ["broken.jpg"]
    assert isinstance(found[1].error, InvalidImage)
    assert [outcome.result is not None for outcome in found] == [True, False, True]


def test_what_is_wrong_with_all_pictures_is_said_once(serving, detector):
    with pytest.raises(ModelNotFound):
        list(each([Picture("a.png", png())], lambda image: serving.keep_run(OLGA, image, model="no-such-model")))
    reader = Actor(OLGA.id, "olga", Role.OPERATOR, via="key", scopes=frozenset({"read"}))
    with pytest.raises(Forbidden):
        list(each([Picture("a.png", png())], lambda image: serving.keep_run(reader, image, model=detector)))
