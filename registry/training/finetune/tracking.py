"""A training in MLflow: one run with its data, its parameters and the figures of every epoch, trials nested below it.

MLflow may be away for a while: what was not written then is written with the next epoch.
"""

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import structlog

from registry.errors import RegistryError
from registry.jobs.running import JobRun
from registry.jobs.train_parameters import TrainParameters
from registry.models.registry import ModelRegistry
from registry.settings import PROJECT_ROOT

_EXPERIMENT = "nexusai-training"
_JOB, _EPOCHS, _TRIAL, _PARENT_RUN = "nexusai.job", "nexusai.epochs", "nexusai.trial", "mlflow.parentRunId"
_log = structlog.get_logger(__name__)


class Tracking:
    """The MLflow run of one training, found again by the job's id whatever was killed before."""

    def __init__(self, models: ModelRegistry, run: JobRun, plan: TrainParameters) -> None:
        self._models, self._run, self._plan = models, run, plan
        self._written = 0
        self._experiment = ""

    @property
    def run_id(self) -> str:
        """The run's id, empty as long as MLflow could not be asked."""
        return self._run.mlflow_run_id

    def begin(self) -> None:
        """Find or make the run."""
        self._quietly(self._begin)

    def epochs(self, epochs: Sequence[Mapping[str, float]]) -> None:
        """Write down the epochs that are not in MLflow yet; `epochs` are all of them, in order."""

        def write(client: Any) -> None:
            if not self.run_id:
                self._begin(client)
            for step in range(self._written, len(epochs)):
                _log_epoch(client, self.run_id, epochs[step], step + 1)
                self._written = step + 1

        self._quietly(write)

    def trial(self, number: int, parameters: Mapping[str, Any], epochs: Sequence[float], state: str) -> None:
        """Write down a trial of the search, below the run."""

        def write(client: Any) -> None:
            if not self.run_id:
                self._begin(client)
            tags = {_TRIAL: str(number), _PARENT_RUN: self.run_id, "nexusai.outcome": state}
            made = client.create_run(self._experiment, run_name=f"trial {number}", tags=tags)
            for name, value in parameters.items():
                client.log_param(made.info.run_id, name, value)
            for step, value in enumerate(epochs):
                client.log_metric(made.info.run_id, "fitness", value, step=step + 1)
            client.set_terminated(made.info.run_id, "FINISHED")

        self._quietly(write)

    def finish(self, status: str, figures: Mapping[str, float], tags: Mapping[str, str], folder: Path | None) -> None:
        """End the run with what it came to; `folder` holds the files of the report."""

        def write(client: Any) -> None:
            if not self.run_id:
                self._begin(client)
            for name, value in figures.items():
                client.log_metric(self.run_id, f"test {name}", value)
            for name, text in tags.items():
                client.set_tag(self.run_id, name, text)
            if folder is not None:
                client.log_artifacts(self.run_id, str(folder), "evaluation")
            client.set_terminated(self.run_id, status)

        self._quietly(write)

    def _begin(self, client: Any) -> None:
        name = self._models.settings.read_mlflow_file().experiments.get("training", _EXPERIMENT)
        found = client.get_experiment_by_name(name)
        self._experiment = str(found.experiment_id if found else client.create_experiment(name))
        known = client.search_runs([self._experiment], f"tags.`{_JOB}` = '{self._run.job_id}'", max_results=1)
        if known:
            self._run.mlflow_run_id = str(known[0].info.run_id)
            self._written = int(known[0].data.tags.get(_EPOCHS, "0"))
            return
        tags = {
            _JOB: self._run.job_id,
            "nexusai.dataset": self._plan.data_reference,
            "nexusai.dataset_sha256": self._plan.dataset_sha256,
            "nexusai.parent": self._plan.parent,
            "mlflow.source.git.commit": git_commit(),
        }
        made = client.create_run(self._experiment, run_name=f"{self._plan.model} {self._run.job_id[:8]}", tags=tags)
        self._run.mlflow_run_id = str(made.info.run_id)
        for key, value in self._plan.model_dump(mode="json", exclude={"labels"}).items():
            client.log_param(self.run_id, key, str(value)[:500])
        _log_data(client, self.run_id, self._plan)

    def _quietly(self, write: Callable[[Any], None]) -> None:
        try:
            with self._models.connected() as client:
                write(client)
        except RegistryError as error:
            _log.warning("training_not_in_mlflow", job=self._run.job_id, reason=error.message)


def _log_epoch(client: Any, run_id: str, figures: Mapping[str, float], step: int) -> None:
    """The figures with how many epochs are written, in one call: who is killed between two would write one twice."""
    from mlflow.entities import Metric, RunTag

    now = int(time.time() * 1000)
    metrics = [Metric(name, value, now, step) for name, value in figures.items()]
    client.log_batch(run_id, metrics=metrics, tags=[RunTag(_EPOCHS, str(step))])


def _log_data(client: Any, run_id: str, plan: TrainParameters) -> None:
    """The version of the dataset as MLflow's interface shows data."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    source = f'{{"uri": "nexusai:datasets/{plan.data_reference}"}}'
    data = Dataset(plan.dataset, plan.dataset_sha256[:36], "http", source)
    client.log_inputs(run_id, [DatasetInput(data, [InputTag("mlflow.data.context", "training")])])


@cache
def git_commit() -> str:
    """The commit of the code that trains; empty where it does not lie in a git repository."""
    command = ["git", "-C", str(PROJECT_ROOT), "rev-parse", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""
