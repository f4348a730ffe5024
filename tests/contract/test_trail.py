"""Every operation that changes something leaves a row in the audit trail that names who did it."""

import pytest
from sqlmodel import col, select

from registry.records import AuditEntry
from tests.contract.conftest import House
from tests.contract.operations import ROLES, TABLE, Row, send

CHANGES_NOTHING = {
    ("post", "/inference/predict"): "answers about a picture and keeps nothing",
    ("post", "/inference/identify"): "compares a picture and keeps nothing",
}
_UNSAFE = frozenset({"post", "put", "patch", "delete"})


def _changing() -> list[Row]:
    """One row of each operation that changes something and that some role may do."""
    rows = {}
    for row in TABLE:
        key = (row.method, row.path)
        if row.method in _UNSAFE and key not in CHANGES_NOTHING and "ok" in row.expected:
            rows.setdefault(key, row)
    return list(rows.values())


def test_what_changes_nothing_is_an_operation() -> None:
    assert {(row.method, row.path) for row in TABLE} >= set(CHANGES_NOTHING)


@pytest.mark.parametrize("row", _changing(), ids=lambda row: f"{row.method} {row.path}")
def test_a_change_leaves_its_row(house: House, row: Row) -> None:
    role = ROLES[row.expected.split().index("ok")]
    ask = row.prepare(house, role)
    user = ask.by or house.people[role]
    headers = house.sign_in(user)
    with house.platform.database.read() as session:
        before = session.exec(select(AuditEntry).order_by(col(AuditEntry.number).desc()).limit(1)).one().number or 0
    response = send(house, row, ask, headers)
    assert response.is_success, response.text
    with house.platform.database.read() as session:
        entries = session.exec(select(AuditEntry).where(col(AuditEntry.number) > before)).all()
    assert [entry for entry in entries if entry.actor_id == user.id and entry.outcome == "ok"]
