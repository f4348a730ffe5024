"""What a clean-up and a backup are run with."""

from pydantic import BaseModel, ConfigDict, Field


class CleanParameters(BaseModel):
    """A clean-up: what is old, and whether it only counts."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_extra={"examples": [{"dry_run": False, "job_days": 30}]}
    )

    dry_run: bool = Field(True, description="only count what would go")
    job_days: int = Field(30, ge=1, le=3_650, description="ended jobs go with their results after so many days")
    history_days: int = Field(90, ge=1, le=3_650, description="answers of the Inference page go after so many days")


class BackupParameters(BaseModel):
    """A backup of the records and of MLflow's database."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [{"keep": 14}]})

    keep: int = Field(7, ge=1, le=365, description="so many backups are kept, the oldest go first")
