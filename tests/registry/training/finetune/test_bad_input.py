"""What cannot be trained is refused when it is asked for, saying what, where and what to do."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from registry.access import Actor
from registry.errors import (
    DatasetNotFound,
    Forbidden,
    InvalidDataset,
    InvalidInput,
    InvalidModel,
    ModelNotFound,
    VersionNotFound,
)
from registry.jobs.train_parameters import Architecture, Recipe, read_recipe
from registry.training.finetune import start_weights
from registry.training.finetune.start import TrainingAsked

if TYPE_CHECKING:
    from tests.registry.training.finetune.conftest import School


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("epochs", 0),
        ("epochs", 1_001),
        ("image_size", 7),
        ("image_size", 100),  # no multiple of 32
        ("image_size", 4_096),
        ("batch", 0),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("patience", -1),
        ("seed", -1),
        ("augment", "wild"),
        ("search_minutes", -5),
        ("architecture", {"width": 9}),
        ("wings", 2),
    ],
    ids=str,
)
def test_parameters_out_of_range_are_named(field: str, value: Any) -> None:
    with pytest.raises(InvalidInput, match=field):
        read_recipe({field: value})


def _set(folder: Path, source: Path, name: str, *, names: Any = None) -> Path:
    """A copy of the small dataset to spoil."""
    made = folder / name
    shutil.copytree(source, made)
    if names is not None:
        spec = yaml.safe_load((made / "data.yaml").read_text())
        (made / "data.yaml").write_text(yaml.safe_dump(spec | {"names": names}))
    return made


def test_an_empty_split_is_refused_and_the_way_out_is_named(school: "School", digit_set: Path, tmp_path: Path) -> None:
    made = _set(tmp_path, digit_set, "no-test")
    for part in ("images", "labels"):
        shutil.rmtree(made / part / "test")
    name = school.add(made, f"{school.dataset}-no-test")
    with pytest.raises(InvalidDataset, match="has no test split") as caught:
        school.trainings.start(school.actor, school.asked(dataset=name))
    assert f"datasets split {name}" in caught.value.hint


def test_pictures_without_labels_cannot_teach(school: "School", digit_set: Path, tmp_path: Path) -> None:
    made = _set(tmp_path, digit_set, "bare")
    for label in (made / "labels/train").iterdir():
        label.write_text("")
    name = school.add(made, f"{school.dataset}-bare")
    with pytest.raises(InvalidDataset, match=r"training split .* has a box"):
        school.trainings.start(school.actor, school.asked(dataset=name))


def test_boxes_do_not_teach_a_classifier_and_one_class_neither(
    school: "School", digit_set: Path, tmp_path: Path
) -> None:
    classifier, scratch = _classifier(school), Recipe(architecture=Architecture())
    with pytest.raises(InvalidDataset, match="teaches to detect"):
        school.trainings.start(school.actor, school.asked(model=classifier, recipe=scratch))
    made = tmp_path / "alone"
    for split, part in (("train", "train"), ("val", "val"), ("test", "test")):
        shutil.copytree(digit_set / "images" / part, made / split / "digit")
    name = school.add(made, f"{school.dataset}-alone")
    with pytest.raises(InvalidDataset, match="all of one class"):
        school.trainings.start(school.actor, school.asked(model=classifier, dataset=name, recipe=scratch))


def _classifier(school: "School") -> str:
    from registry.models.registering import register

    name = f"{school.model}-classes"
    try:
        school.rooms.models.get(school.actor, name)
    except ModelNotFound:
        register(school.rooms.models, school.actor, name, task="classify")
    return name


def test_other_classes_need_another_name_or_a_word(school: "School", digit_set: Path, tmp_path: Path) -> None:
    others = {index: f"glyph {index}" for index in range(9)} | {9: "9"}
    name = school.add(_set(tmp_path, digit_set, "glyphs", names=others), f"{school.dataset}-glyphs")
    with pytest.raises(InvalidInput, match="classes are not those of") as caught:
        school.trainings.start(school.actor, school.asked(dataset=name))
    assert caught.value.details["missing"] == [str(digit) for digit in range(9)]
    allowed = school.trainings.parameters(school.actor, school.asked(dataset=name, new_classes=True))
    assert allowed.labels[-1] == "9"
    elsewhere = school.trainings.parameters(school.actor, school.asked(dataset=name, name=f"{school.model}-glyphs"))
    assert elsewhere.model == f"{school.model}-glyphs"


def test_the_same_classes_in_another_order_keep_the_parents_order(
    school: "School", digit_set: Path, tmp_path: Path
) -> None:
    turned = {index: str(9 - index) for index in range(10)}
    name = school.add(_set(tmp_path, digit_set, "turned", names=turned), f"{school.dataset}-turned")
    parameters = school.trainings.parameters(school.actor, school.asked(dataset=name))
    assert parameters.labels == tuple("0123456789")


def test_a_version_that_came_as_onnx_names_those_that_can_be_trained(school: "School") -> None:
    name = school.publish(f"{school.model}-onnx", checkpoint=False)
    with pytest.raises(InvalidModel, match="keeps no checkpoint") as caught:
        school.trainings.start(school.actor, school.asked(model=name))
    assert caught.value.details["trainable"]
    assert "width 0.125" in caught.value.hint


def test_a_model_that_somebody_tampered_with_spoils_nobody_elses_answer(school: "School") -> None:
    name = school.publish(f"{school.model}-onnx-too", checkpoint=False)
    spoiled = school.publish(f"{school.model}-spoiled")
    with school.rooms.models._mlflow.connected() as client:
        client.set_model_version_tag(spoiled, "1", "nexusai.files", "[1")
    with pytest.raises(InvalidModel, match="keeps no checkpoint") as caught:
        school.trainings.start(school.actor, school.asked(model=name))
    assert f"{spoiled}/1" not in caught.value.details["trainable"]


def test_what_is_not_there_is_not_found(school: "School") -> None:
    start, asked = school.trainings.start, school.asked
    with pytest.raises(ModelNotFound):
        start(school.actor, asked(model="nobody-knows-it"))
    with pytest.raises(VersionNotFound):
        start(school.actor, asked(version=99))
    with pytest.raises(DatasetNotFound):
        start(school.actor, asked(dataset="nobody-knows-it"))
    with pytest.raises(VersionNotFound):
        start(school.actor, asked(dataset_version=99))


def test_who_may_not_publish_may_not_train(school: "School", user: Actor, engineer: Actor) -> None:
    asked = TrainingAsked(school.model, school.dataset)
    with pytest.raises(Forbidden):
        school.trainings.start(user, asked)
    with pytest.raises(Forbidden, match=r"model\.change"):  # somebody else's model
        school.trainings.start(engineer, asked)
    named = TrainingAsked(school.model, school.dataset, name=f"{school.model}-eves")
    assert school.trainings.parameters(engineer, named).model == f"{school.model}-eves"


@pytest.mark.parametrize(
    "layer",
    [
        [-1, 1, "__import__('os').system('true')", []],
        [-1, 1, "Conv", ["__import__('os')"]],
        [-1, 1, "os.system", ["true"]],
        [-1, 1, "Conv", "64"],
        [-1, 10**9, "Conv", [64]],
        [-1, 1, "nn.Linear", [64, 10**9]],
        [-1, 1, "Conv", [float("nan")]],
        5,
    ],
    ids=["module", "argument", "dotted", "text", "repeated", "great", "nan", "number"],
)
def test_an_architecture_with_more_than_layers_and_numbers_is_refused(layer: list[Any]) -> None:
    with pytest.raises((ValueError, TypeError), match=r"is no|no list|repeated|too great|must be an iterable"):
        start_weights.check_architecture({"nc": 1, "backbone": [layer], "head": []})
    with pytest.raises(ValueError, match="activation"):
        start_weights.check_architecture({"backbone": [[-1, 1, "Conv", [8]]], "head": [], "activation": "exit()"})


@pytest.mark.parametrize(
    "settings",
    [{"scale": "../../x"}, {"scales": {"n": [0.5, 10**6, 1024]}}, {"width_multiple": 99}, {"nc": 10**9}],
    ids=["scale", "scales", "width", "classes"],
)
def test_settings_of_an_architecture_are_bounded(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"no scale|widened|too great"):
        start_weights.check_architecture({"backbone": [[-1, 1, "Conv", [8]]], "head": [], **settings})


def test_a_hostile_checkpoint_is_opened_in_the_sandbox_alone(tmp_path: Path) -> None:
    import pickle
    import zipfile

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    checkpoint = tmp_path / "trap.pt"
    with zipfile.ZipFile(checkpoint, "w") as archive:
        archive.writestr("trap/data.pkl", pickle.dumps({"model": Trap()}))
        archive.writestr("trap/version", "3\n")
    with pytest.raises(InvalidModel):
        start_weights.unpack_checkpoint(checkpoint.read_bytes(), tmp_path)
    assert not (tmp_path / "sprung").exists()
