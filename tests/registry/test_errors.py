"""The error tree: complete, documented, drawn as it is."""

import re
from collections.abc import Iterator
from http import HTTPStatus

from registry import errors
from registry.errors import RegistryError, TooManyAttempts
from registry.settings import PROJECT_ROOT


def _walk(root: type[RegistryError] = RegistryError) -> Iterator[type[RegistryError]]:
    yield root
    for child in root.__subclasses__():
        yield from _walk(child)


def test_every_error_has_a_code_of_its_own_and_an_http_status() -> None:
    found = list(_walk())
    assert len({error.code for error in found}) == len(found)
    assert all(HTTPStatus(error.status) >= HTTPStatus.BAD_REQUEST for error in found)


def test_the_drawing_shows_the_tree() -> None:
    drawn = re.findall(r"(\w+) +(\d{3})  (\w+)$", errors.__doc__ or "", re.MULTILINE)
    assert drawn == [(error.__name__, str(error.status), error.code) for error in _walk()]


def test_every_error_has_a_heading_in_the_docs() -> None:
    headings = re.findall(r"^### `(\w+)`", (PROJECT_ROOT / "docs" / "errors.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(headings) == sorted(error.code for error in _walk())


def test_an_error_becomes_the_one_shape() -> None:
    error = TooManyAttempts("too many", details={"retry_after_s": 4})
    assert error.to_dict("r1") == {
        "error": {
            "code": "too_many_attempts",
            "message": "too many",
            "hint": TooManyAttempts.default_hint,
            "details": {"retry_after_s": 4},
            "request_id": "r1",
        }
    }
