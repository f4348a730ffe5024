"""Two versions side by side, and how a version came in."""

import numpy as np
import pytest

from registry.access import Actor
from registry.errors import InvalidInput, NameTaken, VersionNotFound
from registry.models.comparison import compare_cards, compare_on_picture
from registry.models.intake import take_in
from registry.models.intake_report import intake_report
from registry.models.publish import Draft
from registry.models.registering import register
from registry.models.registry import ModelRegistry
from registry.models.serving import Serving
from registry.runtime.answer_diff import FoundDiff
from registry.runtime.card import Thresholds
from registry.testing.onnx_models import BLOB_CARD, COLOURS, blob_detector

RENAMED = BLOB_CARD.model_copy(
    update={
        "labels": ("red", "green", "sky"),
        "thresholds": Thresholds(confidence=0.7),
        "metrics": {"mAP50": 0.9},
        "dataset": "spots 4",
    }
)


def _two(models: ModelRegistry, actor: Actor, name: str) -> None:
    for card in (BLOB_CARD, RENAMED):
        models.publish(actor, Draft(name, {"model.onnx": blob_detector()}, card))


def test_the_facts_that_differ_are_marked(models: ModelRegistry, engineer: Actor, unique: str) -> None:
    _two(models, engineer, unique)
    second, first = models.versions(engineer, unique)
    facts = {(fact.group, fact.name): fact for fact in compare_cards(first, second)}
    differ = {key for key, fact in facts.items() if fact.differs} - {("lineage", "created_at"), ("lineage", "run_id")}
    assert differ == {("card", "labels"), ("thresholds", "confidence"), ("metrics", "mAP50"), ("lineage", "dataset")}
    assert (facts["metrics", "mAP50"].left, facts["metrics", "mAP50"].right) == (None, 0.9)
    assert facts["card", "labels"].left == list(COLOURS)
    assert not facts["files", "sha256"].differs
    assert list(dict.fromkeys(fact.group for fact in compare_cards(first, second))) == [
        "files", "card", "input", "thresholds", "metrics", "lineage",
    ]  # fmt: skip


def test_both_are_asked_about_one_picture(
    models: ModelRegistry, serving: Serving, engineer: Actor, unique: str
) -> None:
    _two(models, engineer, unique)
    second, first = models.versions(engineer, unique)
    image = np.zeros((64, 64, 3), np.uint8)
    image[16:24, 40:48] = (0, 0, 255)  # BGR: red to both
    image[32:40, 8:16] = (255, 0, 0)  # blue to one, sky to the other
    image[48:56, 8:16] = (0, 128, 0)  # above the threshold of one alone
    compared = compare_on_picture(serving, engineer, image, first, second)
    assert isinstance(compared.diff, FoundDiff)
    assert compared.diff.to_dict() | {"mean_iou": 1.0} == {
        "same": 1, "renamed": 1, "only_left": 1, "only_right": 0, "mean_iou": 1.0, "score_shift": 0.0, "differences": 2,
    }  # fmt: skip
    assert (compared.left.version.version, compared.right.version.version) == (1, 2)
    height, width, _ = compared.left.plot().shape
    assert compared.plot().shape == (height, 2 * width + 8, 3)
    assert compared._repr_png_().startswith(b"\x89PNG")


def test_how_a_version_came_in_is_kept_with_it(models: ModelRegistry, engineer: Actor, unique: str) -> None:
    made = take_in(models, engineer, blob_detector(), unique, card=BLOB_CARD)
    report = intake_report(models, models.version(engineer, unique, 1))
    assert report is not None
    assert report["source"]["sha256"] == made.sha256
    assert [step["name"] for step in report["steps"]] == ["receive", "scan", "convert", "verify"]
    models.publish(engineer, Draft(unique, {"model.onnx": blob_detector()}, BLOB_CARD))
    assert intake_report(models, models.version(engineer, unique, 2)) is None


def test_a_version_remembers_what_it_was_made_from(models: ModelRegistry, engineer: Actor, unique: str) -> None:
    files = {"model.onnx": blob_detector()}
    models.publish(engineer, Draft(unique, files, BLOB_CARD))
    models.publish(engineer, Draft(unique, files, BLOB_CARD, parent=f"{unique}/1"))
    assert models.version(engineer, unique, 2).parent == f"{unique}/1"
    with models.connected() as client:
        run = client.get_run(models.version(engineer, unique, 2).run_id)
    assert run.data.params["parent"] == f"{unique}/1"
    for wrong, error in ((f"{unique}/9", VersionNotFound), (unique, InvalidInput)):
        with pytest.raises(error):
            models.publish(engineer, Draft(unique, files, BLOB_CARD, parent=wrong))
    assert models.get(engineer, unique).latest_version == 2


def test_a_registered_name_waits_for_its_first_version(models: ModelRegistry, engineer: Actor, unique: str) -> None:
    empty = register(models, engineer, unique, description="later", access_level="private")
    assert (empty.latest_version, empty.task, empty.metrics) == (0, "", {})
    with pytest.raises(NameTaken):
        register(models, engineer, unique)
    with pytest.raises(VersionNotFound, match="has no version yet"):
        models.resolve(engineer, unique)
    models.publish(engineer, Draft(unique, {"model.onnx": blob_detector()}, RENAMED, description="no matter"))
    filled = models.get(engineer, unique)
    assert (filled.latest_version, filled.task, filled.access_level) == (1, "detect", "private")
    assert (filled.description, filled.metrics) == ("later", {"mAP50": 0.9})
