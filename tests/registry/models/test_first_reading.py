"""The first reading of a graph: in a child, so that what becomes far larger than its file is nobody else's matter."""

from typing import Any

import onnx
import pytest

from registry.access import Actor
from registry.errors import InvalidModel
from registry.models.first_reading import read_graphs
from registry.models.intake import take_in
from registry.models.registry import ModelRegistry
from registry.runtime.card import MODEL_FILE
from registry.runtime.infer_card import infer_card
from registry.testing.hostile_files import Trap, hostile_graphs
from registry.testing.onnx_models import BLOB_CARD, blob_detector


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process builds no graph; its children do."""

    def parse(*_arguments: Any) -> onnx.ModelProto:
        raise AssertionError("a foreign graph became objects outside of a child")

    monkeypatch.setattr(onnx, "load_model_from_string", parse)


def test_a_card_is_read_from_the_graph_unless_one_is_given() -> None:
    files = {MODEL_FILE: blob_detector()}
    assert read_graphs(files, None) == infer_card(files[MODEL_FILE])
    assert read_graphs(files, BLOB_CARD) is BLOB_CARD


@pytest.mark.parametrize("card", [None, BLOB_CARD], ids=["without a card", "with a card"])
def test_a_refused_graph_is_told_by_the_child(card: Any, tmp_path: Any) -> None:
    hostile = hostile_graphs(Trap(tmp_path, 9, tmp_path))["a compiled engine"]
    with pytest.raises(InvalidModel, match="EPContext"):
        read_graphs({MODEL_FILE: hostile}, card)


def test_a_graph_that_takes_far_more_memory_than_its_file_ends_its_child(tmp_path: Any) -> None:
    hostile = hostile_graphs(Trap(tmp_path, 9, tmp_path))["a list that doubles"]
    assert len(hostile) < 100_000
    with pytest.raises(InvalidModel, match="first reading"):
        read_graphs({MODEL_FILE: hostile}, BLOB_CARD)


@pytest.mark.usefixtures("unread")
@pytest.mark.parametrize("card", [None, BLOB_CARD], ids=["without a card", "with a card"])
def test_a_model_is_taken_in_without_being_read_here(
    card: Any, models: ModelRegistry, engineer: Actor, unique: str
) -> None:
    assert take_in(models, engineer, blob_detector(), unique, card=card).version == 1
