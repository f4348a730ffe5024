"""`mlflow.yaml`: where MLflow is, its experiments, and the catalogue of models to start from."""

from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from registry.yaml_files import invalid, read_yaml

AccessLevel = Literal["public", "authenticated", "premium", "private"]


class CatalogueEntry(BaseModel):
    """One model of the catalogue in `mlflow.yaml`.

    Without a `card` one is read from the file. An empty `sha256` means that no public source states it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")
    source: str = Field(description="a folder below the project, `package:rapidocr`, or an http(s) URL")
    page: str = Field("", pattern=r"^(https://.+)?$", description="where people read about it")
    task: str = Field("", description="what it answers, told before anything is fetched")
    access_level: AccessLevel = "authenticated"
    description: str = ""
    licence: str = ""
    sha256: str = Field("", pattern=r"^([0-9a-f]{64})?$", description="of the file behind the URL")
    size_bytes: int = Field(0, ge=0, description="of the file behind the URL; 0 is not known")
    labels: str = Field("", description="a file below the project with one class name a line, for the card")
    card: dict[str, Any] = Field(default_factory=dict)
    starter: bool = Field(False, description="registered by `nexusai up --demo`")

    @property
    def remote(self) -> bool:
        """Whether it has to be fetched."""
        return self.source.startswith(("https://", "http://"))


class MlflowFile(BaseModel):
    """The contents of `mlflow.yaml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tracking_uri: str = ""
    registry_uri: str = ""
    experiments: dict[str, str] = Field(default_factory=lambda: {"models": "nexusai-models"})
    catalogue: tuple[CatalogueEntry, ...] = ()


@lru_cache(maxsize=4)
def parse_mlflow_file(path: Path, _changed_ns: int) -> MlflowFile:
    """The file as it was at that time; one that is missing says nothing. Raises InvalidSetting."""
    try:
        return MlflowFile.model_validate(read_yaml(path))
    except ValidationError as error:
        raise invalid(error, str(path)) from error
