"""Jobs on a Prefect work pool: registered for real, taken by Prefect's own worker, told when nobody takes them."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pytest

from flows.prefect_api import PrefectApi
from registry.errors import InvalidSetting
from registry.settings import PROJECT_ROOT, child_environment, load_settings
from tests.flows.conftest import Works, opened_works

pytestmark = pytest.mark.timeout(600)
POOL, PATIENCE_S = "crew", 180.0


@pytest.fixture(scope="module")
def works(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    with opened_works(tmp_path_factory.mktemp("pool") / "home", work_pool=POOL) as opened:
        yield opened


@contextmanager
def _worker(works: Works) -> Iterator[subprocess.Popen[bytes]]:
    environment = child_environment(works.running.settings, NEXUSAI_WORK_POOL=POOL)
    line = [sys.executable, "-m", "app.cli.main", "job-worker", "--limit", "2"]
    process = subprocess.Popen(line, env=environment, cwd=PROJECT_ROOT, start_new_session=True)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def _wait(holds: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if found := holds():
            return found
        time.sleep(0.2)
    raise AssertionError("it did not come true in time")


def _ended(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in runs if each["end_time"]]


def test_a_job_waits_for_a_worker_says_so_and_is_done_by_one(works: Works) -> None:
    job_id = works.start(6)
    said = _wait(lambda: "job-worker" in str(works.job(job_id)["waiting_for"]) and works.job(job_id))
    assert said["state"] == "queued"
    assert f"work pool {POOL}" in said["waiting_for"]
    with _worker(works) as worker:
        done = _wait(lambda: works.job(job_id)["state"] in {"succeeded", "failed"} and works.job(job_id))
        assert (done["state"], done["done"], done["total"]) == ("succeeded", 6, 6), done["error"]
        assert worker.poll() is None
        prefect = PrefectApi(works.running.settings)
        named = {"flow_runs": {"name": {"like_": f"batch-{job_id[:8]}"}}}
        [run] = _wait(lambda: _ended(prefect._call("POST", "/flow_runs/filter", named).json()))
        assert (run["work_pool_name"], run["state_type"]) == (POOL, "COMPLETED")
        deployed = prefect._call("POST", "/deployments/filter", {}).json()
        assert {each["name"] for each in deployed} >= {"batch", "video", "train", "tune", "optimise", "clean"}
        assert {each["work_pool_name"] for each in deployed} == {POOL}
        again = works.start(3)
        _wait(lambda: works.job(again)["state"] == "succeeded")


def test_what_a_worker_had_when_its_host_died_goes_to_another(works: Works) -> None:
    with _worker(works) as doomed:
        job_id = works.start(600)
        _wait(lambda: works.job(job_id)["done"])
        for process in (*psutil.Process(doomed.pid).children(recursive=True), doomed):
            process.kill()
    with _worker(works):
        done = _wait(lambda: works.job(job_id)["state"] in {"succeeded", "failed"} and works.job(job_id))
    assert (done["state"], done["done"], done["total"]) == ("succeeded", 600, 600), done["error"]
    lines = works.client.get(f"/api/v1/inference/jobs/{job_id}/results/results.jsonl").raise_for_status().text
    assert len(lines.splitlines()) == 600


def test_a_worker_without_a_pool_is_told_what_to_set(works: Works) -> None:
    from flows.work_pool import job_worker

    with pytest.raises(InvalidSetting, match="no work pool") as caught:
        job_worker(load_settings(home=works.running.settings.home, work_pool=""), None)
    assert "NEXUSAI_WORK_POOL" in caught.value.hint


@pytest.mark.parametrize("name", ["two words", "../up", "x" * 64, "-dash"])
def test_a_pool_that_no_prefect_would_find_is_refused(name: str) -> None:
    with pytest.raises(InvalidSetting, match=r"work_pool"):
        load_settings(work_pool=name)
