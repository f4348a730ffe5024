"""params.yaml."""

from pathlib import Path

import pytest

from registry.errors import InvalidInput
from registry.training.params import TrainingParams


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("")
    assert TrainingParams.load(path) == TrainingParams()


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("sead: 1", "sead"),  # a slip of the pen must not train with a default
        ("detector: {epochs: 0}", "detector.epochs"),
        ("export: {opset: 13}", "export.opset"),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, text: str, field: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(InvalidInput) as refusal:
        TrainingParams.load(path)
    assert refusal.value.details == {"field": field}


@pytest.mark.parametrize("text", ["detector: [", "seed: !!int ''", "seed: !!bool x"])
def test_what_is_no_yaml_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=r"params.yaml is not plain YAML"):
        TrainingParams.load(path)
