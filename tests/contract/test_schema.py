"""The OpenAPI document against the API: generated requests, good and bad, for every operation."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.specs.openapi.schemas import OpenApiSchema

from registry.access.actor import local_actor
from registry.access.live import Change
from registry.records import Role
from tests.contract.conftest import House
from tests.contract.operations import PUBLIC, TABLE

EXAMPLES = 10  # for each of some 130 operations, on both kinds of house: some thousands in all
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    ignored_auth,
)


OPERATIONS = sorted({(row.method, row.path) for row in TABLE} | PUBLIC)


@pytest.fixture(scope="module")
def document(house: House) -> OpenApiSchema:
    """Of a house without limits on how fast it is asked."""
    house.platform.editor.bulk(local_actor(), {"limits_on": Change(value=False)})
    return schemathesis.openapi.from_url(str(house.client.base_url.join("/api/v1/openapi.json")))


@pytest.mark.parametrize(
    ("house", "mode"),
    [("sqlite", GenerationMode.NEGATIVE), ("postgresql", GenerationMode.POSITIVE)],
    indirect=["house"],
    ids=["bad on SQLite", "good on PostgreSQL"],
    scope="module",  # one house after the other, instead of a new one for each operation
)
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_no_request_gets_an_answer_the_document_does_not_name(
    house: House, document: OpenApiSchema, method: str, path: str, mode: GenerationMode
) -> None:
    operation = document[path][method.upper()]

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @seed(4)
    @given(case=operation.as_strategy(generation_mode=mode))
    def try_one(case: schemathesis.Case) -> None:
        headers = house.sign_in(house.people[Role.ADMIN])  # a generated request may have signed the last token out
        case.call_and_validate(headers=headers, checks=list(CHECKS), timeout=60)

    try_one()
