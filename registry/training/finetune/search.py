"""Looking for better settings: short trainings within a time budget, bad ones ended early (Optuna's TPE and median)."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from registry.errors import MissingExtra, ObjectNotFound
from registry.jobs.files import JobFiles
from registry.jobs.running import JobRun
from registry.jobs.train_parameters import Recipe
from registry.training.finetune.learning import Bench, fresh, reports
from registry.training.finetune.tracking import Tracking

_TRIALS = "trials.json"
_FEWEST_EPOCHS = 2


@dataclass(frozen=True, slots=True)
class Trial:
    """One short training: the fitness after each epoch, and whether it was ended early."""

    number: int
    parameters: dict[str, Any]
    epochs: list[float] = field(default_factory=list)
    pruned: bool = False
    seconds: float = 0.0

    @property
    def value(self) -> float:
        """Its best epoch."""
        return max(self.epochs, default=0.0)


def trial_epochs(recipe: Recipe) -> int:
    """How long a trial is: a third of the training."""
    return min(recipe.epochs, max(_FEWEST_EPOCHS, recipe.epochs // 3))


def read_trials(files: JobFiles) -> list[Trial]:
    """The trials that a job has finished."""
    try:
        return [Trial(**each) for each in json.loads(files.get("parts", _TRIALS))]
    except ObjectNotFound:
        return []


def search(bench: Bench, recipe: Recipe, run: JobRun, tracking: Tracking, told: Callable[[int, str], None]) -> Recipe:
    """The recipe with the best settings found; the given ones are the first trial, so it is never worse on them.

    `told(epochs, words)` hears how far it is. Trials that an earlier run finished count. Raises MissingExtra,
    TrainingFailed, StorageUnavailable, JobLost.
    """
    trials = read_trials(run.files)
    study = _study(recipe, trials)
    length = trial_epochs(recipe)
    while len(trials) < recipe.search_trials and not run.cancelled:
        left_s = recipe.search_minutes * 60 - sum(each.seconds for each in trials)
        if left_s <= 0:
            break
        asked = study.ask(_space())
        done = _try(bench, recipe, asked, run, left_s, told)
        if run.cancelled or done is None:
            break
        trials.append(done)
        _tell(study, asked, done)
        run.files.put("parts", _TRIALS, json.dumps([asdict(each) for each in trials]).encode())
        tracking.trial(done.number, done.parameters, done.epochs, "pruned" if done.pruned else "complete")
        told(len(trials) * length, f"trial {len(trials)} came to {done.value:.3f}")
    best = max(trials, key=lambda each: each.value, default=None)
    return recipe.model_copy(update=best.parameters) if best and best.value > 0 else recipe


def _try(
    bench: Bench, recipe: Recipe, asked: Any, run: JobRun, left_s: float, told: Callable[[int, str], None]
) -> Trial | None:
    """One trial; None where the time was up before its first epoch."""
    import optuna

    length, started = trial_epochs(recipe), time.monotonic()
    short = recipe.model_copy(update={**asked.params, "epochs": length, "patience": 0})
    job = bench.child_job(short, fresh(bench.folder / "out"), checkpoints=False)
    values: list[float] = []
    pruned = False

    def stop() -> bool:
        return run.cancelled or pruned or time.monotonic() - started > left_s

    for report in reports(job, fresh(bench.folder / "child"), stop):
        values.append(report.fitness)
        asked.report(report.fitness, report.epoch)
        told(asked.number * length + report.epoch, f"trial {asked.number + 1}: epoch {report.epoch} of {length}")
        if report.epoch < length and asked.should_prune():
            pruned = True
    if not values and asked.number:
        asked.study.tell(asked, state=optuna.trial.TrialState.FAIL)
        return None
    cut = len(values) < length
    return Trial(asked.number, dict(asked.params), values, cut, round(time.monotonic() - started, 1))


def _study(recipe: Recipe, trials: list[Trial]) -> Any:
    try:
        import optuna
    except ImportError as error:
        raise MissingExtra("the search needs optuna", hint='pip install "nexusai[train]"') from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=recipe.seed, n_startup_trials=4),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=1),
    )
    for each in trials:
        study.add_trial(
            optuna.trial.create_trial(
                params=each.parameters,
                distributions=_space(),
                value=each.value,
                intermediate_values={step + 1: value for step, value in enumerate(each.epochs)},
                state=optuna.trial.TrialState.PRUNED if each.pruned else optuna.trial.TrialState.COMPLETE,
            )
        )
    if not trials:
        study.enqueue_trial({name: getattr(recipe, name) for name in _space()})
    return study


def _space() -> dict[str, Any]:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    return {
        "learning_rate": FloatDistribution(1e-5, 0.05, log=True),
        "weight_decay": FloatDistribution(0.0, 0.01),
        "augment": CategoricalDistribution(["none", "light", "strong"]),
    }


def _tell(study: Any, asked: Any, done: Trial) -> None:
    import optuna

    if done.pruned:
        study.tell(asked, state=optuna.trial.TrialState.PRUNED)
    else:
        study.tell(asked, done.value)
