"""The OpenAPI document's examples: every JSON body and answer has one, and it is what its schema says."""

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from tests.contract.conftest import House

LIST_FIELDS = {"items", "total", "page", "size"}
HISTOGRAM = "get /camera-events/counts 200"  # spans of time, not a list to page through


@pytest.fixture(scope="module")
def document(house: House) -> dict[str, Any]:
    answer = house.client.get("/api/v1/openapi.json")
    answer.raise_for_status()
    return answer.json()


def schemas(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema of a JSON body or of a JSON answer that is no refusal, with where it stands."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            told = [("body", operation.get("requestBody", {}))]
            told += [(status, said) for status, said in operation["responses"].items() if status.startswith("2")]
            for what, said in told:
                if schema := said.get("content", {}).get("application/json", {}).get("schema"):
                    yield f"{method} {path} {what}", schema


def named(document: dict[str, Any], schema: dict[str, Any]) -> list[dict[str, Any]]:
    """A schema, or those that it stands for: what it refers to, but null the alternatives, the items of a page."""
    if "$ref" in schema:
        return named(document, document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]])
    if "anyOf" in schema:
        return [one for each in schema["anyOf"] if each != {"type": "null"} for one in named(document, each)]
    if schema.get("properties", {}).keys() >= LIST_FIELDS:
        return named(document, schema["properties"]["items"]["items"])
    return [schema]


def test_every_body_and_every_answer_has_an_example(document) -> None:
    without = [
        where for where, schema in schemas(document) if not all(s.get("examples") for s in named(document, schema))
    ]
    assert without == []


def test_every_example_is_what_its_schema_says(document) -> None:
    every = {
        schema.get("title", where): schema for where, outer in schemas(document) for schema in named(document, outer)
    }
    every |= document["components"]["schemas"]
    wrong = [
        f"{title} {error.json_path}: {error.message}"
        for title, schema in every.items()
        for example in schema.get("examples", ())
        for error in jsonschema.Draft202012Validator(schema | {"components": document["components"]}).iter_errors(
            example
        )
    ]
    assert wrong == []
    shown = document["components"]["schemas"]["CameraOut"]["examples"][0]
    assert shown["group_id"] is None, "a field that may be null is there"


def test_every_list_is_paged(document) -> None:
    """Whatever answers `items` also tells how many there are, and takes a page and its size."""
    bare = [
        where
        for where, schema in schemas(document)
        for one in named(document, schema)
        if "items" in one.get("properties", {})
    ]
    assert bare == [HISTOGRAM]
