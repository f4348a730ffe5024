"""Tuning a registered version for this machine: measure, choose, record, publish what needs new files."""

import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from registry.access import Action, Actor, require
from registry.errors import InvalidInput
from registry.models.files import sha256_of
from registry.models.publish import Draft
from registry.models.registry import ModelRegistry
from registry.models.tuning import record
from registry.models.tuning_table import TunedOn, TunedRow, TuningTable
from registry.models.types import ModelVersion
from registry.runtime.backends import versions
from registry.runtime.card import MODEL_FILE
from registry.runtime.host_choice import HostChoice
from registry.runtime.machine import describe_host, host_key, usable_cores
from registry.runtime.run_deadline import RUN_SECONDS
from registry.tuning.accuracy import METRICS, metric_key
from registry.tuning.data import TuningData, first, open_data
from registry.tuning.findings import Findings
from registry.tuning.lanes import Bench
from registry.tuning.study import Study
from registry.tuning.table import Goal, Row
from registry.tuning.variants import Variant
from registry.tuning.watch import Watch

_PICTURES = 24  # to time with
BOUND, MINUTES = 0.01, 5.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to tune with: labelled pictures (see `open_data`), the accuracy that may be lost, the time, what for."""

    dataset: str | Path | None = None
    bound: float = BOUND
    minutes: float = MINUTES
    goal: Goal = "latency"

    def check(self) -> None:
        """Raise InvalidInput naming the value that is out of its bounds."""
        if not 0 <= self.bound <= 1:
            raise InvalidInput(f"the accuracy that may be lost is a share from 0 to 1, not {self.bound:g}")
        if not 0.1 <= self.minutes <= 240:
            raise InvalidInput(f"tuning takes from 0.1 to 240 minutes, not {self.minutes:g}")


@dataclass(frozen=True, slots=True)
class Tuned:
    """What came of it: the table, how the version itself runs here now (None: by default), and the version made."""

    version: ModelVersion
    table: TuningTable
    choice: HostChoice | None
    made: ModelVersion | None


def tune(
    models: ModelRegistry,
    actor: Actor,
    name: str,
    wanted: Wanted,
    watch: Watch | None = None,
    *,
    version: int | None = None,
    alias: str | None = None,
) -> Tuned:
    """Find the fastest way to run a version on this machine whose accuracy loses at most the bound.

    The table is kept with the version. What needs no other files is what serving on machines of this kind does from
    then on; what does becomes a new version beside it, which no alias names. Everything is measured before anything
    is kept. Raises Forbidden, ModelNotFound, VersionNotFound, InvalidInput, Cancelled, MlflowUnavailable.
    """
    found = models.resolve(actor, name, version=version, alias=alias)
    watch = watch or Watch(wanted.minutes * 60)
    return keep(models, actor, found, find(models, actor, found, wanted, watch))


def find(
    models: ModelRegistry,
    actor: Actor,
    version: ModelVersion,
    wanted: Wanted,
    watch: Watch,
    data: TuningData | None = None,
) -> Findings:
    """What a tune finds out about a version, of which nothing is kept yet; `data` are pictures opened already.

    Raises as `tune` does.
    """
    wanted.check()
    require(actor, Action.CHANGE_MODEL, models.get(actor, version.name).target())
    data = data or open_data(wanted.dataset, version.card)
    if set(version.files) != {MODEL_FILE}:
        raise InvalidInput(f"a model of several files cannot be tuned: {', '.join(sorted(version.files))}")
    own = Variant(models.files.proven(version)[MODEL_FILE].read(), version.card, is_new=False)
    cores = models.settings.inference_threads or usable_cores()
    engines = models.settings.home / "cache" / "engines"
    study = measured(own, data, wanted, watch, cores, engines, models.settings.run_max_seconds)
    watch.tell(0.98, "recording")
    return findings(study, wanted, watch)


def measured(
    own: Variant,
    data: TuningData,
    wanted: Wanted,
    watch: Watch,
    cores: int,
    engines: Path,
    run_seconds: float = RUN_SECONDS,
) -> Study:
    """The measuring alone, which keeps nothing. Raises Cancelled, InvalidModel, InvalidInput."""
    images = [each.image_bgr for each in first(data.held_out, _PICTURES)]
    with tempfile.TemporaryDirectory(prefix="nexusai-tune-") as folder:
        bench = Bench(cores, images, Path(folder), engines, run_seconds)
        goal = wanted.goal if cores > 1 else "latency"  # one core runs nothing side by side
        study = Study(own, data, bench, wanted.bound, goal, watch)
        study.run()
    return study


def report(study: Study, wanted: Wanted, watch: Watch) -> TuningTable:
    """The table as it is kept."""
    chosen = study.chosen
    return TuningTable(
        host=host_key(),
        machine=describe_host(),
        versions=versions(),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - watch.started, 1),
        dataset=TunedOn(name=study.data.name, version=study.data.version),
        metric=METRICS[study.own.card.task],
        bound=wanted.bound,
        goal=study.goal,
        default_accuracy=study.base_accuracy,
        verdict=verdict(study),
        chosen=chosen.kept() if chosen else None,
        rows=tuple(row.kept() for row in study.rows.values()),
    )


def findings(study: Study, wanted: Wanted, watch: Watch) -> Findings:
    """What a study that has run came to."""
    chosen, own = study.chosen, study.best_of_own_files()
    form = study.variant_of(chosen) if chosen is not None and chosen.new_files else None
    return Findings(report(study, wanted, watch), own.choice if own else None, form)


def verdict(study: Study) -> str:
    """The result in a sentence."""
    chosen = study.chosen
    left = f" {study.unjudged} ways were left out for lack of time: give it more minutes." if study.unjudged else ""
    if chosen is None:
        others = len(study.rows) - 1 - study.unjudged
        return f"Plain FP32 by ONNX Runtime wins: none of {others} other ways is surely faster within the bound.{left}"
    ends = {"alone": chosen.best("latency"), "side by side": chosen.best("throughput")}
    speeds = ", ".join(f"{each.speedup:.2f} × as fast {end}" for end, each in ends.items() if each)
    accuracy = f"{METRICS[study.own.card.task]} {chosen.accuracy:.4f} ({_change(chosen, study)})"
    return f"{chosen.variant} by {chosen.choice}: {speeds}, {accuracy}.{left}"


def _change(chosen: Row, study: Study) -> str:
    change = (chosen.accuracy or 0.0) - study.base_accuracy
    return "unchanged" if abs(change) < 0.00005 else f"{change:+.4f}"


def keep(models: ModelRegistry, actor: Actor, version: ModelVersion, found: Findings) -> Tuned:
    """Record what was found: the table with the version, its choice, and what needs other files as a version.

    The same findings kept again make no further version.
    """
    made, table = None, found.table
    if found.form is not None and table.chosen is not None:
        made = _publish(models, actor, version, found.form, table.chosen)
        record(models, actor, made, table, table.chosen.choice)
    table = table.model_copy(update={"made_version": made.version if made else None})
    record(models, actor, version, table, found.choice)
    return Tuned(models.resolve(actor, version.name, version=version.version), table, found.choice, made)


def _publish(
    models: ModelRegistry, actor: Actor, parent: ModelVersion, variant: Variant, row: TunedRow
) -> ModelVersion:
    """The version with the variant's files: one that an earlier tune made, or a new one that no alias names."""
    metric = metric_key(METRICS[parent.card.task])
    about = f"{variant.name} of version {parent.version}, made by tuning. {parent.card.description}"[:4_000]
    metrics = parent.card.metrics | {f"tuned_{metric}": round(row.accuracy or 0.0, 4)}
    card = variant.card.model_copy(update={"description": about, "metrics": metrics})
    draft = Draft(
        name=parent.name,
        files={MODEL_FILE: variant.model_bytes},
        card=card,
        parameters={"tuned_from": str(parent.version), "numbers": variant.numbers, "input": variant.shape},
        parent=parent.reference,
    )
    same = [each for each in models.versions(actor, parent.name) if _made_before(each, parent, variant)]
    return same[0] if same else models.publish(actor, draft)


def _made_before(each: ModelVersion, parent: ModelVersion, variant: Variant) -> bool:
    return (
        each.parent == parent.reference
        and each.sha256 == sha256_of(variant.model_bytes)
        and each.card.input == variant.card.input
    )
