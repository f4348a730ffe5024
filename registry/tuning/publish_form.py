"""A form that passed both gates as a version of its model: with its parent, its figures, and how it runs here."""

from registry.access import Actor
from registry.models.files import sha256_of
from registry.models.publish import Draft
from registry.models.registry import ModelRegistry
from registry.models.tuning import record
from registry.models.tuning_table import TunedLane, TunedRow, TuningTable
from registry.models.types import ModelVersion
from registry.runtime.card import MODEL_FILE
from registry.runtime.host_choice import Backend
from registry.tuning.accuracy import metric_key
from registry.tuning.optimisation_report import OptimisationReport, Outcome
from registry.tuning.variants import Variant

NOTE = "optimisation.json"


def made_before(models: ModelRegistry, actor: Actor, parent: ModelVersion, variant: Variant) -> ModelVersion | None:
    """The version with these bytes that was made of this parent already. Raises ModelNotFound, MlflowUnavailable."""
    for each in models.versions(actor, parent.name):
        if each.parent == parent.reference and each.sha256 == sha256_of(variant.model_bytes):
            return each
    return None


def publish_form(
    models: ModelRegistry,
    actor: Actor,
    parent: ModelVersion,
    variant: Variant,
    report: OptimisationReport,
    outcome: Outcome,
) -> ModelVersion:
    """The new version of a form, which no alias names.

    Raises Forbidden, Conflict (the model is archived), ModelNotFound, MlflowUnavailable.
    """
    metric = metric_key(report.metric)
    figures = {f"optimised_{metric}": round(outcome.accuracy or 0.0, 4)}
    if outcome.measured:
        figures["optimised_speedup"] = round(outcome.measured.speedup, 3)
    about = f"{variant.name} of version {parent.version}, made by optimisation. {parent.card.description}"[:4_000]
    card = variant.card.model_copy(update={"description": about, "metrics": parent.card.metrics | figures})
    draft = Draft(
        name=parent.name,
        files={MODEL_FILE: variant.model_bytes},
        card=card,
        parameters={"optimised_from": str(parent.version), "form": outcome.form, "numbers": variant.numbers},
        notes={NOTE: outcome.model_dump_json(indent=2).encode()},
        parent=parent.reference,
    )
    made = models.publish(actor, draft)
    record(models, actor, made, _table(report, outcome, variant), outcome.choice)
    return made


def _table(report: OptimisationReport, outcome: Outcome, variant: Variant) -> TuningTable:
    """What was measured, as the version's page shows how fast it runs."""
    row = TunedRow(
        variant=variant.name,
        backend=outcome.choice.backend if outcome.choice else Backend.CPU,
        precision="f32",
        new_files=False,
        accuracy=outcome.accuracy,
        loss=outcome.loss,
        choice=outcome.choice,
        alone=_lanes(outcome),
    )
    return TuningTable(
        host=report.host,
        verdict=f"Made from version {report.version}: {outcome.form}, {_speed(outcome)}.",
        machine=report.machine,
        versions=report.versions,
        at=report.at,
        dataset=report.dataset,
        metric=report.metric,
        bound=report.bound,
        default_accuracy=report.own_accuracy,
        chosen=row,
        rows=(row,),
    )


def _lanes(outcome: Outcome) -> tuple[TunedLane, ...]:
    found = outcome.measured
    if found is None or outcome.choice is None:
        return ()
    return (
        TunedLane(
            threads=outcome.choice.threads,
            ms=found.ms,
            p25=found.ms,
            p75=found.ms,
            speedup=found.speedup,
            surely=found.surely,
            blocks=found.rounds,
        ),
    )


def _speed(outcome: Outcome) -> str:
    return f"{outcome.measured.speedup:.2f} × as fast by {outcome.measured.backend}" if outcome.measured else ""
