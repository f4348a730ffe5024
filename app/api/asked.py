"""What request bodies have in common."""

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, ValidationError


class Asked(BaseModel):
    """A body in which a field that means nothing is an error: whoever sent it expected something of it."""

    model_config = ConfigDict(extra="forbid")


def refused_body(error: ValidationError) -> RequestValidationError:
    """What is wrong with a body that a route reads itself, as FastAPI tells it of the bodies that it reads."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return RequestValidationError([each | {"loc": ("body", *each["loc"])} for each in found])


async def no_unknown_fields(request: Request) -> None:
    """For a route whose form FastAPI reads: as `Asked` does of a body. Raises RequestValidationError."""
    known = {each.alias for each in request.scope["route"].dependant.body_params}
    told = {"type": "extra_forbidden", "msg": "Extra inputs are not permitted"}
    if unknown := [name for name in await request.form() if name not in known]:
        raise RequestValidationError([told | {"loc": ("body", name[:60])} for name in unknown])
