"""What an optimisation found: each form with its speed, its accuracy, and the gate that it did not pass."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from registry.jobs.tuning_parameters import FORM_TITLES, Form
from registry.models.tuning_table import TunedOn
from registry.runtime.host_choice import Backend, HostChoice

Gate = Literal["", "made", "speed", "accuracy", "checks"]
GATES: dict[Gate, str] = {
    "": "passed",
    "made": "not made",
    "speed": "not faster",
    "accuracy": "not accurate",
    "checks": "refused",
}


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Measured(_Frozen):
    """A form's milliseconds for each image beside the version's own in the same rounds; both are medians.

    `surely` is the lower end of the confidence interval (95 %) of `speedup`, the median ratio over the rounds.
    """

    backend: Backend
    ms: float
    own_ms: float
    own_backend: Backend
    speedup: float
    surely: float
    rounds: int


class Outcome(_Frozen):
    """One form. `failed` names the gate that it did not pass, `why` says it in words; empty where it passed.

    `worst_label` is the class that loses most, `worst_loss` how much; empty and 0 where none loses anything.
    """

    form: Form
    numbers: str = ""
    size_bytes: int = 0
    measured: Measured | None = None
    accuracy: float | None = None
    loss: float | None = None
    worst_label: str = ""
    worst_loss: float = 0.0
    by_label: dict[str, float] = {}
    failed: Gate = ""
    why: str = ""
    made_version: int | None = None
    choice: HostChoice | None = None


class OptimisationReport(_Frozen):
    """All of it, as it is kept with the job and with the run in MLflow."""

    model: str
    version: int
    machine: str
    host: str
    versions: dict[str, str]
    at: str
    dataset: TunedOn
    metric: str
    own_accuracy: float
    own_by_label: dict[str, float]
    own_size_bytes: int
    faster_percent: float
    bound: float
    class_bound: float = 1.0
    outcomes: tuple[Outcome, ...]

    @property
    def gates(self) -> str:
        """What a form has to keep, in words."""
        lost = f"at most {self.bound:g} of {self.metric} lost, of any class at most {self.class_bound:g}"
        return f"at least {self.faster_percent:g} % faster, {lost}"

    @property
    def verdict(self) -> str:
        """The result in a sentence."""
        made = [each for each in self.outcomes if not each.failed]
        if not made:
            return f"Plain FP32 stays the best here: none of {len(self.outcomes)} forms passed both gates."
        told = "; ".join(_said(each) for each in made)
        return f"{len(made)} of {len(self.outcomes)} forms passed both gates: {told}."

    def markdown(self) -> str:
        """The report for people."""
        lines = [
            f"# Optimisation of {self.model}/{self.version}",
            "",
            self.verdict,
            "",
            f"Gates: {self.gates}. Dataset {self.dataset.name} ({self.dataset.version}). {self.machine}. {self.at}.",
            "",
            f"| form | backend | ms | FP32 ms | faster | surely | {self.metric} | lost | of a class | size, kB | |",
            "|---|---|---|---|---|---|---|---|---|---|---|",
            f"| FP32, as it is | | | | | | {self.own_accuracy:.4f} | | | {self.own_size_bytes / 1e3:,.0f} | |",
            *map(_line, self.outcomes),
            "",
            "## By class",
            "",
            "| class | FP32 | " + " | ".join(FORM_TITLES[each.form] for each in self._judged()) + " |",
            "|---|---|" + "---|" * len(self._judged()),
            *(
                f"| {label} | {value:.4f} | "
                + " | ".join(f"{each.by_label.get(label, 0.0):.4f}" for each in self._judged())
                + " |"
                for label, value in self.own_by_label.items()
            ),
        ]
        return "\n".join(lines) + "\n"

    def _judged(self) -> list[Outcome]:
        return [each for each in self.outcomes if each.accuracy is not None]


def _said(outcome: Outcome) -> str:
    speed = f"{outcome.measured.speedup:.2f} × as fast by {outcome.measured.backend}" if outcome.measured else ""
    where = f", version {outcome.made_version}" if outcome.made_version else ""
    return f"{FORM_TITLES[outcome.form]} {speed}{where}"


def _line(outcome: Outcome) -> str:
    found = outcome.measured
    speed = (
        f"{found.backend} | {found.ms:.2f} | {found.own_ms:.2f} ({found.own_backend}) | {found.speedup:.2f} × | "
        f"{found.surely:.2f} ×"
        if found
        else " | | | |"
    )
    accuracy = "" if outcome.accuracy is None else f"{outcome.accuracy:.4f}"
    loss = "" if outcome.loss is None else f"{outcome.loss:.4f}"
    worst = f"{outcome.worst_label} {outcome.worst_loss:.4f}" if outcome.worst_label else ""
    size = f"{outcome.size_bytes / 1e3:,.0f}" if outcome.size_bytes else ""
    end = outcome.why or (f"version {outcome.made_version}" if outcome.made_version else "passed")
    return f"| {FORM_TITLES[outcome.form]} | {speed} | {accuracy} | {loss} | {worst} | {size} | {end} |"
