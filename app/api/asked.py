"""What request bodies have in common."""

from pydantic import BaseModel, ConfigDict


class Asked(BaseModel):
    """A body in which a field that means nothing is an error: whoever sent it expected something of it."""

    model_config = ConfigDict(extra="forbid")
