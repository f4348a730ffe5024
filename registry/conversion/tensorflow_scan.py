"""What a Keras configuration or a TensorFlow graph would run, read from its bytes: an alarm, not a gate."""

import json
import re
from collections.abc import Iterator
from typing import Any

from registry.errors import InvalidModel
from registry.runtime.protobuf_wire import BYTES, fields

_Way = dict[int, Any]  # which fields of a message are messages that lead further
_OPERATOR: _Way = {}
# Operators that reach files, other machines, programs or Python from inside a graph. Every SavedModel of TensorFlow 2
# has SaveV2, RestoreV2 and MergeV2Checkpoints in the functions that save it.
_FILES = """ReadFile WriteFile MatchingFiles ImmutableConst RecordInput LoadLibrary FileSystemSetConfiguration
InitializeTableFromTextFile InitializeTableFromTextFileV2 GenerateVocabRemapping LoadAndRemapMatrix
FixedUnigramCandidateSampler DecodeProtoV2 EncodeProto InitializeTRTResource SerializeTRTResource PrintV2"""
_READERS = """TextLineReader TextLineReaderV2 WholeFileReader WholeFileReaderV2 FixedLengthRecordReader
FixedLengthRecordReaderV2 TFRecordReader TFRecordReaderV2 IdentityReader IdentityReaderV2 LMDBReader BigQueryReader"""
_DATASETS = """TextLineDataset FixedLengthRecordDataset FixedLengthRecordDatasetV2 TFRecordDataset TFRecordDatasetV2
SqlDataset ExperimentalSqlDataset LMDBDataset ExperimentalLMDBDataset CSVDataset CSVDatasetV2 ExperimentalCSVDataset
MatchingFilesDataset ExperimentalMatchingFilesDataset LoadDataset SaveDataset SaveDatasetV2 CacheDataset CacheDatasetV2
SnapshotDataset SnapshotDatasetV2 SnapshotDatasetReader SnapshotNestedDatasetReader SnapshotChunkDataset
ListSnapshotChunksDataset DistributedSave GeneratorDataset DatasetToTFRecord ExperimentalDatasetToTFRecord
DataServiceDataset DataServiceDatasetV2 DataServiceDatasetV3 DataServiceDatasetV4 RegisterDataset RegisterDatasetV2
DatasetFromGraph"""
_SUMMARIES = """CreateSummaryFileWriter CreateSummaryDbWriter DebugIdentity DebugIdentityV2 DebugIdentityV3
DebugNanCount DebugNumericSummary DebugNumericSummaryV2"""
_CODE = "PyFunc PyFuncStateless EagerPyFunc RpcCall RpcClient RpcServer RpcServerStart"
_REACHING = frozenset(" ".join((_FILES, _READERS, _DATASETS, _SUMMARIES, _CODE)).encode().split())
# The way to every node: of a SavedModel its meta graphs, of those the graph, of a graph its nodes and functions.
_NODE: _Way = {2: _OPERATOR}
_GRAPH: _Way = {1: _NODE, 2: {1: {3: _NODE}}}
_SAVED_MODEL: _Way = {2: {2: _GRAPH}}
_MOST_PARTS = 5_000_000  # fields on the way to the nodes
_LAMBDA = re.compile(rb'"(?:class_name|function_type)"\s*:\s*"(?:Lambda|__lambda__|lambda)"')
_HINT = "Replace the layer with one of Keras' own, or export the network to ONNX where you trained it."


def refuse_reaching_operators(graph: bytes) -> None:
    """Raises InvalidModel when a graph has an operator that reaches outside, in a function of it or itself."""
    _refuse_reaching(graph, _GRAPH)


def refuse_reaching_saved_model(saved: bytes) -> None:
    """`refuse_reaching_operators` for the graphs of a SavedModel."""
    _refuse_reaching(saved, _SAVED_MODEL)


def _refuse_reaching(data: bytes, way: _Way) -> None:
    try:
        found = _REACHING.intersection(_operators(data, way))
    except ValueError as error:
        raise InvalidModel(f"the TensorFlow graph is damaged: {str(error)[:120]}") from error
    if found:
        names = ", ".join(sorted(name.decode() for name in found)[:5])
        raise InvalidModel(f"the TensorFlow graph uses {names}, which reaches outside the graph")


def _operators(data: bytes, way: _Way) -> Iterator[bytes]:
    """The operator of every node of a message. Raises ValueError for bytes that are none, or of too many parts."""
    waiting, seen = [(0, len(data), way)], 0
    while waiting:
        place, end, known = waiting.pop()
        for number, wire, start, stop in fields(data, place, end):
            seen += 1
            if seen > _MOST_PARTS:
                raise ValueError(f"it has more than {_MOST_PARTS} parts")
            inner = known.get(number) if wire == BYTES else None
            if inner is _OPERATOR:
                yield data[start:stop]
            elif inner is not None:
                waiting.append((start, stop, inner))


def refuse_code_in_text(data: bytes) -> None:
    """Raises InvalidModel when the configuration inside an HDF5 file names a Lambda layer.

    The configuration is searched as it lies in the file; the child that loads it checks it again once parsed.
    """
    if _LAMBDA.search(data):
        raise InvalidModel("the Keras model has a Lambda layer, which is Python code", hint=_HINT)


def refuse_code_in_config(text: str | bytes) -> None:
    """Raises InvalidModel when a Keras configuration carries code or asks for classes that are not Keras' own."""
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidModel("the Keras configuration is not JSON", hint=InvalidModel.broken_hint) from error
    for entry in _entries(config):
        name, module = entry.get("class_name"), entry.get("module")
        if name in ("Lambda", "__lambda__") or entry.get("function_type") == "lambda":
            raise InvalidModel("the Keras model has a Lambda layer, which is Python code", hint=_HINT)
        if isinstance(module, str) and module.partition(".")[0] != "keras":
            raise InvalidModel(f"the Keras model asks for {module[:60]}.{name}, which is not Keras' own", hint=_HINT)


def _entries(value: Any) -> Iterator[dict[str, Any]]:
    """Every JSON object, at any depth."""
    waiting = [value]
    while waiting:
        current = waiting.pop()
        if isinstance(current, dict):
            yield current
            waiting.extend(current.values())
        elif isinstance(current, list):
            waiting.extend(current)
