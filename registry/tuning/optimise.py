"""Measuring the forms of a version against its own FP32 graph: speed in turns, accuracy on held-out pictures."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from registry.errors import MissingExtra, ModelTooSlow, RegistryError
from registry.jobs.beside import beside
from registry.jobs.tuning_parameters import FORM_TITLES, Form, OptimiseParameters
from registry.runtime.backends import survey
from registry.runtime.host_choice import Backend, HostChoice, default_choice
from registry.tuning.accuracy import METRICS, Scores, scores
from registry.tuning.data import CALIBRATION_MOST, TuningData, first
from registry.tuning.forms import backends_of, make_form
from registry.tuning.lanes import Bench, Lane, Way, figures, opened, take_turns
from registry.tuning.optimisation_report import Measured, Outcome
from registry.tuning.variants import Variant
from registry.tuning.watch import Watch


@dataclass
class Optimisation:
    """One version on this machine. `run` gives an outcome for each form that is asked for, and fills `made`.

    Every form is timed beside the version's own graph on every backend that runs it, a block of each in turn; it is
    compared with the fastest of those, so that a faster backend is not counted as a faster form.
    """

    own: Variant
    data: TuningData
    bench: Bench
    wanted: OptimiseParameters
    watch: Watch
    own_scores: Scores = field(default_factory=lambda: Scores(0.0, {}))
    made: dict[Form, Variant] = field(default_factory=dict)

    def run(self) -> list[Outcome]:
        """Measure. Raises Cancelled, and what the version itself raises."""
        self.watch.tell(0.02, "accuracy of the version as it is")
        self.own_scores = self._scores(self.own, default_choice(Backend.CPU, self.bench.threads))
        outcomes = []
        for index, form in enumerate(self.wanted.forms):
            self.watch.tell(0.1 + 0.8 * index / len(self.wanted.forms), FORM_TITLES[form])
            outcomes.append(self._outcome(form))
        return outcomes

    def _outcome(self, form: Form) -> Outcome:
        try:
            variant = self._make(form)
            ours, against = self._time(variant, backends_of(form))
        except RegistryError as error:
            if isinstance(error, MissingExtra | ModelTooSlow) or error.status == 422:
                return Outcome(form=form, failed="made", why=f"{error.message}. {error.hint}".strip())
            raise
        self.made[form] = variant
        found = [self._judged(form, variant, lane, against) for lane in ours[:1]]
        for lane in ours[1:]:  # the fastest backend may be one that computes it badly
            if found[-1].failed != "accuracy":
                break
            found.append(self._judged(form, variant, lane, against))
        return next((each for each in found if not each.failed), found[0])

    def _judged(self, form: Form, variant: Variant, lane: Lane, against: Lane) -> Outcome:
        choice = HostChoice(backend=lane.way.backend, threads=lane.threads, beside=1, sessions=self.bench.threads)
        found = self._scores(variant, choice)
        label, worst = self.own_scores.worst_loss(found)
        ours, theirs = figures(lane, against), figures(against, against)
        measured = Measured(
            backend=lane.way.backend,
            ms=ours.ms,
            own_ms=theirs.ms,
            own_backend=against.way.backend,
            speedup=ours.speedup,
            surely=ours.surely,
            rounds=ours.blocks,
        )
        outcome = Outcome(
            form=form,
            numbers=variant.numbers,
            size_bytes=len(variant.model_bytes),
            measured=measured,
            accuracy=found.overall,
            loss=max(0.0, self.own_scores.overall - found.overall),
            worst_label=label,
            worst_loss=worst,
            by_label=found.by_label,
            choice=choice.within(self.bench.threads),
        )
        return judged(outcome, self.wanted, METRICS[self.own.card.task])

    def _make(self, form: Form) -> Variant:
        images = first(self.data.calibration, CALIBRATION_MOST) if form.startswith("int8") else []
        return beside(self.watch.check, lambda: make_form(form, self.own, images, self._good_enough))

    def _good_enough(self, variant: Variant) -> bool:
        found = self._scores(variant, default_choice(Backend.CPU, self.bench.threads))
        _, worst = self.own_scores.worst_loss(found)
        return self.own_scores.overall - found.overall <= self.wanted.bound and worst <= self.wanted.class_bound

    def _time(self, variant: Variant, backends: Sequence[Backend]) -> tuple[list[Lane], Lane]:
        """The form's fastest lane on each backend, the fastest first, and that of the version's own graph."""
        usable = [each.backend for each in survey() if each.usable]
        own = [Way(self.own, each) for each in usable if each is not Backend.TENSORRT]
        ways = [Way(variant, each) for each in usable if each in backends]
        if not ways:
            raise MissingExtra(f"{' and '.join(backends)} does not run on this machine")
        with opened(self.bench, [*own, *ways], "latency", self.watch) as (lanes, failed):
            ours = [lane for lane in lanes if lane.way in ways]
            if not ours:
                raise MissingExtra(next(iter(failed.values())))
            take_turns(lanes, self.bench.images, self.wanted.repeats, self.watch, float("inf"))
            best = [_fastest([lane for lane in ours if lane.way is way]) for way in ways if way not in failed]
            return sorted(best, key=_median_ms), _fastest([lane for lane in lanes if lane.way in own])

    def _scores(self, variant: Variant, choice: HostChoice) -> Scores:
        way = Way(variant, choice.backend)
        model = beside(self.watch.check, lambda: self.bench.open(way, choice))
        return scores(model, self.data.held_out(), self.watch)


def judged(outcome: Outcome, wanted: OptimiseParameters, metric: str) -> Outcome:
    """The outcome with the gate that it does not pass: the speed surely, the accuracy within both bounds."""
    found, needed = outcome.measured, 1 + wanted.faster_percent / 100
    if found is None or outcome.loss is None:
        return outcome
    if found.speedup < 1:
        why = f"FP32 is faster here: this form has {found.speedup:.2f} × its speed in the same rounds"
        return outcome.model_copy(update={"failed": "speed", "why": why})
    if found.surely < needed:
        why = f"{found.speedup:.2f} × as fast, surely {found.surely:.2f} ×; the gate is {needed:.2f} ×"
        return outcome.model_copy(update={"failed": "speed", "why": why})
    if outcome.loss > wanted.bound:
        why = f"loses {outcome.loss:.4f} of {metric}; the gate is {wanted.bound:g}"
        return outcome.model_copy(update={"failed": "accuracy", "why": why})
    if outcome.worst_loss > wanted.class_bound:
        lost = f"class {outcome.worst_label} loses {outcome.worst_loss:.4f}"
        why = f"{lost}; the gate for a class is {wanted.class_bound:g}"
        return outcome.model_copy(update={"failed": "accuracy", "why": why})
    return outcome


def _fastest(lanes: Sequence[Lane]) -> Lane:
    return min(lanes, key=_median_ms)


def _median_ms(lane: Lane) -> float:
    return statistics.median(lane.times_ms)
