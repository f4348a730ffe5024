"""Queued jobs while processes of the platform are killed at random moments, and what must hold afterwards."""

import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import psutil
from sqlmodel import select

from registry.access.actor import local_actor
from registry.access.live import Live, SettingsEditor
from registry.records import AuditEntry, open_database

if TYPE_CHECKING:
    from tests.flows.conftest import Works

STUCK_S = 300.0  # without any job ending, what is away for a while included
_MLFLOW = "/mlflow/api/2.0/mlflow"


@dataclass(frozen=True)
class Storm:
    """So many batches of so many images, and so many kills among those processes."""

    jobs: int
    images: int
    kills: int
    victims: Sequence[str]
    pause_s: tuple[float, float]
    confidence: float  # of the first job: no two platforms' jobs are alike

    def rage(self, works: "Works") -> set[str]:
        """Start the jobs and kill until all have ended; their ids. Raises AssertionError where one is stuck."""
        _at_once(works, 3)
        chance = random.Random(6)
        ids = {self._start(works, number) for number in range(self.jobs)}
        assert len(ids) == self.jobs
        kills, fewest, moved = 0, self.jobs, time.monotonic()
        while left := _unfinished(works, ids):
            if len(left) < fewest:
                fewest, moved = len(left), time.monotonic()
            assert time.monotonic() - moved < STUCK_S, f"nothing ended for {STUCK_S:g} s: {sorted(left)}"
            time.sleep(chance.uniform(*self.pause_s))
            if kills < self.kills and _kill(works, chance.choice(self.victims)):
                kills += 1
            print(f"{kills} kills, {len(left)} jobs left")
        assert kills == self.kills, "the jobs were over before the storm was"
        return ids

    def _start(self, works: "Works", number: int) -> str:
        while True:
            try:
                return works.start(self.images, confidence=f"{self.confidence + number / 1_000:.3f}")
            except (httpx.HTTPError, AssertionError):
                time.sleep(0.2)

    def check(self, works: "Works", ids: set[str]) -> None:
        """Each job ended once: with every image, one run in MLflow, one row that tells of its start."""
        for job_id in ids:
            job = _ask(works, f"/api/v1/inference/jobs/{job_id}").json()
            assert job["state"] == "succeeded", job
            lines = _ask(works, f"/api/v1/inference/jobs/{job_id}/results/results.jsonl").text.splitlines()
            assert [json.loads(line)["file"] for line in lines] == [
                f"photos.zip/{number:03d}.jpg" for number in range(self.images)
            ]
        assert _runs(works, ids) == dict.fromkeys(ids, 1)
        assert _starts(works, ids) == dict.fromkeys(ids, 1)


def _at_once(works: "Works", count: int) -> None:
    database = open_database(works.running.settings.records_url)
    editor = SettingsEditor(database, Live(database, works.running.settings))
    editor.set(local_actor(), "limits_on", value=False)
    for name in ("jobs_at_once", "batch_jobs_at_once"):
        editor.set(local_actor(), name, value=count)
    database.close()


def _ask(works: "Works", path: str) -> httpx.Response:
    """An answer, however often the app is killed meanwhile."""
    deadline = time.monotonic() + STUCK_S
    while True:
        try:
            return works.client.get(path).raise_for_status()
        except httpx.HTTPError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def _unfinished(works: "Works", ids: set[str]) -> set[str]:
    states = ("queued", "running")
    found = [_ask(works, f"/api/v1/inference/jobs?size=200&state={state}").json()["items"] for state in states]
    return ids & {job["id"] for jobs in found for job in jobs}


def _kill(works: "Works", victim: str) -> bool:
    try:
        os.kill(works.process(victim).pid, signal.SIGKILL)
    except (LookupError, psutil.NoSuchProcess, ProcessLookupError):
        return False
    return True


def _runs(works: "Works", ids: set[str]) -> dict[str, int]:
    """How many runs MLflow has of each job."""
    name = {"experiment_name": "nexusai-jobs"}
    found = works.client.get(f"{_MLFLOW}/experiments/get-by-name", params=name).raise_for_status().json()
    asked: dict[str, Any] = {"experiment_ids": [found["experiment"]["experiment_id"]], "max_results": 1_000}
    runs = works.client.post(f"{_MLFLOW}/runs/search", json=asked).raise_for_status().json()["runs"]
    tags = [each for run in runs for each in run["data"]["tags"]]
    return dict(Counter(each["value"] for each in tags if each["key"] == "nexusai.job" and each["value"] in ids))


def _starts(works: "Works", ids: set[str]) -> dict[str, int]:
    """How many rows of the audit trail tell of the start of each job."""
    database = open_database(works.running.settings.records_url)
    with database.read() as session:
        rows = session.exec(select(AuditEntry.target).where(AuditEntry.action == "job.start")).all()
    database.close()
    return dict(Counter(row.removeprefix("job:") for row in rows if row.removeprefix("job:") in ids))
