"""How samples are to be divided, checked."""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from registry.errors import InvalidInput
from registry.training.datasets.likeness import NEAR_BITS
from registry.validation import first_problem

Share = Annotated[float, Field(ge=0, le=1)]


class SplitPlan(BaseModel):
    """How samples are divided.

    `by` group keeps the samples of one group together, `by` time puts the oldest into train and the newest into test.
    `pattern` reads the group from a file's name, such as `{group}_*.jpg`; without it the group that the dataset
    gives counts. Pictures that look alike stay together in any case.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [{"by": "group", "train": 0.8, "val": 0.1, "test": 0.1, "pattern": "{group}_*.jpg"}]
        },
    )

    by: Literal["group", "time"] = "group"
    train: Share = 0.7
    val: Share = 0.15
    test: Share = 0.15
    seed: int = Field(7, ge=0, le=2**32 - 1)
    pattern: str = Field("", max_length=100)
    near_bits: int = Field(NEAR_BITS, ge=0, le=16, description="bits of 64 in which like pictures may differ")

    @model_validator(mode="after")
    def _complete(self) -> "SplitPlan":
        if abs(self.train + self.val + self.test - 1) > 0.001 or self.train == 0:
            raise ValueError("train, val and test add up to 1, and train is not 0")
        return self

    @property
    def shares(self) -> tuple[float, ...]:
        """Of train, val and test."""
        return self.train, self.val, self.test


def plan_of(text: str) -> SplitPlan | None:
    """A plan as JSON, None for an empty text. Raises InvalidInput."""
    if not text.strip():
        return None
    try:
        return plan_from(json.loads(text))
    except (json.JSONDecodeError, RecursionError) as error:
        raise InvalidInput(f"the plan of splits is not JSON: {error}") from error


def plan_from(fields: Any) -> SplitPlan:
    """A plan by its fields. Raises InvalidInput."""
    try:
        return SplitPlan.model_validate(fields)
    except ValidationError as error:
        raise InvalidInput(f"the plan of splits cannot be used: {first_problem(error, 'it')}") from error
