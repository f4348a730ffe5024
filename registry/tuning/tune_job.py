"""A tune as a job."""

from registry.errors import Cancelled
from registry.jobs.in_mlflow import keep_in_mlflow, note_in_mlflow
from registry.jobs.rooms import JobRooms
from registry.jobs.running import JobCancelled, JobRun, Result
from registry.jobs.tuning_parameters import TuneParameters
from registry.models.types import ModelVersion
from registry.training.datasets.catalogue import Datasets
from registry.training.datasets.workspace import Workspace
from registry.tuning.dataset_data import open_registered
from registry.tuning.findings import Findings, store, stored_findings
from registry.tuning.optimise_job import watch_of
from registry.tuning.tune import Wanted, find, keep
from registry.tuning.watch import called_off

REPORT = "tuning.json"


def tune_as_job(run: JobRun, rooms: JobRooms) -> Result:
    """Tune the version, keep its table with it and as the job's result: measured once, whatever is killed after that.

    Raises as `registry.tuning.tune.tune` does.
    """
    given = TuneParameters.model_validate(run.parameters)
    actor = run.owner()
    version = rooms.models.resolve(actor, given.model, version=given.version)
    found = stored_findings(run.files)
    if found is None:
        found = _found(run, rooms, given, version)
        store(run.files, found)
    run.check()
    run.progress(95, 100, "recording")
    tuned = keep(rooms.models, actor, version, found)
    text = tuned.table.model_dump_json(indent=2)
    key = f"{run.ticket}/{REPORT}"
    size = run.files.put("results", key, text.encode())
    note_in_mlflow(rooms.models, run, {"default_accuracy": tuned.table.default_accuracy})
    keep_in_mlflow(rooms.models, run, {REPORT: text})
    run.progress(100, 100, "")
    made = [tuned.made.version] if tuned.made else []
    files = [{"name": REPORT, "key": key, "size_bytes": size}]
    return {"verdict": tuned.table.verdict, "made_versions": made, "files": files}


def _found(run: JobRun, rooms: JobRooms, given: TuneParameters, version: ModelVersion) -> Findings:
    actor = run.owner()
    datasets = Datasets(rooms.database, Workspace(rooms.settings))
    wanted = Wanted(given.dataset, given.bound, given.minutes, given.goal)

    def measured() -> Findings:
        data = open_registered(datasets, actor, given.dataset, version.card)
        return find(rooms.models, actor, version, wanted, watch_of(run, given.minutes * 60), data)

    try:
        return called_off(run.check, measured)
    except Cancelled as error:
        raise JobCancelled(run.job_id) from error
