"""Every route of the OpenAPI document, for every role, on own and foreign objects, against one table.

A row says for `user operator engineer admin` what is answered: `ok` (2xx) or a refusal's status. Nobody at all
always gets 401, but where signing in itself is the purpose. A route without a row fails.
"""

import re

import pytest

from tests.contract.conftest import House, refusal
from tests.contract.operations import PUBLIC, ROLES, TABLE, Row, operations, send


def _named(row: Row) -> str:
    return f"{row.method} {row.path} {row.on}".strip()


def test_every_operation_has_a_row(house: House) -> None:
    rows = {(row.method, row.path) for row in TABLE}
    assert operations(house) - rows - PUBLIC == set()
    assert rows <= operations(house)


@pytest.mark.parametrize("row", TABLE, ids=_named)
def test_a_role_is_answered_what_its_row_says(house: House, row: Row) -> None:
    told = {}
    for role, expected in zip(ROLES, row.expected.split(), strict=True):
        ask = row.prepare(house, role)
        response = send(house, row, ask, house.sign_in(ask.by or house.people[role]))
        told[role.value] = (expected, "ok" if response.is_success else str(response.status_code))
    assert {role: found for role, (_, found) in told.items()} == {role: wanted for role, (wanted, _) in told.items()}


def test_nobody_is_answered_401_wherever_signing_in_is_not_the_purpose(house: House) -> None:
    for method, path in sorted(operations(house) - PUBLIC):
        response = house.client.request(method, f"/api/v1{re.sub('{[^}]+}', '1', path)}")
        refusal(response, 401, "not_signed_in")
