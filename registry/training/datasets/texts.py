"""Text, YAML, JSON, XML and CSV of a stranger, read as plain data."""

import csv
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import orjson
import yaml
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from registry.errors import InvalidDataset
from registry.training.datasets.problems import Findings, ProblemKind
from registry.yaml_files import NOT_YAML

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_LONGEST_NAME = 100
_LONGEST_NUMBER = 100
_NUMBERS = {"tag:yaml.org,2002:int", "tag:yaml.org,2002:float"}
_YAML_BYTES = 1 << 20


class _PlainLoader(yaml.SafeLoader):
    """YAML without aliases, a few of which can stand for billions of values, and without numbers that never end."""

    def compose_node(self, parent: Any, index: int) -> Any:
        """A node, unless it is an alias or a number of so many digits that reading it takes minutes."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not read")
        node = super().compose_node(parent, index)
        if node is not None and node.tag in _NUMBERS and len(node.value) > _LONGEST_NUMBER:
            raise yaml.YAMLError(f"a number of {len(node.value):,} characters is not read")
        return node


def text_of(data: bytes, file: str, findings: Findings) -> str:
    """Text in UTF-8 or, with its mark, UTF-16; other bytes are read as Latin-1, and noted."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return data.decode("utf-16")
        except UnicodeDecodeError:
            pass
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        findings.add(ProblemKind.ENCODING, "changed", f"not UTF-8 at byte {error.start}: read as Latin-1", file)
        return data.decode("latin-1")


def yaml_of(data: bytes, file: str, findings: Findings) -> dict[str, Any]:
    """A YAML mapping. Raises InvalidDataset for tags that make objects, aliases, and what is no mapping."""
    if len(data) > _YAML_BYTES:
        raise InvalidDataset(f"{file} has more than {_YAML_BYTES >> 20} MiB")
    try:
        found = yaml.load(text_of(data, file, findings), Loader=_PlainLoader)  # noqa: S506 - a SafeLoader
    except NOT_YAML as error:
        raise InvalidDataset(f"{file} is not plain YAML: {_first_line(error)}") from error
    if not isinstance(found, dict):
        raise InvalidDataset(f"{file} holds a {type(found).__name__} where a mapping was expected")
    return found


def json_of(data: bytes, file: str, findings: Findings) -> Any:
    """A JSON document. Raises InvalidDataset, naming the line."""
    try:
        return orjson.loads(text_of(data, file, findings))
    except orjson.JSONDecodeError as error:
        raise InvalidDataset(f"{file} is not JSON: line {error.lineno}, column {error.colno}: {error.msg}") from error


def is_json(data: bytes) -> bool:
    """Whether it is a JSON document."""
    try:
        orjson.loads(text_of(data, "", Findings()))
    except orjson.JSONDecodeError:
        return False
    return True


def xml_of(data: bytes, file: str) -> "Element":
    """The root of an XML document without a document type. Raises InvalidDataset."""
    try:
        root: Element = fromstring(data, forbid_dtd=True)
    except DefusedXmlException as error:
        raise InvalidDataset(f"{file} declares a document type or entities, which are not read") from error
    except (SyntaxError, ValueError, LookupError, RecursionError) as error:  # ParseError is a SyntaxError
        raise InvalidDataset(f"{file} is not XML: {_first_line(error)}") from error
    return root


def rows_of(data: bytes, file: str, findings: Findings) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a CSV file with a header, each with its line. Raises InvalidDataset."""
    reader = csv.DictReader(io.StringIO(text_of(data, file, findings), newline=""), restval="")
    try:
        for row in reader:
            yield reader.line_num, {key: value for key, value in row.items() if isinstance(key, str)}
    except csv.Error as error:
        raise InvalidDataset(f"{file} is not CSV: line {reader.line_num}: {error}") from error


def class_name(value: Any) -> str:
    """A class's name as one printable line; empty for what is none."""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return ""
    return "".join(letter if letter.isprintable() else " " for letter in str(value)).strip()[:_LONGEST_NAME]


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
