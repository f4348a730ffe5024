"""Jobs through the real Prefect server and runner: started, watched, cancelled, killed, found again.

Kills are real (SIGKILL), and what is checked is what a person would find: the job ended once, with every image in it.
"""

import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pandas as pd
import psutil
import pytest

from registry.records import Schedule, open_database, utc_now
from registry.settings import PROJECT_ROOT, child_environment
from registry.testing.video import Clip, write_digit_clip
from registry.training.digits import load_digits
from tests.flows.storm import Storm

if TYPE_CHECKING:
    from tests.flows.conftest import Works

pytestmark = pytest.mark.timeout(900)
_PATIENCE_S = 240.0
LONG = 900  # images: some seconds of work on any machine
CANCELLED_WITHIN_S = 5.0  # from the request to the job that has ended


def _wait(holds: Callable[[], Any], seconds: float = _PATIENCE_S) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = holds()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError("it did not come true in time")


def _reaches(works: "Works", job_id: str, *states: str) -> dict[str, Any]:
    def ask() -> dict[str, Any] | None:
        try:
            job: dict[str, Any] = works.job(job_id)
        except httpx.HTTPError:  # the app itself was killed
            return None
        return job if job["state"] in states else None

    return _wait(ask)


def _lines(works: "Works", job_id: str) -> list[dict[str, Any]]:
    answer = works.client.get(f"/api/v1/inference/jobs/{job_id}/results/results.jsonl").raise_for_status()
    return [json.loads(line) for line in answer.text.splitlines()]


def _whole(works: "Works", job: dict[str, Any], count: int) -> None:
    """Every image once, in its order, in a job that has succeeded."""
    assert job["state"] == "succeeded", job["error"]
    assert [line["file"] for line in _lines(works, job["id"])] == [
        f"photos.zip/{number:03d}.jpg" for number in range(count)
    ]
    assert job["result"]["answered"] == count
    assert (job["done"], job["total"], job["progress"]) == (count, count, 1.0)


def test_a_batch_is_started_watched_and_found_with_its_results(works: "Works") -> None:
    assert works.client.get("/health/ready").json()["checks"]["prefect"] == "ok"
    started = time.monotonic()
    job_id = works.start(12, annotate="true")
    job = _reaches(works, job_id, "succeeded", "failed")
    print(f"submitted to ended: {time.monotonic() - started:.1f} s")
    _whole(works, job, 12)
    assert {each["name"] for each in job["result"]["files"]} == {"results.jsonl", "results.parquet", "annotated.zip"}
    parquet = works.client.get(f"/api/v1/inference/jobs/{job_id}/results/results.parquet").content
    assert {"file", "label", "score", "x1"} <= set(pd.read_parquet(io.BytesIO(parquet)))
    assert works.start(12, annotate="true") == job_id  # the same images, asked for alike


def test_prefect_shows_the_run_with_its_progress_to_those_who_may(works: "Works") -> None:
    job = works.job(works.start(12, annotate="true"))
    run_id = str(job["links"]["prefect"]).rpartition("/")[2]  # type: ignore[index]
    run = _wait(lambda: _ended(works.client.get(f"/prefect/api/flow_runs/{run_id}").raise_for_status().json()))
    assert (run["state_type"], run["parameters"]["job_id"]) == ("COMPLETED", job["id"])
    asked = {"artifacts": {"key": {"any_": [f"job-{job['id']}"]}}}
    [artifact] = works.client.post("/prefect/api/artifacts/filter", json=asked).raise_for_status().json()
    assert artifact["data"] == 100
    assert artifact["flow_run_id"] == run_id


def _ended(run: dict[str, Any]) -> dict[str, Any] | None:
    return run if run["state_type"] in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"} else None


def test_a_folder_on_the_server_is_read_in_place(works: "Works") -> None:
    folder = str(PROJECT_ROOT / "data" / "samples")
    answer = works.client.post("/api/v1/inference/batch", data={"model": "digit-classifier", "folder": folder})
    assert answer.status_code == 202, answer.text
    job = _reaches(works, answer.json()["id"], "succeeded", "failed")
    assert job["result"]["answered"] == job["total"] > 1
    refused = works.client.post("/api/v1/inference/batch", data={"model": "digit-classifier", "folder": "/etc"})
    assert refused.status_code == 404


def test_a_running_batch_is_cancelled_and_keeps_what_is_finished(works: "Works") -> None:
    job_id = works.start(LONG, confidence="0.31")
    _wait(lambda: works.job(job_id)["done"])
    asked = time.monotonic()
    works.client.delete(f"/api/v1/inference/jobs/{job_id}").raise_for_status()
    job = _reaches(works, job_id, "cancelled", "succeeded", "failed")
    assert time.monotonic() - asked < CANCELLED_WITHIN_S
    assert job["state"] == "cancelled"
    assert 0 < job["result"]["images"] < LONG
    assert len(_lines(works, job_id)) == job["result"]["images"]
    again = works.client.delete(f"/api/v1/inference/jobs/{job_id}")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "job_ended")


def test_a_batch_that_is_cancelled_in_prefect_keeps_what_was_stored(works: "Works") -> None:
    job_id = works.start(LONG, confidence="0.32")
    parts = Path(works.running.settings.storage_root, "jobs", job_id, "parts")
    _wait(lambda: list(parts.glob("*.jsonl")))
    run_id = works.job(job_id)["links"]["prefect"].rpartition("/")[2]
    asked = {"state": {"type": "CANCELLING"}}
    works.client.post(f"/prefect/api/flow_runs/{run_id}/set_state", json=asked).raise_for_status()
    job = _reaches(works, job_id, "cancelled", "succeeded", "failed")
    assert job["state"] == "cancelled"
    assert 0 < job["result"]["images"] < LONG
    assert len(_lines(works, job_id)) == job["result"]["images"]


@pytest.mark.parametrize(
    "victim",
    ["flow", "runner", pytest.param("prefect", marks=pytest.mark.slow), pytest.param("app", marks=pytest.mark.slow)],
)
def test_whoever_is_killed_the_batch_ends_once_and_whole(works: "Works", victim: str) -> None:
    confidence = {"flow": "0.41", "runner": "0.42", "prefect": "0.43", "app": "0.44"}[victim]
    job_id = works.start(LONG, confidence=confidence)
    _wait(lambda: works.job(job_id)["done"])
    found = works.process(victim)
    os.kill(found.pid, signal.SIGKILL)
    killed = time.monotonic()
    if victim in ("flow", "runner"):
        before = works.job(job_id)["attempts"]
        _wait(lambda: (job := works.job(job_id)) and (job["state"] != "running" or job["attempts"] != before))
        print(f"{victim} killed, noticed after {time.monotonic() - killed:.1f} s")
        assert time.monotonic() - killed < 30
    job = _reaches(works, job_id, "succeeded", "failed", "cancelled")
    print(f"{victim} killed, ended after {time.monotonic() - killed:.1f} s in {job['attempts']} attempts")
    _whole(works, job, LONG)
    _wait(lambda: _answers(works))


def test_none_of_several_jobs_is_lost_or_done_twice_when_flow_and_runner_are_killed(works: "Works") -> None:
    storm = Storm(3, 40, 2, ("flow", "runner"), (0.2, 1.0), confidence=0.46)
    storm.check(works, storm.rage(works))


def _answers(works: "Works") -> bool:
    try:
        return works.client.get("/health/ready").status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


@pytest.fixture
def stopped_prefect(works: "Works") -> Iterator[psutil.Process]:
    """Prefect's process, which does nothing until it is resumed."""
    process = works.process("prefect")
    process.suspend()
    yield process
    process.resume()


def test_while_prefect_is_away_jobs_wait_and_say_so(works: "Works", stopped_prefect: psutil.Process) -> None:
    job_id = works.start(3, confidence="0.51")
    _wait(lambda: "Prefect" in str(works.job(job_id)["waiting_for"]))
    assert works.job(job_id)["state"] == "queued"
    assert works.client.get("/health/ready").status_code == 503
    stopped_prefect.resume()
    _whole(works, _reaches(works, job_id, "succeeded", "failed"), 3)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute of moving digits: some seconds of work on any machine, in several segments."""
    path = tmp_path_factory.mktemp("films") / "film.mp4"
    write_digit_clip(path, load_digits(), Clip(seconds=60.0, size_wh=(320, 180)))
    return path


def _start_video(works: "Works", film: Path, **fields: str) -> str:
    answer = works.client.post(
        "/api/v1/inference/video",
        files={"file": (film.name, film.read_bytes())},
        data={"model": "digit-detector", **fields},
    )
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


@pytest.mark.slow
def test_a_video_whose_run_is_killed_is_gone_on_with_and_ends_once(works: "Works", film: Path) -> None:
    job_id = _start_video(works, film)
    _wait(lambda: int(str(works.job(job_id)["done"])) > 400)  # the first segment is stored
    os.kill(works.process("flow").pid, signal.SIGKILL)
    job = _reaches(works, job_id, "succeeded", "failed", "cancelled")
    assert job["state"] == "succeeded", job["error"]
    assert (job["attempts"], job["result"]["pictures"], job["done"]) == (2, 1_500, 1_500)
    results = f"/api/v1/inference/jobs/{job_id}/results"
    table = pd.read_parquet(io.BytesIO(works.client.get(f"{results}/results.parquet").content))
    assert table["picture"].is_monotonic_increasing
    assert not table.duplicated(["picture", "track_id", "x1", "y1"]).any()
    start = works.client.get(f"{results}/annotated.mp4", headers={"range": "bytes=0-4095"})
    assert (start.status_code, len(start.content), b"ftyp" in start.content[:12]) == (206, 4096, True)


def test_a_running_video_is_cancelled_and_keeps_what_is_finished(works: "Works", film: Path) -> None:
    job_id = _start_video(works, film, confidence="0.33")
    _wait(lambda: works.job(job_id)["done"])
    asked = time.monotonic()
    works.client.delete(f"/api/v1/inference/jobs/{job_id}").raise_for_status()
    job = _reaches(works, job_id, "cancelled", "succeeded", "failed")
    assert time.monotonic() - asked < CANCELLED_WITHIN_S
    assert job["state"] == "cancelled"
    assert 0 < job["result"]["pictures"] < 1_500
    assert {"annotated.mp4", "results.csv", "heatmap.png"} <= {each["name"] for each in job["result"]["files"]}


def test_the_command_line_submits_watches_and_lists(works: "Works", film: Path) -> None:
    def nexusai(*words: str) -> Any:
        line = [sys.executable, "-m", "app.cli.main", "jobs", *words, "--json"]
        environment = child_environment(works.running.settings)
        done = subprocess.run(line, env=environment, capture_output=True, text=True, cwd=PROJECT_ROOT)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    folder = str(PROJECT_ROOT / "data" / "samples")
    ended = nexusai("submit", "batch", folder, "--model", "digit-detector", "--confidence", "0.61", "--wait")
    assert ended["state"] == "succeeded"
    assert ended["owner"].startswith("local:")
    assert ended["id"] in {each["id"] for each in nexusai("list", "--state", "succeeded")}
    assert nexusai("watch", ended["id"][:12])["id"] == ended["id"]
    asked = ["--fps", "2", "--no-annotate", "--wait"]
    analysed = nexusai("submit", "video", str(film), "--model", "digit-detector", *asked)
    assert (analysed["state"], analysed["result"]["pictures"]) == ("succeeded", 120)


def test_a_dataset_is_imported_there(works: "Works") -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted((PROJECT_ROOT / "data" / "samples").glob("*.jpg")):
            archive.write(path, f"scenes/{path.name}")
    asked = {"files": {"file": ("scenes.zip", packed.getvalue())}, "data": {"name": "scenes", "task": "classify"}}
    job = works.client.post("/api/v1/datasets/imports", **asked).raise_for_status().json()
    ended = _reaches(works, job["id"], "succeeded", "failed")
    assert ended["state"] == "succeeded", ended["error"]
    versions = works.client.get("/api/v1/datasets/scenes/versions").raise_for_status().json()
    assert [each["images"] for each in versions["items"]] == [ended["result"]["images"]]
    assert ended["result"]["images"] > 1


def test_a_backup_and_a_tune_run_there_too(works: "Works") -> None:
    asked = {"/care/backup": {"keep": 1}, "/models/digit-classifier/tune": {"dataset": "starter", "minutes": 0.1}}
    started = time.monotonic()
    ids = [works.client.post(f"/api/v1{way}", json=body).raise_for_status().json()["id"] for way, body in asked.items()]
    backup, tune = (_reaches(works, job_id, "succeeded", "failed") for job_id in ids)
    took = [f"{job['kind']} {job['started_at']} to {job['finished_at']}" for job in (backup, tune)]
    print(f"submitted to ended: {time.monotonic() - started:.1f} s; {took}")
    for job in (backup, tune):
        assert job["state"] == "succeeded", job["error"]
        run_id = job["links"]["prefect"].rpartition("/")[2]
        run = _wait(lambda run_id=run_id: _ended(works.client.get(f"/prefect/api/flow_runs/{run_id}").json()))
        assert run["state_type"] == "COMPLETED"
    kept = Path(works.running.settings.storage_root, "backups", backup["result"]["backup"])
    assert "2 databases" in backup["result"]["verdict"]
    assert len([each for each in kept.iterdir() if each.stat().st_size]) == 3, "both, and the manifest"
    table = works.client.get(f"/api/v1/inference/jobs/{tune['id']}/results/tuning.json").raise_for_status().json()
    assert table["rows"][0]["alone"], "the default was measured"
    assert table["verdict"] == tune["result"]["verdict"]


def test_a_schedule_that_is_due_starts_its_job_once_and_prefect_shows_it(works: "Works") -> None:
    plan = {"kind": "batch", "cron": "0 4 * * 0", "time_zone": "Europe/Berlin"}
    about = {"model": "digit-classifier", "folder": str(PROJECT_ROOT / "data" / "samples"), "confidence": 0.77}
    asked = {"name": "Every Sunday", "parameters": about, **plan}
    made = works.client.post("/api/v1/schedules", json=asked).raise_for_status().json()
    database = open_database(works.running.settings.records_url)
    with database.write() as session:  # three weeks ago everything was down
        found = session.get(Schedule, made["id"])
        found.next_at = utc_now() - timedelta(weeks=3)
        session.add(found)
    database.close()
    place = f"/api/v1/schedules/{made['id']}"
    last = _wait(lambda: works.client.get(place).raise_for_status().json()["last_job_id"])
    job = _reaches(works, last, "succeeded", "failed")
    assert job["result"]["answered"] == job["total"] > 1
    now = works.client.get(place).json()
    assert now["next_at"] > now["last_at"]
    assert _wait(lambda: _shown_in_prefect(works).get("every-sunday")) == ("0 4 * * 0", "Europe/Berlin")
    works.client.delete(place).raise_for_status()
    assert _wait(lambda: "every-sunday" not in _shown_in_prefect(works))


def _shown_in_prefect(works: "Works") -> dict[str, Any]:
    """Cron and time zone of what Prefect shows, by the beginning of its slug."""
    asked = {"deployments": {"name": {"any_": ["schedules"]}}}
    [deployment] = works.client.post("/prefect/api/deployments/filter", json=asked).raise_for_status().json()
    return {
        each["slug"].rpartition("-")[0]: (each["schedule"]["cron"], each["schedule"]["timezone"])
        for each in deployment["schedules"]
    }
