"""Whether a converted graph says what the original says."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from registry.conversion.agreement import SAMPLE, Original, measure
from registry.errors import InvalidModel
from registry.testing.onnx_models import blob_detector
from registry.vision.samples import find_samples

ROWS = np.zeros((1, 4, 6), np.float32)
ROWS[0, :, 4] = (0.9, 0.5, 0.5, 0.1)
ROWS[0, :, 0] = (1, 2, 3, 4)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / SAMPLE).write_bytes(find_samples()[0].path.read_bytes())
    return tmp_path


@pytest.fixture
def compare(folder: Path) -> Callable[..., float]:
    """The difference of these rows from those that a graph answers."""
    import onnx
    from onnx import helper, numpy_helper

    image = helper.make_tensor_value_info("images", onnx.TensorProto.FLOAT, (1, 3, 32, 32))
    answer = helper.make_tensor_value_info("rows", onnx.TensorProto.FLOAT, ROWS.shape)
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "nothing"], ["zero"]),
        helper.make_node("Add", ["constant", "zero"], ["rows"]),
    ]
    weights = [numpy_helper.from_array(ROWS, "constant"), numpy_helper.from_array(np.float32(0), "nothing")]
    graph = helper.make_graph(nodes, "rows", [image], [answer], weights)
    data = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8).SerializeToString()

    def compared(rows: np.ndarray, *, ranked: bool) -> float:
        original: Original = lambda _picture: [rows]  # noqa: E731
        return measure(original, data, folder, ranked=ranked).random

    return compared


def test_rows_that_rounding_may_swap_are_compared_by_their_scores(compare: Callable[..., float]) -> None:
    swapped = ROWS[:, [0, 2, 1, 3]]
    assert compare(swapped, ranked=True) == 0
    with pytest.raises(InvalidModel, match="differs"):
        compare(swapped, ranked=False)


@pytest.mark.parametrize(("row", "column"), [(0, 0), (3, 0), (1, 4), (2, 4)])
def test_a_clear_row_and_every_score_have_to_agree(row: int, column: int, compare: Callable[..., float]) -> None:
    other = ROWS.copy()
    other[0, row, column] += 0.05
    with pytest.raises(InvalidModel, match="differs"):
        compare(other, ranked=True)


def test_another_shape_is_refused(folder: Path) -> None:
    with pytest.raises(InvalidModel, match="answers"):
        measure(lambda _picture: [np.zeros((1, 2), np.float32)], blob_detector(), folder)
