"""A job in a notebook: how far it is, watching it, its results."""

import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from registry.access.actor import Actor
from registry.errors import InvalidInput, RegistryError
from registry.jobs.jobs import Jobs
from registry.jobs.view import seconds_left
from registry.records import Job, JobState
from registry.records.jobs import is_final

if TYPE_CHECKING:
    import pandas as pd

_LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class JobHandle:
    """One job on behalf of one actor."""

    id: str
    _actor: Actor
    _jobs: Jobs

    def status(self) -> dict[str, Any]:
        """The job as the HTTP contract has it. Raises JobNotFound."""
        return self._jobs.to_dict(self._jobs.get(self._actor, self.id))

    def watch(self, told: Callable[[str], None] | None = None) -> dict[str, Any]:
        """Wait until it has ended, telling how far it is whenever that changes; gives the job.

        Raises the job's error where it failed.
        """
        before = ""
        while True:
            job = self._jobs.get(self._actor, self.id)
            words = describe(job, self._jobs)
            if told is not None and words != before:
                told(words)
            before = words
            if is_final(job.state):
                if job.error and job.state == JobState.FAILED:
                    raise RegistryError(job.error["message"], hint=job.error["hint"], details=job.error["details"])
                return self._jobs.to_dict(job)
            time.sleep(_LOOK_S)

    def cancel(self) -> dict[str, Any]:
        """Cancel it; what is finished is kept. Raises JobEnded."""
        return self._jobs.to_dict(self._jobs.cancel(self._actor, self.id))

    def retry(self) -> dict[str, Any]:
        """Run it again where it failed; it goes on from what it had finished. Raises JobNotRetried."""
        return self._jobs.to_dict(self._jobs.retry(self._actor, self.id))

    def read(self, name: str) -> bytes:
        """One of its result files. Raises ObjectNotFound."""
        file, _ = self._jobs.open_result(self._actor, self.id, name)
        with file:
            return file.read()

    def frame(self, name: str = "results.parquet") -> "pd.DataFrame":
        """What it found, a row each, or another of its tables. Raises InvalidInput where it has no such table."""
        import pandas as pd

        if not any(each["name"] == name for each in (self.status()["result"] or {}).get("files", [])):
            raise InvalidInput(f"this job has no {name[:80]}, or not yet", hint="Call watch() first.")
        return pd.read_parquet(io.BytesIO(self.read(name)))

    def __repr__(self) -> str:
        return f"Job {self.id}: {describe(self._jobs.get(self._actor, self.id), self._jobs)}"


def describe(job: Job, jobs: Jobs) -> str:
    """How far a job is, in words."""
    if job.state == JobState.QUEUED:
        return f"queued. {jobs.to_dict(job)['waiting_for']}"
    if is_final(job.state):
        return f"{job.state}, {job.done:,} of {job.total:,}"
    left = seconds_left(job)
    return f"{job.done:,} of {job.total:,}" + (f", about {left:.0f} s left" if left is not None else "")
