"""What a training is run with: the weights it starts from, the version of a dataset, the recipe."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from registry.errors import InvalidInput
from registry.mlflow_file import AccessLevel
from registry.validation import first_problem

SIZE_STEP_PX = 32
Augment = Literal["none", "light", "strong"]
CandidateAlias = Literal["", "candidate"]


class Architecture(BaseModel):
    """A network to train from nothing: YOLO11 at these multiples of its width and depth."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    family: Literal["yolo11"] = "yolo11"
    width: float = Field(0.125, ge=0.0625, le=1.5, description="0.25 is the smallest published size")
    depth: float = Field(0.5, ge=0.25, le=1)


class Recipe(BaseModel):
    """How to train; the defaults fit a few hundred pictures."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: int = Field(20, ge=1, le=1_000, description="passes over the training split, at most")
    patience: int = Field(10, ge=0, le=1_000, description="epochs without a better one after which it ends; 0: never")
    image_size: Annotated[int, Field(ge=64, le=1_536)] | None = Field(
        None, description="longer side in pixels, a multiple of 32; the parent's where nothing is given"
    )
    batch: int = Field(16, ge=1, le=256, description="pictures in a step")
    learning_rate: float = Field(0.002, ge=1e-6, le=0.1)
    weight_decay: float = Field(0.0005, ge=0, le=0.1)
    augment: Augment = Field(
        "light", description="none; light: moved, scaled, colours; strong: also mirrored and four pictures in one"
    )
    seed: int = Field(7, ge=0, le=2**31 - 1)
    architecture: Architecture | None = Field(
        None, description="train such a network from nothing instead of the model's weights"
    )
    search_minutes: int = Field(
        0, ge=0, le=1_440, description="minutes to look for a better rate, decay and augmentation first; 0: none"
    )
    search_trials: int = Field(10, ge=2, le=100, description="short trainings of that search, at most")

    @model_validator(mode="after")
    def _in_steps(self) -> Self:
        if self.image_size is not None and self.image_size % SIZE_STEP_PX:
            raise ValueError(f"image_size is a multiple of {SIZE_STEP_PX}, {self.image_size} is none")
        return self


class TrainParameters(Recipe):
    """The parameters of a training; versions are fixed when it is submitted, whatever aliases do later."""

    model: str = Field(description="the name under which the new version is published")
    parent: str = Field("", description="the version whose weights it starts from, as name/version")
    parent_sha256: str = ""
    dataset: str
    dataset_version: int
    dataset_sha256: str
    labels: tuple[str, ...] = Field(description="the classes in the order of the network's outputs")
    task: Literal["detect", "segment", "classify"]
    access_level: AccessLevel = Field("private", description="of a model that is new by this training")
    alias: CandidateAlias = Field("candidate", description="what the new version is called besides its number")

    @property
    def recipe(self) -> Recipe:
        """How to train, without what on."""
        return Recipe.model_validate({name: getattr(self, name) for name in Recipe.model_fields})

    @property
    def data_reference(self) -> str:
        """What people call the version of the dataset."""
        return f"{self.dataset}/{self.dataset_version}"


def read_recipe(fields: dict[str, object]) -> Recipe:
    """A recipe by its fields. Raises InvalidInput that names the first wrong one."""
    try:
        return Recipe.model_validate(fields)
    except ValidationError as error:
        first = first_problem(error, "image_size")
        raise InvalidInput(f"the training's {first}", details={"field": first.field}) from error
