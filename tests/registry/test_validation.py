"""How pydantic's problems are told: one way for everybody."""

import re

import pytest
from pydantic import BaseModel, Field, ValidationError, model_validator

from registry.settings import PROJECT_ROOT
from registry.validation import first_problem, problems_of


class _Inner(BaseModel):
    side: int = Field(ge=1)


class _Outer(BaseModel):
    parts: list[_Inner] = []
    name: str = "a"

    @model_validator(mode="after")
    def _named(self) -> "_Outer":
        if self.name == "bad":
            raise ValueError("it may not be bad")
        return self


def _error(**fields: object) -> ValidationError:
    with pytest.raises(ValidationError) as refused:
        _Outer.model_validate(fields)
    return refused.value


def test_a_problem_is_told_by_the_path_to_its_field() -> None:
    problem = first_problem(_error(parts=[{"side": 3}, {"side": 0}]))
    assert (problem.field, problem.given) == ("parts.1.side", 0)
    assert str(problem) == "parts.1.side: Input should be greater than or equal to 1"


def test_what_no_field_is_to_blame_for_has_the_name_of_the_whole_and_only_our_own_words() -> None:
    assert str(first_problem(_error(name="bad"), "the form")) == "the form: it may not be bad"
    assert str(first_problem(_error(name="bad"))) == "it may not be bad"


def test_all_problems_come_in_the_order_of_the_fields() -> None:
    found = problems_of(_error(parts=[{"side": 0}, {}], name=3))
    assert [each.field for each in found] == ["parts.0.side", "parts.1.side", "name"]


def test_nobody_else_picks_pydantics_first_error() -> None:
    picked = re.compile(r"\.errors\([^)]*\)\[0\]")
    rooms = [path for room in ("app", "flows", "registry") for path in (PROJECT_ROOT / room).rglob("*.py")]
    assert [path for path in rooms if picked.search(path.read_text(encoding="utf-8"))] == []
