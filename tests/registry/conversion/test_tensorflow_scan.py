"""The operators of a TensorFlow graph: what reaches outside is found wherever a node may stand."""

from pathlib import Path

import pytest

from registry.conversion import tensorflow_scan
from registry.conversion.file_kind import kind_of
from registry.conversion.tensorflow_scan import refuse_reaching_operators, refuse_reaching_saved_model
from registry.errors import InvalidModel
from registry.testing.hostile_files import saved_model, tensorflow_graph

REACHING = [
    *("ReadFile", "WriteFile", "MatchingFiles", "PyFunc", "EagerPyFunc", "PrintV2", "LoadAndRemapMatrix"),
    *("InitializeTableFromTextFile", "InitializeTableFromTextFileV2", "LMDBReader", "TextLineReader", "TFRecordReader"),
    *("CacheDataset", "CacheDatasetV2", "SnapshotDataset", "SnapshotDatasetV2", "SaveDatasetV2", "TFRecordDataset"),
    *("CreateSummaryFileWriter", "CreateSummaryDbWriter", "DebugIdentityV3", "DataServiceDatasetV4", "RecordInput"),
]
# A network and the functions that every SavedModel of TensorFlow 2 is saved and restored with.
GENUINE = [
    *("Conv2D", "Placeholder", "Const", "BiasAdd", "StatefulPartitionedCall", "VarHandleOp", "ReadVariableOp"),
    *("SaveV2", "RestoreV2", "MergeV2Checkpoints", "ShardedFilename", "StringJoin", "Pack", "AssignVariableOp"),
    *("LookupTableFindV2", "HashTableV2", "IteratorV2", "TensorDataset", "MapDataset"),
]


@pytest.mark.parametrize("in_function", [False, True], ids=["in the graph", "in a function"])
@pytest.mark.parametrize("operator", REACHING)
def test_what_reaches_outside_is_refused(operator: str, in_function: bool) -> None:
    with pytest.raises(InvalidModel, match=f"uses {operator}, which reaches"):
        refuse_reaching_operators(tensorflow_graph(operator, in_function=in_function))
    with pytest.raises(InvalidModel, match=f"uses {operator}, which reaches"):
        refuse_reaching_saved_model(saved_model(operator, in_function=in_function))


@pytest.mark.parametrize("operator", GENUINE)
def test_what_a_genuine_model_holds_passes(operator: str) -> None:
    refuse_reaching_operators(tensorflow_graph(operator) + tensorflow_graph(operator, in_function=True))
    refuse_reaching_saved_model(saved_model(operator) + saved_model(operator, in_function=True))


def test_a_node_that_is_only_called_as_such_an_operator_passes() -> None:
    node = b"\x0a\x08ReadFile\x12\x05Const\x1a\x08ReadFile"
    refuse_reaching_operators(b"\x0a" + bytes([len(node)]) + node)


def test_the_second_operator_of_a_node_counts() -> None:
    node = b"\x0a\x01n\x12\x05Const\x12\x08ReadFile"
    with pytest.raises(InvalidModel, match="ReadFile"):
        refuse_reaching_operators(b"\x0a" + bytes([len(node)]) + node)


def test_a_graph_of_more_parts_than_anybody_needs_is_refused_before_its_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    empty_nodes = b"\x0a\x00" * 300_000
    monkeypatch.setattr(tensorflow_scan, "_MOST_PARTS", 1_000)
    with pytest.raises(InvalidModel, match="more than 1000 parts"):
        refuse_reaching_operators(empty_nodes)
    (tmp_path / "model.pb").write_bytes(empty_nodes)
    with pytest.raises(InvalidModel, match="no format that has a way in"):
        kind_of(tmp_path / "model.pb", None)


def test_a_damaged_graph_is_refused() -> None:
    with pytest.raises(InvalidModel, match="damaged"):
        refuse_reaching_saved_model(saved_model("Conv2D")[:-3])
