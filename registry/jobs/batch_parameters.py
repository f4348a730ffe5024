"""What a batch is run with: the version, the thresholds, where its images come from."""

from pydantic import BaseModel, ConfigDict, Field

from registry.models.thresholds import Thresholds

DATASET = "dataset:"  # begins the source of a batch over a dataset


class BatchParameters(BaseModel):
    """The parameters of a batch; the version is fixed when the batch is submitted, whatever aliases do later."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(description="the registered name")
    version: int = Field(description="the version that answers")
    source: str = Field(
        description="`upload`, the folder on the server, `s3://bucket/prefix`, or `dataset:name/version`"
    )
    digest: str = Field("", description="tells whether a dataset's version still holds the same pictures")
    confidence: float | None = None
    iou: float | None = None
    max_detections: int | None = None
    annotate: bool = Field(False, description="also make the pictures with the answers drawn on them")

    @property
    def thresholds(self) -> Thresholds:
        """As a prediction takes them."""
        return Thresholds(self.confidence, self.iou, self.max_detections)
