"""How a version runs on one host: by which backend, with how many threads, how many runs side by side."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from registry.errors import InvalidInput
from registry.validation import first_problem

Precision = Literal["f32", "bf16"]
Count = Annotated[int, Field(ge=1, le=256)]


class Backend(StrEnum):
    """What may run a graph."""

    CPU = "onnxruntime-cpu"
    CUDA = "onnxruntime-cuda"
    TENSORRT = "onnxruntime-tensorrt"
    OPENVINO = "openvino"

    @property
    def on_gpu(self) -> bool:
        """Whether it needs an NVIDIA GPU."""
        return self in (Backend.CUDA, Backend.TENSORRT)


class HostChoice(BaseModel):
    """What a tune chose for a host, or the default. Rounding to bfloat16 (`precision`) is for OpenVINO alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    backend: Backend = Backend.CPU
    threads: Count = Field(1, description="threads of a run that has the machine to itself")
    beside: Count = Field(1, description="threads of each run beside others")
    sessions: Count = Field(1, description="runs side by side, at most")
    precision: Precision = "f32"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `dump` wrote. Raises InvalidInput for anything else: it comes from a tag that people can edit."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise InvalidInput(f"the recorded choice for a host: {first_problem(error, 'it')}") from error

    def dump(self) -> str:
        """The choice as compact JSON."""
        return self.model_dump_json()

    def within(self, threads: int) -> Self:
        """The same with at most so many threads in all."""
        beside = min(self.beside, threads)
        sessions = max(1, min(self.sessions, threads // beside))
        return self.model_copy(update={"threads": min(self.threads, threads), "beside": beside, "sessions": sessions})

    def __str__(self) -> str:
        rounded = "" if self.precision == "f32" else f" in {self.precision}"
        return f"{self.backend}{rounded}, {self.threads} alone, {self.sessions} × {self.beside} beside others"


def default_choice(backend: Backend, threads: int) -> HostChoice:
    """All threads for a run that is alone, one for each of several."""
    return HostChoice(backend=backend, threads=threads, beside=1, sessions=threads)
