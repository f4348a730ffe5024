"""What people configure of a camera's recordings."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from registry.cameras.configuration import parsed

RecordingMode = Literal["off", "motion", "events", "continuous"]


class RetentionDays(BaseModel):
    """For how many days a recording is kept, by what was in it; 0 keeps it until room is needed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    continuous: int = Field(3, ge=0, le=3_650)
    motion: int = Field(7, ge=0, le=3_650)
    events: int = Field(30, ge=0, le=3_650)


class RecordingSettings(BaseModel):
    """When a camera is recorded, with how many seconds before and after, and for how long that is kept."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: RecordingMode = "off"
    pre_s: float = Field(5.0, ge=0, le=60, allow_inf_nan=False, description="seconds before motion or event")
    post_s: float = Field(10.0, ge=0, le=300, allow_inf_nan=False, description="seconds after")
    retention_days: RetentionDays = Field(default_factory=RetentionDays)
    most_gb: float = Field(
        20.0, ge=0, le=100_000, allow_inf_nan=False, description="of this camera, the oldest go first; 0 is no limit"
    )


def recording_of(stored: Mapping[str, Any]) -> RecordingSettings:
    """The settings from what is stored or sent; what is left out has its default. Raises InvalidInput."""
    return parsed(RecordingSettings, stored, "recording")
