"""A tune as a job."""

from registry.errors import Cancelled
from registry.jobs.in_mlflow import keep_in_mlflow, note_in_mlflow
from registry.jobs.rooms import JobRooms
from registry.jobs.running import JobCancelled, JobRun, Result
from registry.jobs.tuning_parameters import TuneParameters
from registry.training.datasets.catalogue import Datasets
from registry.training.datasets.workspace import Workspace
from registry.tuning.dataset_data import open_registered
from registry.tuning.optimise_job import watch_of
from registry.tuning.tune import Wanted, tune

REPORT = "tuning.json"


def tune_as_job(run: JobRun, rooms: JobRooms) -> Result:
    """Tune the version, keep its table with it and as the job's result. Raises as `registry.tuning.tune.tune` does."""
    given = TuneParameters.model_validate(run.parameters)
    actor = run.owner()
    version = rooms.models.resolve(actor, given.model, version=given.version)
    data = open_registered(Datasets(rooms.database, Workspace(rooms.settings)), actor, given.dataset, version.card)
    wanted = Wanted(given.dataset, given.bound, given.minutes, given.goal)
    try:
        watch = watch_of(run, given.minutes * 60)
        tuned = tune(rooms.models, actor, given.model, wanted, watch, version=given.version, data=data)
    except Cancelled as error:
        raise JobCancelled(run.job_id) from error
    text = tuned.table.model_dump_json(indent=2)
    key = f"{run.ticket}/{REPORT}"
    size = run.files.put("results", key, text.encode())
    note_in_mlflow(rooms.models, run, {"default_accuracy": tuned.table.default_accuracy})
    keep_in_mlflow(rooms.models, run, {REPORT: text})
    run.progress(100, 100, "")
    made = [tuned.made.version] if tuned.made else []
    files = [{"name": REPORT, "key": key, "size_bytes": size}]
    return {"verdict": tuned.table.verdict, "made_versions": made, "files": files}
