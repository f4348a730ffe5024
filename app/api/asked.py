"""What request bodies have in common."""

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, ValidationError


class Asked(BaseModel):
    """A body in which a field that means nothing is an error: whoever sent it expected something of it."""

    model_config = ConfigDict(extra="forbid")


def refused_body(error: ValidationError) -> RequestValidationError:
    """What is wrong with a body that a route reads itself, as FastAPI tells it of the bodies that it reads."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return RequestValidationError([each | {"loc": ("body", *each["loc"])} for each in found])
