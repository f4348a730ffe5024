"""A machine that cannot isolate a child: what is code is turned away and told why, ONNX comes in."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.access import Actor
from registry.conversion import cell, sandbox
from registry.errors import Unavailable
from registry.models.intake import take_in
from registry.models.journey import CONVERT, FAILED, Journey
from registry.models.registry import ModelRegistry
from registry.testing import hostile_files
from registry.testing.onnx_models import BLOB_CARD, blob_detector

_STEPS = ("own root", "landlock", "seccomp", "namespaces")


@pytest.fixture
def open_house(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The launcher on a machine whose kernel refuses every door; the child itself is a real one."""
    text = (
        Path(cell.__file__).read_text(encoding="utf-8").replace("Path(__file__).resolve()", f"Path({cell.__file__!r})")
    )
    text = text.replace(
        "    try:\n        step()\n", f"    try:\n        refused = what in {_STEPS}\n        _refuse(refused, step)\n"
    )
    text = text.replace(
        "def _tried(",
        """def _refuse(refused: bool, step: Any) -> None:
    if refused:
        raise OSError("an old kernel")
    step()


def _tried(""",
    )
    (tmp_path / "cell.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(sandbox, "_CELL", tmp_path / "cell.py")
    sandbox.isolation.cache_clear()
    assert not sandbox.isolation().isolated
    yield
    sandbox.isolation.cache_clear()


def test_a_checkpoint_is_turned_away_with_the_reason(
    open_house: None, models: ModelRegistry, engineer: Actor, unique: str
) -> None:
    checkpoint = hostile_files.torch_archive(hostile_files.calling("ultralytics.nn.tasks", "DetectionModel"))
    journey = Journey()
    with pytest.raises(Unavailable, match="cannot isolate the child") as caught:
        take_in(models, engineer, checkpoint, unique, journey=journey)
    assert "only .onnx is accepted here" in caught.value.message
    assert "Export the model to ONNX" in caught.value.hint
    assert "nexusai doctor" in caught.value.hint
    assert [step.name for step in journey.steps if step.state == FAILED] == [CONVERT]
    assert models.list(engineer, search=unique) == ([], 0)


def test_an_onnx_file_comes_in(open_house: None, models: ModelRegistry, engineer: Actor, unique: str) -> None:
    assert take_in(models, engineer, blob_detector(), unique, card=BLOB_CARD).version == 1
