"""The settings of a training run, as params.yaml spells them."""

from pathlib import Path
from typing import Annotated, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from registry.errors import InvalidInput
from registry.jobs.train_parameters import Recipe
from registry.validation import first_problem
from registry.yaml_files import NOT_YAML

Fraction = Annotated[float, Field(gt=0, lt=1)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SceneParams(_Frozen):
    """How digits are placed on pictures."""

    size_wh: tuple[int, int] = (192, 192)
    digits_per_scene: tuple[int, int] = Field((2, 7), description="fewest and most digits")
    digit_height_px: tuple[int, int] = Field((26, 80), description="least and greatest height")
    max_rotation_deg: float = Field(12.0, ge=0, le=45)
    min_contrast: int = Field(70, ge=0, le=127, description="luma between a digit and what lies behind it")


class DatasetParams(_Frozen):
    """How much data is made, and which digits are kept back."""

    held_out_fraction: Fraction = 0.25
    train_scenes: int = Field(3000, ge=1)
    held_out_scenes: int = Field(400, ge=1)


class DetectorParams(_Frozen):
    """How the detector is trained."""

    width: float = Field(0.125, gt=0, le=1.5, description="width multiple of YOLO11")
    depth: float = Field(0.5, gt=0, le=1, description="depth multiple of YOLO11")
    epochs: int = Field(40, ge=1)
    batch: int = Field(16, ge=1)
    learning_rate: float = Field(0.004, gt=0)
    final_learning_rate_fraction: Fraction = 0.01
    weight_decay: float = Field(0.0005, ge=0)
    warmup_epochs: float = Field(1.0, ge=0)
    threads: int = Field(1, ge=1, description="rounding, so the result, depends on it; one shares a busy machine best")


class ClassifierParams(_Frozen):
    """How the classifier is trained."""

    epochs: int = Field(40, ge=1)
    batch: int = Field(64, ge=1)
    learning_rate: float = Field(0.003, gt=0)
    weight_decay: float = Field(0.0005, ge=0)
    threads: int = Field(1, ge=1, description="rounding, so the result, depends on it; one shares a busy machine best")


class ExportParams(_Frozen):
    """How models are written as ONNX."""

    opset: int = Field(18, ge=17)


class TuneParams(_Frozen):
    """How the starter detector is trained further, on how many scenes of each split."""

    size_px: int = Field(96, ge=64, le=640, multiple_of=32)
    counts: dict[str, int] = Field(default_factory=lambda: {"train": 120, "val": 30, "test": 50})
    recipe: Recipe = Recipe(epochs=6, learning_rate=0.001)


class TrainingParams(_Frozen):
    """Everything a run depends on besides its data and code."""

    seed: int = Field(7, ge=0)
    scenes: SceneParams = SceneParams()
    dataset: DatasetParams = DatasetParams()
    detector: DetectorParams = DetectorParams()
    classifier: ClassifierParams = ClassifierParams()
    export: ExportParams = ExportParams()
    tune: TuneParams = TuneParams()

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a YAML file. Raises InvalidInput naming the first wrong field, or what is no YAML."""
        try:
            return cls.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
        except ValidationError as error:
            first = first_problem(error)
            raise InvalidInput(f"{path.name} field {first}", details={"field": first.field}) from error
        except NOT_YAML as error:
            raise InvalidInput(f"{path.name} is not plain YAML: {error}") from error
