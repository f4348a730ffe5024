"""Many queued jobs while runner, Prefect and app are killed at random moments: none lost, none twice, none stuck."""

import json
import os
import random
import signal
import time
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import pytest

from registry.access.actor import local_actor
from registry.access.live import Live, SettingsEditor
from registry.records import open_database

if TYPE_CHECKING:
    from tests.flows.conftest import Works

pytestmark = [pytest.mark.slow, pytest.mark.timeout(5_400)]
JOBS, KILLS, IMAGES = 100, 20, 20
_VICTIMS = ("runner", "prefect", "app", "flow")


def _ask(works: "Works", path: str) -> Any:
    """An answer, however often the app is killed meanwhile."""
    while True:
        try:
            return works.client.get(f"/api/v1/inference{path}").raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.2)


def _start(works: "Works", number: int) -> str:
    while True:
        try:
            return works.start(IMAGES, confidence=f"{0.2 + number / 1_000:.3f}")
        except (httpx.HTTPError, AssertionError):
            time.sleep(0.2)


def _unfinished(works: "Works", ids: set[str]) -> set[str]:
    found = [_ask(works, f"/jobs?size=200&state={state}").json()["items"] for state in ("queued", "running")]
    return ids & {job["id"] for jobs in found for job in jobs}


def test_no_job_is_lost_done_twice_or_stuck(works: "Works") -> None:
    database = open_database(works.running.settings.records_url)
    editor = SettingsEditor(database, Live(database, works.running.settings))
    editor.set(local_actor(), "limits_on", value=False)
    editor.set(local_actor(), "jobs_at_once", value=3)
    editor.set(local_actor(), "batch_jobs_at_once", value=3)
    database.close()
    chance = random.Random(6)
    ids = {_start(works, number) for number in range(JOBS)}
    assert len(ids) == JOBS
    kills = 0
    while left := _unfinished(works, ids):
        time.sleep(chance.uniform(1, 8))
        if kills < KILLS:
            try:
                os.kill(works.process(chance.choice(_VICTIMS)).pid, signal.SIGKILL)
            except (LookupError, psutil.NoSuchProcess, ProcessLookupError):
                continue
            kills += 1
        print(f"{kills} kills, {len(left)} jobs left")
    for job_id in ids:
        job = _ask(works, f"/jobs/{job_id}").json()
        assert job["state"] == "succeeded", job
        lines = _ask(works, f"/jobs/{job_id}/results/results.jsonl").text.splitlines()
        assert [json.loads(line)["file"] for line in lines] == [
            f"photos.zip/{number:03d}.jpg" for number in range(IMAGES)
        ]
    everything = _ask(works, "/jobs?size=200").json()
    assert everything["total"] == JOBS, "no job came into being twice"
