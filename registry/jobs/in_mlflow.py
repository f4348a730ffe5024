"""A job in MLflow: one run with what it was asked and what it came to, linked both ways."""

from typing import Any

import structlog

from registry.errors import RegistryError
from registry.jobs.running import JobRun
from registry.models.registry import ModelRegistry

_EXPERIMENT = "nexusai-jobs"
_TAG = "nexusai.job"
_LONGEST = 500  # characters of a parameter
_log = structlog.get_logger(__name__)


def note_in_mlflow(models: ModelRegistry, run: JobRun, figures: dict[str, float]) -> None:
    """Write the run down once, whatever was killed before; MLflow being away costs the link, not the job."""
    try:
        with models.connected() as client:
            run.mlflow_run_id = _noted(client, _experiment(models, client), run, figures)
    except RegistryError as error:
        _log.warning("job_not_in_mlflow", job=run.job_id, reason=error.message)


def keep_in_mlflow(models: ModelRegistry, run: JobRun, texts: dict[str, str]) -> None:
    """Keep reports as artifacts of the run that was noted, by their names; MLflow being away costs the copies."""
    if not run.mlflow_run_id:
        return
    try:
        with models.connected() as client:
            for name, text in texts.items():
                client.log_text(run.mlflow_run_id, text, name)
    except RegistryError as error:
        _log.warning("report_not_in_mlflow", job=run.job_id, reason=error.message)


def _experiment(models: ModelRegistry, client: Any) -> str:
    name = models.settings.read_mlflow_file().experiments.get("jobs", _EXPERIMENT)
    found = client.get_experiment_by_name(name)
    return str(found.experiment_id if found else client.create_experiment(name))


def _noted(client: Any, experiment: str, run: JobRun, figures: dict[str, float]) -> str:
    known = client.search_runs([experiment], f"tags.`{_TAG}` = '{run.job_id}'", max_results=1)
    if known:
        run_id = str(known[0].info.run_id)
    else:
        made = client.create_run(experiment, run_name=f"{run.kind}-{run.job_id[:8]}", tags={_TAG: run.job_id})
        run_id = str(made.info.run_id)
    for name, value in run.parameters.items():
        if value is not None:
            client.log_param(run_id, name, str(value)[:_LONGEST])
    for name, number in figures.items():
        client.log_metric(run_id, name, number)
    client.set_terminated(run_id, "KILLED" if run.cancelled else "FINISHED")
    return run_id
