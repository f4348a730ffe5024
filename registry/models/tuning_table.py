"""The table that a tune leaves, as it is kept with a version and told over HTTP."""

from pydantic import BaseModel, ConfigDict, Field

from registry.runtime.host_choice import Backend, HostChoice, Precision


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class TunedLane(_Frozen):
    """One arrangement: milliseconds for each image (median, quartiles), and how many times as fast as the default.

    `surely` is the lower end of the confidence interval (95 %) of that over the blocks.
    """

    threads: int
    sessions: int = 1
    ms: float
    p25: float
    p75: float
    speedup: float
    surely: float
    blocks: int


class TunedRow(_Frozen):
    """One form of the model on one backend; `accuracy` is None where it was not measured, `note` says why it is out."""

    variant: str
    backend: Backend
    precision: Precision
    new_files: bool
    accuracy: float | None = None
    loss: float | None = None
    choice: HostChoice | None = None
    alone: tuple[TunedLane, ...] = ()
    beside: tuple[TunedLane, ...] = ()
    note: str = ""


class TunedOn(_Frozen):
    """The labelled pictures."""

    name: str = ""
    version: str = ""


class TuningTable(_Frozen):
    """Everything a tune measured on one host; the first row is the default."""

    host: str
    verdict: str
    machine: str = ""
    versions: dict[str, str] = Field(default_factory=dict)
    at: str = ""
    seconds: float = 0.0
    dataset: TunedOn = TunedOn()
    metric: str = ""
    bound: float = 0.0
    goal: str = "latency"
    default_accuracy: float = 0.0
    chosen: TunedRow | None = None
    made_version: int | None = None
    rows: tuple[TunedRow, ...] = ()
