"""The optimisation of a version as a job: measured once, published once, reported whatever was killed between."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from registry.errors import Cancelled, InvalidInput, ModelTooSlow, RegistryError
from registry.jobs.beside import beside
from registry.jobs.in_mlflow import keep_in_mlflow, note_in_mlflow
from registry.jobs.rooms import JobRooms
from registry.jobs.running import JobCancelled, JobRun, Result
from registry.jobs.tuning_parameters import FORM_TITLES, OptimiseParameters
from registry.models.trial import try_out
from registry.models.tuning_table import TunedOn
from registry.models.types import ModelVersion
from registry.runtime.backends import versions
from registry.runtime.card import MODEL_FILE
from registry.runtime.machine import describe_host, host_key, usable_cores
from registry.training.datasets.catalogue import Datasets
from registry.training.datasets.workspace import Workspace
from registry.tuning.accuracy import METRICS
from registry.tuning.data import TuningData, first
from registry.tuning.dataset_data import open_registered
from registry.tuning.lanes import Bench
from registry.tuning.optimisation_report import OptimisationReport, Outcome
from registry.tuning.optimise import Optimisation
from registry.tuning.publish_form import made_before, publish_form
from registry.tuning.variants import Variant
from registry.tuning.watch import Watch, called_off

REPORT, REPORT_TEXT = "optimisation.json", "optimisation.md"
_MEASURED = "measured.json"
_PICTURES = 24  # to time with


def optimise(run: JobRun, rooms: JobRooms) -> Result:
    """Make the forms, measure them, publish those that pass both gates, and report.

    Raises JobCancelled; Forbidden, NotFound in its forms, InvalidInput where model, version or dataset cannot be used
    any more; Unavailable where something is away.
    """
    wanted = OptimiseParameters.model_validate(run.parameters)
    actor = run.owner()
    parent = rooms.models.resolve(actor, wanted.model, version=wanted.version)
    own = own_variant(rooms, parent)
    datasets = Datasets(rooms.database, Workspace(rooms.settings))
    data = beside(run.check, lambda: open_registered(datasets, actor, wanted.dataset, own.card))
    report = _measured(run, rooms, wanted, own, data)
    run.progress(92, 100, "publishing what passed")
    report = report.model_copy(
        update={"outcomes": tuple(_published(run, rooms, parent, own, report, each) for each in report.outcomes)}
    )
    run.progress(99, 100, "writing the report")
    texts = {REPORT: report.model_dump_json(indent=2), REPORT_TEXT: report.markdown()}
    files = [
        {
            "name": name,
            "key": f"{run.ticket}/{name}",
            "size_bytes": run.files.put("results", f"{run.ticket}/{name}", text.encode()),
        }
        for name, text in texts.items()
    ]
    note_in_mlflow(rooms.models, run, _figures(report))
    keep_in_mlflow(rooms.models, run, texts)
    run.progress(100, 100, "")
    made = [each.made_version for each in report.outcomes if each.made_version]
    return {"verdict": report.verdict, "made_versions": made, "files": files}


def own_variant(rooms: JobRooms, version: ModelVersion) -> Variant:
    """The version's own graph. Raises InvalidInput for a model of several files."""
    if set(version.files) != {MODEL_FILE}:
        raise InvalidInput(f"a model of several files cannot be measured: {', '.join(sorted(version.files))}")
    return Variant(rooms.models.files.proven(version)[MODEL_FILE].read(), version.card, is_new=False)


def watch_of(run: JobRun, seconds: float) -> Watch:
    """A watch that tells the job, and is called off with it."""
    return Watch(
        seconds,
        progress=lambda share, text: run.progress(round(90 * share), 100, text),
        cancelled=lambda: run.cancelled,
    )


def _measured(
    run: JobRun, rooms: JobRooms, wanted: OptimiseParameters, own: Variant, data: TuningData
) -> OptimisationReport:
    """What was measured, by this run or by one before it that was killed while it published."""
    if _MEASURED in set(run.files.names("parts")):
        return OptimisationReport.model_validate_json(run.files.get("parts", _MEASURED))
    cores = rooms.settings.inference_threads or usable_cores()
    images = [each.image_bgr for each in first(data.held_out, _PICTURES)]
    with tempfile.TemporaryDirectory(prefix="nexusai-optimise-", ignore_cleanup_errors=True) as folder:
        engines = rooms.settings.home / "cache" / "engines"
        bench = Bench(cores, images, Path(folder), engines, rooms.settings.run_max_seconds)
        study = Optimisation(own, data, bench, wanted, watch_of(run, 3_600))
        try:
            outcomes = called_off(run.check, study.run)
        except Cancelled as error:
            raise JobCancelled(run.job_id) from error
    found = study.own_scores
    report = OptimisationReport(
        model=wanted.model,
        version=wanted.version,
        machine=describe_host(),
        host=host_key(),
        versions=versions(),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        dataset=TunedOn(name=data.name, version=data.version),
        metric=METRICS[own.card.task],
        own_accuracy=found.overall,
        own_by_label=found.by_label,
        own_size_bytes=len(own.model_bytes),
        faster_percent=wanted.faster_percent,
        bound=wanted.bound,
        class_bound=wanted.class_bound,
        outcomes=tuple(outcomes),
    )
    for form, variant in study.made.items():
        run.files.put("parts", f"{form}.onnx", variant.model_bytes)
    run.files.put("parts", _MEASURED, report.model_dump_json().encode())
    return report


def _published(
    run: JobRun, rooms: JobRooms, parent: ModelVersion, own: Variant, report: OptimisationReport, outcome: Outcome
) -> Outcome:
    """An outcome that passed both gates with its version; it takes the same trial run as an upload."""
    run.check()
    if outcome.failed or outcome.form == "tensorrt":
        return outcome
    variant = Variant(run.files.get("parts", f"{outcome.form}.onnx"), own.card, outcome.numbers)
    try:
        made = made_before(rooms.models, run.owner(), parent, variant)
        if made is None:
            run_seconds = rooms.settings.run_max_seconds
            beside(run.check, lambda: try_out({MODEL_FILE: variant.model_bytes}, variant.card, run_seconds))
            made = publish_form(rooms.models, run.owner(), parent, variant, report, outcome)
    except RegistryError as error:
        if error.status != 422 and not isinstance(error, ModelTooSlow):
            raise
        return outcome.model_copy(update={"failed": "checks", "why": f"{FORM_TITLES[outcome.form]}: {error.message}"})
    return outcome.model_copy(update={"made_version": made.version})


def _figures(report: OptimisationReport) -> dict[str, float]:
    found = {"own_accuracy": report.own_accuracy}
    for each in report.outcomes:
        if each.measured and each.accuracy is not None:
            name = each.form.replace("-", "_")
            found |= {f"{name}_speedup": each.measured.speedup, f"{name}_accuracy": each.accuracy}
    return found
