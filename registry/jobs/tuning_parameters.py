"""What a version is tuned or optimised with: the version, the labelled pictures, the two gates."""

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

Form = Literal["slim", "fp16", "int8", "int8-openvino", "tensorrt"]
FORMS: tuple[Form, ...] = get_args(Form)
FORM_TITLES: dict[Form, str] = {
    "slim": "Slimmer graph",
    "fp16": "16-bit floats",
    "int8": "8-bit integers (ONNX Runtime)",
    "int8-openvino": "8-bit integers (NNCF, for OpenVINO)",
    "tensorrt": "TensorRT engine",
}
STARTER = "starter"  # the dataset that every platform has; it is none of the registry
CLASS_BOUND = 0.1  # of fifty pictures of a class five: fewer flip by chance
Bound = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class TuneParameters(BaseModel):
    """A tune: see `registry.tuning.tune`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(max_length=63, description="the registered name")
    version: int = Field(ge=1, description="the version that is measured")
    dataset: str = Field(max_length=80, description="`starter`, or a dataset as name or name/version")
    bound: Bound = Field(0.01, description="accuracy that may be lost, a share")
    minutes: float = Field(5.0, ge=0.1, le=240, allow_inf_nan=False, description="about how long it may measure")
    goal: Literal["latency", "throughput"] = "latency"


class OptimiseParameters(BaseModel):
    """An optimisation: which forms are made, and the two gates that each has to pass on this machine.

    Accuracy has two bounds: of all classes together, and of the class that loses most.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(max_length=63, description="the registered name")
    version: int = Field(ge=1, description="the version that the forms are made from")
    dataset: str = Field(max_length=80, description="`starter`, or a dataset as name or name/version")
    forms: tuple[Form, ...] = Field(FORMS, min_length=1, max_length=len(FORMS), description="what to try")
    faster_percent: float = Field(10.0, ge=0, le=1_000, allow_inf_nan=False, description="at least so much faster")
    bound: Bound = Field(0.01, description="accuracy that may be lost, a share")
    class_bound: Bound = Field(CLASS_BOUND, description="accuracy that any one class may lose, a share")
    repeats: int = Field(15, ge=5, le=200, description="alternating rounds that the speeds are measured in")
