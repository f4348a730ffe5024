"""Batches and videos that are spread over Ray's workers come to what one process comes to."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from flows.spreading import look_at_stretch, over_ray
from registry.errors import InvalidSetting, RayUnavailable
from registry.models.process import free_port
from registry.settings import PROJECT_ROOT, child_environment, load_settings
from registry.testing.ray_cluster import ray_cluster
from registry.testing.requirements import require_package
from registry.testing.video import Clip, write_digit_clip
from registry.training.digits import load_digits
from tests.flows.conftest import Works, opened_works

pytestmark = pytest.mark.timeout(900)
COUNT = 48
_JOIN = """
import sys
from flows.spreading import _runner
with _runner(sys.argv[1]):
    import ray
    print(f"cpus={ray.cluster_resources()['CPU']:.0f}")
"""


@pytest.fixture(scope="module")
def spread(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    """A platform whose batches are looked at by Ray's workers on this machine, where another Ray is gone."""
    require_package("prefect_ray", "ray")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", f"127.0.0.1:{free_port()}")
        with opened_works(tmp_path_factory.mktemp("ray") / "home", task_runner="ray") as works:
            yield works


def _ended(works: Works, job_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 400
    while time.monotonic() < deadline:
        job: dict[str, Any] = works.job(job_id)
        if job["state"] not in {"queued", "running"}:
            return job
        time.sleep(0.3)
    raise AssertionError(f"it did not end: {works.job(job_id)}")


def _ray_workers(works: Works) -> list[psutil.Process]:
    """The processes that look at stretches and segments."""
    found = []
    for child in psutil.Process(works.running.process.pid).children(recursive=True):
        try:
            if child.name().startswith("ray::") or " ".join(child.cmdline()).startswith("ray::"):
                found.append(child)
        except psutil.Error:
            continue
    return found


def _busy(works: Works, task: str) -> psutil.Process:
    """One that is at a task of this name now."""
    deadline = time.monotonic() + 300
    while not (busy := [each for each in _ray_workers(works) if task in " ".join(each.cmdline())]):
        assert time.monotonic() < deadline, f"no worker took a {task}"
        time.sleep(0.1)
    return busy[0]


def test_its_answers_are_those_of_single_predictions_even_where_a_worker_dies(spread: Works) -> None:
    job_id = spread.start(COUNT, annotate="true")
    os.kill(_busy(spread, "stretch").pid, signal.SIGKILL)
    job = _ended(spread, job_id)
    assert job["state"] == "succeeded", job["error"]
    assert (job["done"], job["result"]["answered"], job["attempts"]) == (COUNT, COUNT, 1)
    results = f"/api/v1/inference/jobs/{job_id}/results"
    lines = [json.loads(line) for line in spread.client.get(f"{results}/results.jsonl").text.splitlines()]
    assert [line["file"] for line in lines] == [f"photos.zip/{number:03d}.jpg" for number in range(COUNT)]
    for number in (0, COUNT - 1):
        image = spread.image(number)
        alone = spread.client.post(
            "/api/v1/inference/predict", files={"file": image}, data={"model": "digit-detector"}
        ).json()
        assert [(each["label"], each["box"]) for each in lines[number]["detections"]] == [
            (each["label"], pytest.approx(each["box"], abs=0.5)) for each in alone["detections"]
        ]
    with zipfile.ZipFile(io.BytesIO(spread.client.get(f"{results}/annotated.zip").content)) as archive:
        assert len(archive.namelist()) == COUNT


def test_segments_of_a_video_are_looked_at_by_workers_even_where_one_dies(spread: Works, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    write_digit_clip(clip, load_digits(), Clip(seconds=26.0, size_wh=(320, 180)))
    asked = {"model": "digit-detector", "annotate": "false"}
    answer = spread.client.post("/api/v1/inference/video", files={"file": clip.open("rb")}, data=asked)
    assert answer.status_code == 202, answer.text
    job_id = answer.json()["id"]
    os.kill(_busy(spread, "segment").pid, signal.SIGKILL)
    job = _ended(spread, job_id)
    assert job["state"] == "succeeded", job["error"]
    assert (job["result"]["pictures"], job["attempts"]) == (650, 1)
    results = f"/api/v1/inference/jobs/{job_id}/results"
    tracks = list(csv.DictReader(io.StringIO(spread.client.get(f"{results}/tracks.csv").text)))
    assert max(int(each["pictures"]) for each in tracks) > 350, "a track goes on from one segment to the next"


@pytest.mark.slow
def test_it_is_cancelled_and_keeps_what_is_finished(spread: Works) -> None:
    job_id = spread.start(2_000, confidence="0.31")
    deadline = time.monotonic() + 300
    while not spread.job(job_id)["done"]:
        assert time.monotonic() < deadline, "nothing came"
        time.sleep(0.2)
    spread.client.delete(f"/api/v1/inference/jobs/{job_id}").raise_for_status()
    job = _ended(spread, job_id)
    assert job["state"] == "cancelled"
    assert 0 < job["result"]["images"] < 2_000


def test_a_cluster_is_joined_by_its_address_and_shown_its_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_package("prefect_ray", "ray")
    (tmp_path / "token").write_text("f" * 64)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    line = [sys.executable, "-c", _JOIN]
    with ray_cluster(1, free_port(), child_environment(load_settings(), RAY_AUTH_MODE="token")) as address:
        told = subprocess.run([*line, address], capture_output=True, text=True, timeout=120, cwd=PROJECT_ROOT)
    assert told.stdout.split()[-1:] == ["cpus=1"], told.stderr


def test_a_cluster_that_does_not_answer_is_told_with_its_address() -> None:
    require_package("prefect_ray", "ray")
    spread = over_ray(load_settings(task_runner=f"ray://127.0.0.1:{free_port()}"), look_at_stretch)
    assert spread is not None
    began = time.monotonic()
    with pytest.raises(RayUnavailable, match=r"ray://127\.0\.0\.1:\d+"):
        next(spread([]))
    assert time.monotonic() - began < 10, "Ray itself tries for half a minute"


def test_a_cluster_at_a_port_that_is_none_is_told_with_its_address() -> None:
    spread = over_ray(load_settings(task_runner="ray://127.0.0.1:head"), look_at_stretch)
    assert spread is not None
    with pytest.raises(RayUnavailable, match=r"ray://127\.0\.0\.1:head"):
        next(spread([]))


def test_threads_spread_nothing() -> None:
    assert over_ray(load_settings(), look_at_stretch) is None


@pytest.mark.parametrize("where", ["rays", "ray://", "ray://user:secret@head:1", "ray://head:1/x", "http://head"])
def test_what_is_no_address_of_a_cluster_is_refused_at_the_start(where: str) -> None:
    with pytest.raises(InvalidSetting, match=r"TASK_RUNNER|task_runner"):
        load_settings(task_runner=where)
