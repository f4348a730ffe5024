"""What an import of a dataset is run with."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from registry.mlflow_file import AccessLevel


class ImportParameters(BaseModel):
    """An import of an archive that was sent: what to make of it. Checked in full where it is started."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(max_length=63, description="the dataset that gets a version")
    file: str = Field("", max_length=200, description="what the archive was called")
    format: str | None = Field(None, max_length=16, description="found out when it is empty")
    task: str | None = Field(None, max_length=16, description="found out when it is empty")
    description: str = Field("", max_length=400)
    access_level: AccessLevel = "authenticated"
    note: str = Field("", max_length=400)
    split: dict[str, Any] | None = Field(None, description="a plan, to divide the samples anew")
    new_test: bool = False
