"""Why ONNX Runtime does not build or run a graph, in our words; its own, with paths of its sources, go into the log."""

import re

import structlog

_LONGEST_NAME = 80
_WORDS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"[Ff]ailed to allocate|bad_alloc"), "there is too little memory for it"),
    (
        re.compile(r"implementation for (?P<operator>\w+)\((?P<version>\d+)\) node with name '(?P<node>[^']*)'"),
        "it has no operator {operator} of version {version} for these types",
    ),
    (re.compile(r"[Gg]ot invalid dimensions for input"), "the input has another size than the graph takes"),
    (
        re.compile(r"while running (?P<operator>\w+) node\. Name:'(?P<node>[^']*)'"),
        "operator {operator} failed on what it was given",
    ),
    (
        re.compile(r"Optype \((?P<operator>\w+)\).* in node \((?P<node>[^)]*)\)"),
        "operator {operator} is given types that do not fit together",
    ),
    (
        re.compile(r"Node ?\((?P<node>[^)]*)\) Op ?\((?P<operator>\w+)\)"),
        "operator {operator} does not fit what it is given",
    ),
    (re.compile(r"In Node, \(\"?(?P<node>[^\",]*)\"?, (?P<operator>\w+)"), "operator {operator} is not as ONNX has it"),
)
_log = structlog.get_logger(__name__)


class NoRoom(RuntimeError):
    """More memory than the runs of all models may take; its text is ours."""


def runtime_words(error: Exception) -> str:
    """What an error of ONNX Runtime means, and for which node of the graph."""
    text = str(error)
    if isinstance(error, NoRoom):
        return text
    _log.warning("onnx_runtime_said", text=text[:2_000])
    for pattern, words in _WORDS:
        if found := pattern.search(text):
            named = found.groupdict()
            node = f" (node {named['node'][:_LONGEST_NAME]!r})" if named.get("node") else ""
            return words.format(**named) + node
    return "it refuses the graph"
