"""What a tune measured, row by row."""

from dataclasses import asdict, dataclass, field
from typing import Literal

from registry.models.tuning_table import TunedLane, TunedRow
from registry.runtime.host_choice import Backend, HostChoice, Precision

Goal = Literal["latency", "throughput"]


@dataclass(frozen=True, slots=True)
class Figures:
    """Milliseconds for each image, over blocks: median and quartiles.

    `speedup` is the median over the blocks of the default's time by this one's in the same round; `surely` is the
    lower end of that median's confidence interval of 95 %.
    """

    ms: float
    p25: float
    p75: float
    speedup: float
    surely: float
    blocks: int


@dataclass(slots=True)
class Row:
    """One form of the model on one backend: how right, how fast alone, how fast side by side.

    `accuracy` is None where it was not measured, `note` says why a row is out.
    """

    variant: str
    backend: Backend
    precision: Precision
    new_files: bool
    accuracy: float | None = None
    loss: float | None = None
    choice: HostChoice | None = None
    alone: dict[int, Figures] = field(default_factory=dict)  # by threads
    beside: dict[tuple[int, int], Figures] = field(default_factory=dict)  # by sessions and threads of each
    note: str = ""

    def best(self, goal: Goal) -> Figures | None:
        """Its fastest figures for a goal."""
        found = list((self.alone if goal == "latency" else self.beside).values())
        return max(found, key=lambda each: each.speedup, default=None)

    @property
    def by(self) -> str:
        """What runs it, in words."""
        return f"{self.backend}" + ("" if self.precision == "f32" else f" {self.precision}")

    @property
    def name(self) -> str:
        """What it is called in a sentence."""
        return f"{self.variant} by {self.by}"

    def kept(self) -> TunedRow:
        """The row as it is kept with a version."""
        return TunedRow(
            variant=self.variant,
            backend=self.backend,
            precision=self.precision,
            new_files=self.new_files,
            accuracy=self.accuracy,
            loss=self.loss,
            choice=self.choice,
            alone=tuple(TunedLane(threads=threads, **asdict(each)) for threads, each in self.alone.items()),
            beside=tuple(
                TunedLane(sessions=sessions, threads=threads, **asdict(each))
                for (sessions, threads), each in self.beside.items()
            ),
            note=self.note,
        )
