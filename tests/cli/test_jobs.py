"""A job from the command line: one that failed is tried again."""

import json
from pathlib import Path

from registry.access.actor import local_actor
from registry.jobs.batch_parameters import BatchParameters
from registry.jobs.jobs import Jobs
from registry.records import Database, JobState, jobs
from registry.settings import Settings
from registry.storage import LocalStorage
from tests.cli.here import here


def test_a_failed_job_is_queued_again_and_one_that_waits_is_not(
    settings: Settings, sqlite: Database, tmp_path: Path
) -> None:
    asked = BatchParameters(model="m", version=1, source="upload")
    job = Jobs(sqlite, LocalStorage(tmp_path)).start(local_actor(), "batch", asked)
    with sqlite.write() as session:
        jobs.end(session, job.id, 0, JobState.FAILED, error={"message": "?", "hint": "", "details": {}})
    told = here(settings, "jobs", "retry", job.id[:8], "--json")
    assert (json.loads(told.stdout)["state"], told.returncode) == ("queued", 0)
    refused = here(settings, "jobs", "retry", job.id[:8])
    assert "only a job that has failed is tried again; this one is waiting" in refused.stderr
    assert refused.returncode
