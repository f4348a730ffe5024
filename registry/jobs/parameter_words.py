"""What is wrong with a job's parameters, in the words of the forms that ask for them."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from registry.validation import Problem, first_problem

_NUMBERS = ("greater_", "less_", "int_", "float_", "finite_")


def label_of(field: str) -> str:
    """What a form calls a parameter."""
    return field.replace("_", " ").capitalize()


def wrong_parameter(error: ValidationError, parameters: type[BaseModel]) -> Problem:
    """The first problem, told by the field's label and by what the field takes."""
    first = first_problem(error)
    kind = first.kind
    name = first.field.partition(".")[0]
    schema = parameters.model_json_schema()
    about, called = _plain(schema["properties"].get(name, {})), repr(label_of(name))
    if not name:
        return first
    if kind == "extra_forbidden":
        known = ", ".join(map(label_of, schema["properties"]))
        return Problem(name[:40], f"there is no field {name[:40]!r}; there are {known}")
    if kind == "missing":
        return Problem(name, f"{called} is empty")
    if kind == "too_short":
        return Problem(name, f"choose at least one under {called}")
    if kind == "string_too_long":
        return Problem(name, f"{called} has at most {about['maxLength']} characters")
    if kind.startswith("bool_"):
        return Problem(name, f"{called} is either yes or no")
    if kind.startswith(_NUMBERS):
        return Problem(name, f"{called} is a {'whole ' if about['type'] == 'integer' else ''}number {_range(about)}")
    return Problem(name, f"{called}: {first.message}")


def _plain(about: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a field may be where it is not left empty."""
    options = [each for each in about.get("anyOf", ()) if each.get("type") != "null"]
    return {**about, **options[0]} if options else about


def _range(about: Mapping[str, Any]) -> str:
    most = f"{about['maximum']:,g}" if "maximum" in about else ""
    if "exclusiveMinimum" in about:
        return f"above {about['exclusiveMinimum']:,g}" + (f", at most {most}" if most else "")
    least = f"{about['minimum']:,g}" if "minimum" in about else ""
    return f"from {least} to {most}" if least and most else f"of at least {least}" if least else f"of at most {most}"
