"""Moments as callers give them: UTC unless they say otherwise, in years that can be reckoned with."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator


def _aware(moment: datetime) -> datetime:
    if not 1970 <= moment.year < 9_999:
        raise ValueError("expected a year from 1970 to 9998")
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


GivenMoment = Annotated[datetime, AfterValidator(_aware)]
Moment = GivenMoment | None
