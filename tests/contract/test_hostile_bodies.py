"""Bodies that no honest client sends: each is refused in the one shape, and the next good request is answered."""

import json

import pytest

from registry.records import Role
from tests.contract.asking import Ask
from tests.contract.conftest import House
from tests.contract.operations import PUBLIC, TABLE

_DEEP = 200_000


def _everywhere(text: str) -> bytes:
    """JSON with this text in each field that takes one somewhere."""
    return json.dumps(dict.fromkeys(("username", "password", "value", "full_name", "name", "email"), text)).encode()


BODIES = {
    "100 kB of opening brackets": b"[" * _DEEP,
    "objects in objects": b'{"a":' * _DEEP + b"1" + b"}" * _DEEP,
    "a deep value in a known field": b'{"username": ' + b"[" * _DEEP + b"]" * _DEEP + b', "password": "x"}',
    "NaN": b'{"username": NaN, "password": "x", "value": NaN, "version": NaN}',
    "Infinity": b'{"value": -Infinity, "version": Infinity, "expires_in_days": 1e400}',
    "a number of 5,000 digits": b'{"value": ' + b"9" * 5_000 + b', "version": ' + b"9" * 5_000 + b"}",
    "a lone surrogate": _everywhere("\ud800"),
    "a NUL": _everywhere("a\0b"),
    "not UTF-8": b'{"username": "\xff\xfe", "password": "x"}',
    "nothing": b"",
    "a text": b'"text"',
    "null": b"null",
    "a cut object": b'{"username": "ada"',
}
pytestmark = pytest.mark.parametrize("house", ["sqlite", "postgresql"], indirect=True)
_CHANGING = {(row.method, row.path) for row in TABLE if row.method in {"post", "put"}}
_FORMS = {
    ("post", path) for path in ("/inference/predict", "/inference/enrol", "/inference/identify", "/models/upload")
}
WITH_JSON = sorted((_CHANGING | PUBLIC) - _FORMS)


@pytest.mark.parametrize(("method", "path"), WITH_JSON)
def test_hostile_bodies_are_refused_in_the_one_shape(house: House, method: str, path: str) -> None:
    rows = [row for row in TABLE if (row.method, row.path) == (method, path)]
    row = next((row for row in rows if row.expected.endswith("ok")), next(iter(rows), None))
    ask = row.prepare(house, Role.ADMIN) if row else Ask()
    user = ask.by or house.people[Role.ADMIN]
    for name, body in BODIES.items():
        proof = {} if (method, path) in PUBLIC else house.sign_in(user)  # one body may have signed the last one out
        response = house.client.request(
            method.upper(),
            f"/api/v1{path.format(**ask.path)}",
            params=ask.query,
            content=body,
            headers={"content-type": "application/json", **proof},
        )
        expected_away = row is not None and "503" in row.expected.split()  # what it reaches out to is not there
        assert response.status_code < 500 or (expected_away and response.status_code == 503), (name, response.text)
        if not response.is_success:  # an operation without a body ignores what comes in one
            assert set(response.json()["error"]) == {"code", "message", "hint", "details", "request_id"}, name
    assert house.client.get("/api/v1/auth/me", headers=house.sign_in(user)).status_code == 200
